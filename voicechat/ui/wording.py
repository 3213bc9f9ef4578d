"""The deck's sentences: for every state of the microphone one answer to "am I being heard?", and why not.

Pure: records in, words out. A closed microphone always names who closed it and what opens it again (R4).

Money and tokens in the words of the header, the glance and the numbers. What is not known is never written as 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from voicechat.core.view import ConnectionView, Lamp, MicView, ReplyView, TurnView
from voicechat.errors import ConfigError
from voicechat.insight.metrics.ledger import Figures

Piece = tuple[str, str, bool]
"""Text, colour name, bold."""


def dollars(amount: float) -> str:
    """`$0.18`; below a cent four places, so that a short talk does not read as free."""
    return f"${amount:.2f}" if amount >= 0.01 or amount == 0 else f"${amount:.4f}"


def limit_words(seconds: float) -> str:
    """`60:00`: services tell their limits in minutes."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def grouped(count: int) -> str:
    """`1 936`: thousands apart."""
    return f"{count:,}".replace(",", " ")


def is_free(figures: Figures) -> bool:
    """A model that costs nothing: its price is known, and is nothing."""
    cost = figures.money.cost
    return cost is not None and cost.usd == 0.0


def cost_pieces(figures: Figures, *, long: bool) -> list[Piece]:
    """The header's cost: nothing before the first answer and nothing for a free model, which has nothing to warn of."""
    money, used = figures.money, figures.usage.total
    if not used or (is_free(figures) and not money.budget):
        return []
    if money.cost is None:
        return [(f"{grouped(used)} tok", "foreground", False)]
    spent = ("≈ " if money.cost.is_estimate else "") + dollars(money.cost.usd)
    if money.budget is None:
        return [(spent, "foreground", True)]
    limit = f" of {dollars(money.budget)}"
    if money.state in ("near", "spent"):
        return [(f"▲ {spent}{limit}", "warning", True)]
    return [(spent, "foreground", True), *([(limit, "quiet", False)] if long else [])]


Release = Literal["unknown", "true", "guessed", "remote", "tap"]
"""How the end of a hold is known: reported by the terminal; guessed from key repeat (here, or over a slow remote
line); or not at all, so that a tap switches."""
Tone = Literal["live", "plain", "waiting", "warning", "error"]

RELEASE_LONG: Mapping[Release, str] = {
    "unknown": "",
    "true": "{key}: true hold",
    "guessed": "{key}: hold, end guessed, ≈0.2 s late",
    "remote": "{key}: hold, end guessed, ≈0.4 s late (remote)",
    "tap": "{key}: tap on, tap off",
}
RELEASE_SHORT: Mapping[Release, str] = {
    "unknown": "",
    "true": "true hold",
    "guessed": "≈ hold",
    "remote": "≈ hold",
    "tap": "tap",
}

CUT_WORDS = {
    "you": "you stopped it at",
    "barge-in": "you cut in at",
    "push-to-talk": "you cut in at",
    "server": "server cut it at",
    "line": "connection lost at",
    "device": "no sound device from",
}


NO_KEY = "\0"
"""What a read-only viewer has in place of a key that would change the talk."""


@dataclass(frozen=True, slots=True)
class Keys:
    """How the keys that sentences name are called now: binding id without its `vc.` -> name of its first key."""

    names: Mapping[str, str] = field(default_factory=lambda: _default_names())

    def of(self, name: str) -> str:
        """`Esc`, `F2`, `?`; empty where the action has no key."""
        return self.names.get(name, "")

    def fill(self, text: str) -> str:
        """A text with `{vc.events}` and the like replaced by the names of the keys."""
        return re.sub(r"\{vc\.(\w+)\}", lambda found: self.of(found[1]), text)

    @property
    def talk(self) -> str:
        return self.of("ptt")

    @property
    def mute(self) -> str:
        return self.of("mute")

    @property
    def stop(self) -> str:
        return self.of("back")

    @property
    def barge_in(self) -> str:
        return self.of("barge_in")

    @property
    def type(self) -> str:
        return self.of("type")

    @property
    def again(self) -> str:
        return self.of("again")

    @property
    def devices(self) -> str:
        return self.of("devices")

    @property
    def wait(self) -> str:
        return self.of("keep_waiting")


NOTE_HINTS: Mapping[str, str] = {
    "answer_failed": "{vc.again} asks again.",
    "no_answer": "{vc.again} asks again.",
    "tools_in_a_row": "{vc.again} asks it once more.",
    "transcription_failed": "{vc.again} asks for an answer anyway.",
    "transcript_missing": "{vc.again} asks for an answer to what you said.",
    "budget_spent": "{vc.commands} and continue goes on beyond it.",
    "budget_not_asked": "{vc.commands} and continue goes on beyond it.",
    "budget_press": "{vc.commands} and continue goes on.",
    "false_alarm": "{vc.barge_in} turns barge-in off if this happens often.",
    "settings_unconfirmed": "{vc.events} shows what it said.",
    "tools_not_listed": "{vc.events} shows why.",
    "no_microphone": "{vc.devices} shows the devices, {vc.again} looks again.",
    "no_loudspeaker": "{vc.devices} shows the devices.",
    "device_lost": "{vc.devices} shows the devices.",
    "device_note": "{vc.devices} shows the devices.",
}
"""Code of a note -> the key that helps, which only the screen can name."""


def with_hint(turn: TurnView, keys: Keys) -> TurnView:
    """A note with the key that helps."""
    hint = NOTE_HINTS.get(turn.detail) if turn.who == "note" else None
    return turn if hint is None else replace(turn, text=f"{turn.text} {keys.fill(hint)}")


def _default_names() -> Mapping[str, str]:
    from voicechat.ui.bindings import spoken_keys  # it imports this module, and Textual, which plain mode spares

    return spoken_keys({}).names


@dataclass(frozen=True, slots=True)
class MicWords:
    """What the left side of the deck says."""

    glyph: str
    badge: str
    tone: Tone
    sentence: str
    second: str
    lamps: tuple[Lamp, Lamp, Lamp]
    live: bool


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """What the right side of the deck says."""

    glyph: str
    color: str
    text: str
    second: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a sentence may need."""

    mic: MicView
    reply: ReplyView
    connection: ConnectionView
    keys: Keys = field(default_factory=Keys)
    release: Release = "unknown"
    clipped: float = 0.0
    keeps_waiting: bool = False
    """A lost device is wanted back, and no other in its place."""
    can_wait: bool = False

    @property
    def voice(self) -> str:
        """The assistant's name on this screen."""
        return assistant_name(self.connection)


def language_words(code: str) -> str:
    """A language in words where its code is known; imported here because most talks have none."""
    from voicechat.config.translation import language_name

    try:
        return language_name(code)
    except ConfigError:
        return code


def assistant_name(connection: ConnectionView) -> str:
    """The voice in use; it labels the assistant everywhere."""
    return connection.voice or "assistant"


def cut_words(turn: TurnView) -> str:
    """`you cut in at 2.4 s`: who cut the answer, and when."""
    words = "a noise cut it at" if turn.false_alarm else CUT_WORDS[turn.cut_by or "you"]
    return f"{words} {'≈' if turn.cut_is_estimate else ''}{turn.cut_at:.1f} s"


def release_words(release: Release, key: str) -> str:
    """`Space: true hold` and its kin; empty while nothing is known yet."""
    return RELEASE_LONG[release].format(key=key)


def mic_words(scene: Scene) -> MicWords:
    """The badge, the sentence and the line under it."""
    glyph, badge, tone = _badge(scene.mic)
    sentence, second = (without_keys(words) for words in _sentences(scene))
    sentence = sentence or scene.mic.reason
    return MicWords(glyph, badge, tone, sentence, second, scene.mic.lamps, scene.mic.is_on_air)


def _badge(mic: MicView) -> tuple[str, str, Tone]:
    if mic.is_on_air:
        suffix = {"latched": " · LATCHED", "tail": " · TAIL", "remote": " · REMOTE"}.get(mic.state, "")
        return "●", f"ON AIR{suffix}", "live"
    match mic.state:
        case "muted":
            return "○", "MUTED", "plain"
        case "paused":
            return "○", "MIC PAUSED", "plain"
        case "barge-in-ready":
            return "◐", "MIC READY", "plain"
        case "keeping":
            return "◉", f"KEEPING {mic.seconds:.1f} s", "waiting"
        case "line-lost" | "budget-spent":
            return "▲", "MIC CLOSED", "warning"
        case "device-lost":
            return "▲", "MIC LOST", "warning"
        case "no-microphone":
            return "✕", "NO MICROPHONE", "error"
        case "unknown":
            return "▲", "MIC UNKNOWN", "warning"
    return "○", "MIC CLOSED", "plain"


def _sentences(scene: Scene) -> tuple[str, str]:
    mic, key, voice = scene.mic, scene.keys, scene.voice
    match mic.state:
        case "held":
            return f"{key.talk} is down · release it to send", _join(f"sending {mic.seconds:.1f} s", _release(scene))
        case "latched":
            return f"mic stays open · press {key.talk} to stop", "closes itself after 8 s of silence or 2:00"
        case "tail":
            is_turn = mic.turn_mode == "push-to-talk"
            return "sending your last words", "then it is sent as one turn" if is_turn else "spoken before it closed"
        case "hands-free":
            if mic.translates_to:
                return f"open mic · what you say is spoken in {language_words(mic.translates_to)}", _devices(mic)
            if mic.turn_mode == "transcribe":
                return "open mic · what you say is only written down", _devices(mic)
            heard = mic.lamps[2] == "yes"
            return f"open mic · {voice} hears you" if heard else "open mic · waiting for your voice", _devices(mic)
        case "remote":
            left = "" if mic.remaining is None else f"{mic.remaining:.0f} s left"
            return _join("opened by voicechat ctl", left), f"{key.talk} takes over · {key.mute} mutes"
        case "flat":
            cure = f"{_flat_cure(mic)} · {key.devices} devices"
            return f"but nothing comes in: flat for {max(mic.seconds, 5):.0f} s", cure
        case "too-loud":
            return f"too loud: {scene.clipped * 100:.0f} % clipped", f"lower the input level of {_device(mic)}"
        case "muted":
            return f"by you · {key.mute} opens it again", f"{key.talk} does not override a mute"
        case "paused":
            return f"paused by you · {key.talk} opens it again", _devices(mic)
        case "barge-in-ready":
            kept = f"held until voice is confirmed · {key.stop} stops the answer"
            return f"{voice} is speaking · talk over it to cut in", kept
        case "half-duplex":
            cure = f"barge-in off: {key.barge_in} turns it on · {key.stop} stops the answer"
            if mic.barge_in:
                cure = f"its echo is not cancelled · {key.stop} stops the answer"
            return f"{voice} is speaking · opens 0.3 s after the last sound", cure
        case "restoring":
            return f"opens in {mic.remaining or 0.3:.1f} s", "waiting for the last echo to fade"
    return _closed_sentences(scene)


def _closed_sentences(scene: Scene) -> tuple[str, str]:
    mic, key, voice = scene.mic, scene.keys, scene.voice
    match mic.state:
        case "idle":
            return f"push-to-talk: hold {key.talk} to speak", _join(mic.name, _echo(mic), _release(scene))
        case "thinking":
            return f"{voice} is thinking · cut in any time", f"push-to-talk: hold {key.talk} to speak"
        case "no-line" if scene.connection.phase in ("refused", "lost"):
            return _line_lost(scene)
        case "no-line":
            wait = f"hold {key.talk} now: up to 10 s are kept until connected"
            return "not connected yet · your first words are kept", wait
        case "keeping":
            return "not sent yet: still connecting", "what you say now is sent first, up to 10 s"
        case "budget-spent":
            goes_on = f"{key.of('commands')} and continue goes on"
            return f"budget of {mic.detail} is spent · {goes_on}", "or start again with a larger voicechat --budget"
        case "configuring":
            return "waiting for the server to accept the settings", "the microphone opens then"
        case "line-lost":
            return _line_lost(scene)
        case "device-lost":
            return _device_lost(scene)
        case "no-microphone":
            cures = (f"you can type: {key.type}", f"{key.devices} picks a device", f"{key.again} tries again")
            return mic.detail or "no input device", _join(*cures)
        case "unfocused":
            return "this window lost the keyboard, so the key counts as released", f"hold {key.talk} again"
        case "unknown":
            return f"the engine does not respond · {mic.seconds:.0f} s", mic.hint or "what you say may not be heard"
        case "ended" if mic.hint:
            return mic.reason, mic.hint
        case "ended":
            return "the session is over", f"new starts another: press {key.of('commands')} and write new"
    return mic.reason or "not connected", mic.hint


def _device_lost(scene: Scene) -> tuple[str, str]:
    mic, key = scene.mic, scene.keys
    if scene.keeps_waiting:
        return f"{mic.name or 'the microphone'} was lost · waiting for it", f"{key.devices} chooses another"
    when = "trying again" if mic.remaining is None else f"using another in {mic.remaining:.0f} s"
    ways = _join(f"{key.devices} chooses", f"{key.wait} keeps waiting for it" if scene.can_wait else mic.detail)
    return f"{mic.name or 'the microphone'} was lost · {when}", ways


def _line_lost(scene: Scene) -> tuple[str, str]:
    connection, again = scene.connection, scene.keys.again
    if connection.phase == "refused" and connection.next_try_in is not None:
        return (
            f"not connected · trying again in {connection.next_try_in:.0f} s",
            f"{again} tries now · {connection.hint}",
        )
    if connection.phase == "refused":
        return f"the service refused · {again} tries again", connection.hint
    if connection.rolls_over:
        return "changing to a new session", "the old one reached its maximum duration · what you say now is sent first"
    lost = connection.seconds if connection.lost_for is None else connection.lost_for
    if connection.next_try_in is None and connection.phase == "lost":
        return f"disconnected {lost:.1f} s ago · {again} tries again", connection.hint or "what was said stays here"
    ago = f"connection lost {lost:.1f} s ago · reconnecting"
    return ago, f"{again} tries now · what was said stays here"


def without_keys(text: str) -> str:
    """A text of the deck without the parts that name a key which is none here."""
    return " · ".join(part for part in text.split(" · ") if NO_KEY not in part) if NO_KEY in text else text


def _join(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _release(scene: Scene) -> str:
    return release_words(scene.release, scene.keys.talk)


def _device(mic: MicView) -> str:
    return mic.name or "the microphone"


def _flat_cure(mic: MicView) -> str:
    return mic.hint or f"does {_device(mic)} have its own mute switch?"


def _echo(mic: MicView) -> str:
    """Whether echo is cancelled, told in the user's words; an unknown canceller is named as it is."""
    if not mic.echo:
        return ""
    if "aec" in mic.echo.lower():
        return "echo cancel on"
    if mic.echo.startswith("headphones"):
        return "headphones"
    return "half duplex" if mic.echo.endswith("half duplex") else mic.echo


def _devices(mic: MicView) -> str:
    barge_in = "" if mic.translates_to else f"barge-in {'on' if mic.barge_in else 'off'}"
    return _join(mic.name, _echo(mic), barge_in)


def reply_words(scene: Scene) -> ReplyWords:
    """What the assistant is doing, and the one figure of the last answer."""
    if scene.mic.state == "unknown":
        return ReplyWords("▲", "warning", "no response", "what was said stays here")
    if scene.mic.translates_to and scene.reply.state in ("ready", "listening", "waiting", "finished", "stopped"):
        return ReplyWords("○", "quiet", f"translating to {scene.mic.translates_to}", "a live translation, no assistant")
    if scene.mic.turn_mode == "transcribe" and scene.reply.state in ("ready", "listening", "waiting", "finished"):
        return ReplyWords("○", "quiet", "only writing down", _reply_second(scene))
    glyph, color, text = _reply_state(scene.reply, scene.connection, scene.keys)
    return ReplyWords(glyph, color, without_keys(text), _reply_second(scene))


def _reply_second(scene: Scene) -> str:
    reply, connection = scene.reply, scene.connection
    if reply.state == "no-session":
        is_calling = connection.phase == "connecting"
        return f"step {min(5, len(connection.steps) + 1)} of 5" if is_calling else "what was said stays here"
    if reply.state == "thinking" and reply.detail:
        return reply.detail
    if reply.last_latency is None:
        return "no answer yet"
    late = f"+{reply.last_latency * 1000:.0f} ms" if reply.last_latency < 1 else f"▲ +{reply.last_latency:.2f} s"
    return f"{'first sound' if reply.state in ('speaking', 'finishing') else 'last answer'} {late}"


def _reply_state(reply: ReplyView, connection: ConnectionView, keys: Keys) -> tuple[str, str, str]:
    seconds = f"{reply.seconds:.1f} s"
    match reply.state:
        case "ready":
            return "○", "quiet", "ready"
        case "listening":
            return "▸", "you", f"listening {seconds}"
        case "waiting":
            return "◌", "warning", "waiting for your turn"
        case "thinking":
            return "◌", "warning", f"thinking {seconds}"
        case "speaking":
            return ("○", "quiet", "written, not heard") if reply.unheard else ("♪", "assistant", f"speaking {seconds}")
        case "finishing":
            return ("○", "quiet", "written, not heard") if reply.unheard else ("♪", "assistant", "finishing")
        case "finished":
            return "○", "quiet", f"finished · {'not' if reply.unheard else seconds} heard"
        case "cut":
            return "╳", "quiet", f"{reply.detail or 'cut'} at {seconds}"
        case "stopped":
            return "╳", "quiet", "stopped by you"
        case "cancelled-at-birth":
            return "╳", "quiet", f"cancelled at start: {keys.of('events')} why"
        case "failed":
            return "✕", "error", _join_reason("failed", reply.detail)
        case "incomplete":
            return "▲", "warning", _join_reason("incomplete", reply.detail)
        case "no-answer":
            return "▲", "warning", f"no answer · {keys.again} asks again"
    connecting = connection.phase == "connecting"
    return ("◌", "warning", "connecting") if connecting else ("○", "quiet", "no session")


def _join_reason(word: str, reason: str) -> str:
    return f"{word}: {reason}" if reason else word

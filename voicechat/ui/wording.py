"""The deck's sentences: for every state of the microphone whether you are heard, and why not; money and tokens.

Pure: records in, words out. A closed microphone always names who closed it and what opens it again (R4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from voicechat.core.view import CUT_WORDS, ConnectionView, Lamp, MicState, MicView, ReplyState, ReplyView, TurnView
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


Release = Literal["unknown", "true", "guessed", "remote"]
"""How the end of a hold is known: reported by the terminal, or guessed from key repeat (here, or over a slow remote
line); where it is guessed, taps are told of too."""
Tone = Literal["live", "plain", "waiting", "warning", "error"]

RELEASES: Mapping[Release, str] = {"true": "at once", "guessed": "≈0.2 s late", "remote": "≈0.4 s late"}
"""When the end of a hold is noticed."""

NO_KEY = "\0"
"""What a read-only viewer has in place of a key that would change the talk."""


class Keys(Struct, frozen=True):
    """How the keys that sentences name are called now: binding id without its `vc.` -> name of its first key."""

    names: Mapping[str, str] = field(default_factory=lambda: _default_names())

    def of(self, name: str) -> str:
        """`Esc`, `F2`, `?`; empty where the action has no key."""
        return self.names.get(name, "")

    def fill(self, text: str) -> str:
        """A text with `{vc.events}` and the like replaced by the names of the keys."""
        return re.sub(r"\{vc\.(\w+)\}", lambda found: self.of(found[1]), text)


NOTE_HINTS: Mapping[str, str] = {
    "answer_failed": "{vc.again} asks again.",
    "no_answer": "{vc.again} asks again.",
    "tools_in_a_row": "{vc.again} asks for the answer again.",
    "transcription_failed": "{vc.again} asks for an answer anyway.",
    "transcript_missing": "{vc.again} asks for an answer to what you said.",
    "budget_spent": 'To go beyond it, press {vc.commands} and type "continue".',
    "budget_not_asked": 'To go beyond it, press {vc.commands} and type "continue".',
    "budget_press": 'To keep talking, press {vc.commands} and type "continue".',
    "false_alarm": "{vc.barge_in} turns barge-in off if this happens often.",
    "settings_unconfirmed": "{vc.events} shows the server's message.",
    "tools_not_listed": "{vc.events} shows why.",
    "no_microphone": "{vc.devices} shows the devices, {vc.again} looks again.",
    "no_loudspeaker": "{vc.devices} shows the devices.",
    "device_lost": "{vc.devices} shows the devices.",
    "device_note": "{vc.devices} shows the devices.",
}
"""Code of a note -> the key that helps, which only the screen can name."""


def with_hint(turn: TurnView, keys: Keys) -> TurnView:
    hint = NOTE_HINTS.get(turn.detail) if turn.who == "note" else None
    return turn if hint is None else replace(turn, text=f"{turn.text} {keys.fill(hint)}")


def _default_names() -> Mapping[str, str]:
    from voicechat.ui.bindings import spoken_keys  # it imports this module, and Textual, which plain mode spares

    return spoken_keys({}).names


class MicWords(Struct, frozen=True):
    """What the left side of the deck says."""

    glyph: str
    badge: str
    tone: Tone
    sentence: str
    second: str
    lamps: tuple[Lamp, Lamp, Lamp]
    live: bool


class ReplyWords(Struct, frozen=True):
    """What the right side of the deck says."""

    glyph: str
    color: str
    text: str
    second: str


class Scene(Struct, frozen=True):
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
    words = "a noise cut it" if turn.false_alarm else CUT_WORDS[turn.cut_by or "you"]
    return f"{words} at {'≈' if turn.cut_is_estimate else ''}{turn.cut_at:.1f} s"


def release_words(release: Release, key: str = "") -> str:
    """`release of Space noticed at once` and its kin; empty while nothing is known yet."""
    of_key = f"release of {key}" if key else "release"
    return f"{of_key} noticed {RELEASES[release]}" if release in RELEASES else ""


BADGES: Mapping[MicState, tuple[str, str, Tone]] = {
    "muted": ("○", "MUTED", "plain"),
    "paused": ("○", "MIC PAUSED", "plain"),
    "barge-in-ready": ("◐", "MIC READY", "plain"),
    "keeping": ("◉", "KEEPING {seconds:.1f} s", "waiting"),
    "line-lost": ("▲", "MIC CLOSED", "warning"),
    "budget-spent": ("▲", "MIC CLOSED", "warning"),
    "device-lost": ("▲", "MIC LOST", "warning"),
    "no-microphone": ("✕", "NO MICROPHONE", "error"),
    "unknown": ("▲", "MIC UNKNOWN", "warning"),
}
ON_AIR_BADGES: Mapping[MicState, str] = {
    "latched": "ON AIR · STAYS ON",
    "tail": "ON AIR · FINISHING",
    "remote": "ON AIR · COMMAND",
}
SENTENCES: Mapping[MicState, tuple[str, str]] = {
    "held": ("push-to-talk · {let_go}", "talking for {seconds:.1f} s · {release}"),
    "latched": ("mic stays open · press {ptt} to send", "closes and sends after 8 s of silence, or after 2 min"),
    "tail": ("sending your last words", "{tail}"),
    "hands-free": ("open mic · {open}", "{used}"),
    "remote": ("opened by a command (voicechat ctl) · {left}", "{ptt} keeps it open · {mute} mutes"),
    "flat": ("no sound from the microphone for {flat:.0f} s", "{cure} · {devices} devices"),
    "too-loud": ("too loud: {clipped:.0f} % clipped", "lower the input level of {name}"),
    "muted": ("muted by you · {mute} unmutes", "{ptt} does not unmute"),
    "paused": ("paused by you · {ptt} resumes", "{used}"),
    "barge-in-ready": (
        "{speaks} · talk over it to cut in",
        "sent once recognised as yours · {back} stops the answer",
    ),
    "half-duplex": ("{speaks} · mic opens 0.3 s after it ends", "{half} · {back} stops the answer"),
    "restoring": ("mic opens in {remaining:.1f} s", "waiting for the last echo to fade"),
    "idle": ("{press}", "{in_use} · {echo}"),
    "thinking": ("{voice} is thinking · cut in any time", "{press}"),
    "no-line": (
        "not connected yet · your first words are kept",
        "hold {ptt} now: up to 10 s are kept until connected",
    ),
    "keeping": ("not sent yet: still connecting", "what you say now (up to 10 s) is sent once connected"),
    "budget-spent": (
        "your budget of {detail} is spent",
        'press {commands} and type "continue", or restart with more --budget',
    ),
    "configuring": ("waiting for the server to accept the settings", "the microphone opens then"),
    "no-microphone": ("{no_device}", "you can type: {type} · {devices} picks a device · {again} tries again"),
    "unfocused": ("this window lost focus, so {ptt} counts as released", "hold {ptt} again"),
    "unknown": ("the audio engine has not responded for {seconds:.0f} s", "{unheard}"),
    "ended": ("the session is over", 'to start another, press {commands} and type "new"'),
}
"""State -> the sentence and the line under it. Parts between dots that come out empty are left out."""


UNHEARD_VOICE = "you are speaking, but the mic is closed · "
OPENS: Mapping[MicState, str] = {"muted": "{mute} unmutes", "paused": "{ptt} resumes", "idle": "hold {ptt}"}
"""What opens a microphone that you closed."""


def mic_words(scene: Scene) -> MicWords:
    mic = scene.mic
    glyph, badge, tone = BADGES.get(mic.state, ("○", "MIC CLOSED", "plain"))
    if mic.is_on_air:
        glyph, badge, tone = "●", ON_AIR_BADGES.get(mic.state, "ON AIR"), "live"
    badge, tone = badge.format(seconds=mic.seconds), "warning" if mic.speaks_while_closed else tone
    sentence, second = (shown_parts(words) for words in _sentences(scene))
    return MicWords(glyph, badge, tone, sentence or mic.reason, second, mic.lamps, mic.is_on_air)


def _sentences(scene: Scene) -> tuple[str, str]:
    mic = scene.mic
    match mic.state:
        case "line-lost":
            return _line_lost(scene)
        case "no-line" if scene.connection.phase in ("refused", "lost"):
            return _line_lost(scene)
        case "device-lost":
            return _device_lost(scene)
        case "ended" if mic.hint:
            return mic.reason, mic.hint
    if mic.state not in SENTENCES:
        return mic.reason or "not connected", mic.hint
    values = _values(scene)
    sentence, second = SENTENCES[mic.state]
    if mic.speaks_while_closed:
        sentence = UNHEARD_VOICE + OPENS.get(mic.state, "")
    return sentence.format_map(values), second.format_map(values)


def _values(scene: Scene) -> Mapping[str, object]:
    """What stands in the braces of `SENTENCES`."""
    mic, key, name = scene.mic, scene.keys, scene.mic.name or "the microphone"
    barge_in = "" if mic.translates_to else f"barge-in {'on' if mic.barge_in else 'off'}"
    half = "echo is not cancelled" if mic.barge_in else f"barge-in off: {key.of('barge_in')} turns it on"
    space, by_tap = key.of("ptt"), scene.release in ("guessed", "remote")
    names = ("ptt", "mute", "back", "type", "again", "devices", "commands")
    return {name: key.of(name) for name in names} | {
        "voice": scene.voice,
        "speaks": f"{scene.voice} is {'about to speak' if scene.reply.state == 'thinking' else 'speaking'}",
        "seconds": mic.seconds,
        "flat": max(mic.seconds, 5),
        "remaining": mic.remaining or 0.3,
        "left": "" if mic.remaining is None else f"closes in {mic.remaining:.0f} s",
        "press": f"push-to-talk: hold {space}{', or tap it,' if by_tap else ''} to speak",
        "let_go": f"let go of {space} to send{', or tap again' if by_tap else ''}",
        "clipped": scene.clipped * 100,
        "name": name,
        "in_use": mic.name,
        "echo": _echo(mic),
        "used": f"{mic.name} · {_echo(mic)} · {barge_in}",
        "release": release_words(scene.release),
        "open": _open_words(scene),
        "tail": "then it is sent as one turn" if mic.turn_mode == "push-to-talk" else "spoken before it closed",
        "half": half,
        "detail": mic.detail,
        "no_device": mic.detail or "no input device",
        "cure": mic.hint or f"does {name} have its own mute switch?",
        "unheard": mic.hint or "what you say may not be heard",
    }


def _open_words(scene: Scene) -> str:
    mic = scene.mic
    if mic.translates_to:
        return f"your words come out in {language_words(mic.translates_to)}"
    if mic.turn_mode == "transcribe":
        return "your words are only transcribed; nobody answers"
    if mic.lamps[2] != "yes":
        return "waiting for your voice"
    return f"{scene.voice} {'hears' if scene.reply.state == 'listening' else 'heard'} you"


def _device_lost(scene: Scene) -> tuple[str, str]:
    mic, key, name = scene.mic, scene.keys, scene.mic.name or "the microphone"
    if scene.keeps_waiting:
        return f"{name} was lost · waiting for it", f"{key.of('devices')} chooses another"
    when = "trying again" if mic.remaining is None else f"switching to another in {mic.remaining:.0f} s"
    wait = f"{key.of('keep_waiting')} keeps waiting for it" if scene.can_wait else mic.detail
    return f"{name} was lost · {when}", f"{key.of('devices')} chooses · {wait}"


def _line_lost(scene: Scene) -> tuple[str, str]:
    connection, again = scene.connection, scene.keys.of("again")
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
        return f"disconnected {lost:.1f} s ago · {again} tries again", connection.hint or "the conversation is kept"
    ago = f"connection lost {lost:.1f} s ago · reconnecting"
    return ago, f"{again} reconnects now · the conversation is kept"


def shown_parts(text: str) -> str:
    """Without the parts that are empty, or name a key which is none here."""
    return " · ".join(part for part in text.split(" · ") if part and NO_KEY not in part)


def _echo(mic: MicView) -> str:
    """Whether echo is cancelled, told in the user's words; an unknown canceller is named as it is."""
    if not mic.echo:
        return ""
    if "aec" in mic.echo.lower():
        return "echo cancelling on"
    if mic.echo.startswith("headphones"):
        return "headphones"
    return "half duplex" if mic.echo.endswith("half duplex") else mic.echo


REPLIES: Mapping[ReplyState, tuple[str, str, str]] = {
    "ready": ("○", "quiet", "ready"),
    "listening": ("▸", "you", "listening {seconds}"),
    "waiting": ("◌", "warning", "waiting for you to finish"),
    "thinking": ("◌", "warning", "thinking {seconds}"),
    "speaking": ("♪", "assistant", "speaking {seconds}"),
    "finishing": ("♪", "assistant", "finishing"),
    "finished": ("○", "quiet", "finished · {seconds} heard"),
    "cut": ("╳", "quiet", "{cut} at {seconds}"),
    "stopped": ("╳", "quiet", "stopped by you"),
    "cancelled-at-birth": ("╳", "quiet", "cancelled at start · {events} why"),
    "failed": ("✕", "error", "failed{why}"),
    "incomplete": ("▲", "warning", "incomplete{why}"),
    "no-answer": ("▲", "warning", "no answer · {again} asks again"),
    "no-session": ("○", "quiet", "no session"),
}
"""State of the answer -> glyph, colour, words."""
AT_REST = ("ready", "finished", "cut", "stopped", "no-session")
"""States of the answer in which there is nothing to stop, and nothing to wait for."""
UNHEARD: Mapping[ReplyState, str] = {
    "speaking": "written, not heard",
    "finishing": "written, not heard",
    "finished": "finished · not heard",
}
"""The same without a loudspeaker."""


def reply_words(scene: Scene) -> ReplyWords:
    reply, mic = scene.reply, scene.mic
    is_calm = reply.state in ("ready", "listening", "waiting", "finished")
    if mic.state == "unknown":
        return ReplyWords("▲", "warning", "no response", "the conversation is kept")
    if mic.translates_to and (is_calm or reply.state == "stopped"):
        return ReplyWords("○", "quiet", f"translating to {mic.translates_to}", "a live translation, no assistant")
    if mic.turn_mode == "transcribe" and is_calm:
        return ReplyWords("○", "quiet", "transcribing only", _reply_second(scene))
    glyph, color, text = REPLIES[reply.state]
    if reply.unheard and reply.state in UNHEARD:
        glyph, color, text = "○", "quiet", UNHEARD[reply.state]
    elif reply.state == "no-session" and scene.connection.phase == "connecting":
        glyph, color, text = "◌", "warning", "connecting"
    words = text.format(
        seconds=f"{reply.seconds:.1f} s",
        cut=reply.detail or "cut",
        why=f": {reply.detail}" if reply.detail else "",
        events=scene.keys.of("events"),
        again=scene.keys.of("again"),
    )
    return ReplyWords(glyph, color, shown_parts(words), _reply_second(scene))


def _reply_second(scene: Scene) -> str:
    reply, connection = scene.reply, scene.connection
    if reply.state == "no-session":
        is_calling = connection.phase == "connecting"
        return f"step {min(5, len(connection.steps) + 1)} of 5" if is_calling else "the conversation is kept"
    if reply.state == "thinking" and reply.detail:
        return reply.detail
    if reply.last_latency is None:
        return "no answer yet"
    waited = reply.last_latency
    return f"answered in {waited * 1000:.0f} ms" if waited < 1 else f"▲ answered in {waited:.2f} s"

"""The session as lines, each said once: a state when it changes, a turn when it is final. Pure.

A listener cannot glance back, so nothing that counts (seconds, levels) makes a line, and states that last only
moments are left out.

What a typed line means. A line whose first word is a command is a command; every other line is a message.

Commands are written in small letters, so that `New York is far` is a message; `say` sends whatever follows it. A
command whose rest does not fit is not sent as a message either: that would be a surprise in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from voicechat.core import user_events as did
from voicechat.core.view import ConnectionView, MicView, ToolAsk, TurnView, View
from voicechat.engine.link import Devices, DeviceSide, EventRow, SoundFacts, Turns
from voicechat.ui.sanitise import clean, show
from voicechat.ui.wording import assistant_name, cut_words

LOUDEST = 1.5
Asked = Literal["devices", "settings", "help", "quit", "events on", "events off", "cues on", "cues off"]


@dataclass(frozen=True, slots=True)
class Message:
    """Words for the assistant."""

    text: str


@dataclass(frozen=True, slots=True)
class Acts:
    """For the engine, in this order."""

    events: tuple[did.UserAct, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """For the talk itself: something to show, or to leave."""

    what: Asked


@dataclass(frozen=True, slots=True)
class Unfit:
    """A command that cannot be obeyed, and why."""

    reason: str


Meaning = Message | Acts | Ask | Unfit

ALONE: Mapping[str, did.UserAct | Asked] = {
    "mute": did.MuteChosen(True),
    "unmute": did.MuteChosen(False),
    "stop": did.StopPressed(),
    "again": did.AgainPressed(),
    "deafen": did.DeafenChosen(True),
    "undeafen": did.DeafenChosen(False),
    "wait": did.KeepWaitingChosen(),
    "continue": did.GoOnChosen(),
    "end": did.EndAsked(),
    "new": did.NewAsked(),
    "devices": "devices",
    "settings": "settings",
    "help": "help",
    "quit": "quit",
}
CHOICES: Mapping[str, Mapping[str, did.UserAct | Asked]] = {
    "barge-in": {"on": did.BargeInChosen(True), "off": did.BargeInChosen(False)},
    "mode": {
        "push-to-talk": did.TurnModeChosen("push-to-talk"),
        "hands-free": did.TurnModeChosen("hands-free"),
        "transcribe": did.TurnModeChosen("transcribe"),
    },
    "echo": {"on": did.EchoChosen("on"), "off": did.EchoChosen("off"), "headphones": did.EchoChosen("headphones")},
    "noise": {"on": did.NoiseChosen(True), "off": did.NoiseChosen(False)},
    "gain": {"on": did.GainChosen(True), "off": did.GainChosen(False)},
    "events": {"on": "events on", "off": "events off"},
    "cues": {"on": "cues on", "off": "cues off"},
}
NAMED = ("mic", "speaker")
HELP = (
    "Enter alone: talk, and Enter again to send; in hands-free: pause and resume the microphone",
    "any other line is a message; say TEXT sends a text that begins like a command",
    "mute, unmute: the microphone; stop: the answer; again: reconnect, or ask for a missing answer",
    "mode push-to-talk|hands-free|transcribe, barge-in on|off, volume 0.8 (up to 1.5), deafen, undeafen",
    "devices: list; mic NAME, speaker NAME: choose; wait: for a lost device",
    "echo on|off|headphones, noise on|off, gain on|off: what becomes of the sound",
    "events on|off: one line for each event; cues on|off: the terminal's bell when the microphone opens",
    "allow, allow always, deny: the call of a tool that waits for your word",
    "settings: what is in force; continue: although the budget is spent; end: the session; new: another; quit: leave",
)


def meaning(line: str, view: View) -> Meaning | None:
    """What to do about a line without its end; None for one of blanks only that is not plainly Enter."""
    if not line:
        return Acts(talk_key(view))
    word, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    if not word:
        return None
    if word == "say":
        return Message(rest) if rest else Unfit("say what?")
    if word in ALONE:
        return _done(ALONE[word]) if not rest else _surplus(word, line)
    if word in ("allow", "deny"):
        return _word_on_tool(word, rest, view, line)
    if word in CHOICES:
        chosen = CHOICES[word].get(rest)
        return _done(chosen) if chosen is not None else _wrong(word, "|".join(CHOICES[word]), line)
    if word == "volume":
        return _volume(rest, line)
    if word in NAMED:
        if not rest:
            return _wrong(word, "NAME", line)
        return Acts((did.DevicesChosen(mic=rest) if word == "mic" else did.DevicesChosen(speaker=rest),))
    return Message(line.strip())


def talk_key(view: View) -> tuple[did.UserEvent, ...]:
    """Enter is a talk key without a release: it opens and latches, or ends what is open."""
    mic = view.mic
    if mic.state in ("latched", "held", "remote", "keeping"):
        return (did.TalkPressed(),) if mic.state == "latched" else (did.TalkReleased(),)
    if mic.turn_mode != "push-to-talk" and view.connection.phase == "open":
        return (did.PauseToggled(),)
    return (did.TalkPressed(), did.TalkTapped())


def _word_on_tool(word: str, rest: str, view: View, line: str) -> Meaning:
    """The answer to the oldest question about a tool."""
    if rest not in ("", "always") or (rest and word == "deny"):
        return _wrong(word, "alone, or allow always", line)
    if not view.asked:
        return Unfit(f"no tool waits for a word; as a message: say {line.strip()}")
    call_id = view.asked[0].call_id
    return Acts((did.ToolDenied(call_id) if word == "deny" else did.ToolAllowed(call_id, rest == "always"),))


def _done(what: did.UserAct | Asked) -> Meaning:
    return Ask(what) if isinstance(what, str) else Acts((what,))


def _surplus(word: str, line: str) -> Unfit:
    return Unfit(f"{word} stands alone; as a message: say {line.strip()}")


def _wrong(word: str, fits: str, line: str) -> Unfit:
    return Unfit(f"write {word} {fits}; as a message: say {line.strip()}")


def _volume(rest: str, line: str) -> Meaning:
    try:
        volume = float(rest)
    except ValueError:
        return _wrong("volume", f"0 to {LOUDEST}", line)
    return Acts((did.VolumeChosen(volume),)) if 0 <= volume <= LOUDEST else _wrong("volume", f"0 to {LOUDEST}", line)


LONGEST_ASK = 400
"""Characters of the arguments that are said in a question."""
MOST_KEPT = 5_000
"""Turns that are remembered as said; older ones never change any more."""


class Line(NamedTuple):
    """`[label] text`. `kind` says what it is, for its colour."""

    label: str
    text: str
    kind: str = ""

    def written(self) -> str:
        """The line as it is printed; further lines of a written answer are indented and kept."""
        return f"[{clean(self.label, one_line=True)}] " + clean(self.text).replace("\n", "\n    ")


class Narrator:
    """Remembers what was said, so that it is not said twice."""

    def __init__(self, *, repeats_typed: bool, expects_mic: bool = True, language: str = "") -> None:
        self._language = language
        """What lines are translated to, for their label."""
        self._translated: dict[str, str] = {}
        self._repeats_typed = repeats_typed
        """A terminal has shown what was typed; a pipe has not."""
        self._expects_mic = expects_mic
        """Else that there is none is no news."""
        self._view = View()
        self._mic = ""
        self._line = ""
        self._said: dict[str, str] = {}

    @property
    def view(self) -> View:
        """The newest."""
        return self._view

    @property
    def voice(self) -> str:
        """The assistant's name."""
        return assistant_name(self._view.connection)

    # states
    def see(self, view: View) -> list[Line]:
        """What has changed, in words."""
        before, self._view = self._view, view
        lines = []
        if (text := line_words(view)) and text != self._line:
            self._line = text
            lines.append(Line("line", text, "state"))
        if view.connection.phase == "open" and before.connection.phase == "open":
            lines += [Line("set", text, "state") for text in set_words(before.mic, view.mic)]
        has_news = self._expects_mic or view.mic.state != "no-microphone"
        if has_news and (text := mic_words(view, self.voice)) and text != self._mic:
            self._mic = text
            lines.append(Line("mic", text, "state"))
        known = {ask.call_id for ask in before.asked}
        lines += [Line("tool", ask_words(ask), "warning") for ask in view.asked if ask.call_id not in known]
        if view.reply.state != before.reply.state:
            lines += [Line("line", text, "warning") for text in reply_words(view)]
        return lines

    # turns
    def take(self, turns: Turns) -> list[Line]:
        """The turns that have become final."""
        lines = []
        for turn in turns.changed:
            if turn.partial:
                continue
            if self._said.get(turn.key) != (mark := _mark(turn)):
                self._said[turn.key] = mark
                if turn.who != "you" or not turn.typed or self._repeats_typed or turn.failed:
                    lines.append(turn_line(turn, self.voice))
            if turn.translation and self._translated.get(turn.key) != turn.translation:
                self._translated[turn.key] = turn.translation
                lines.append(translation_line(turn, self.voice, self._language))
        for known in (self._said, self._translated):
            while len(known) > MOST_KEPT:
                del known[next(iter(known))]
        return lines


def _mark(turn: TurnView) -> str:
    """What would be said; a note that repeats itself is said once."""
    return f"{turn.text}|{turn.cut_by}|{turn.failed}"


def turn_line(turn: TurnView, voice: str) -> Line:
    """One turn in one line."""
    match turn.who:
        case "you":
            heard = _flat(turn.text)
            return Line(
                "you", heard or (f"(no transcript: {turn.failed})" if turn.failed else "(no words in it)"), "you"
            )
        case "tool":
            failed = f" (failed: {_flat(turn.failed)})" if turn.failed else ""
            return Line("tool", _flat(f"{turn.text} {turn.detail}") + failed, "tool")
        case "note":
            level = "" if turn.level == "info" else f"{turn.level}: "
            return Line("note", level + _flat(turn.text), turn.level)
    text = turn.text.strip() if turn.written else _flat(turn.text)
    if turn.cut_by:
        rest = _flat(turn.rest)
        text += f" ({cut_words(turn)}" + (f"; not heard: {rest})" if rest else ")")
    elif turn.failed:
        text += f" (failed: {_flat(turn.failed)})"
    elif turn.unheard:
        text += " (not heard)"
    return Line(voice, text.strip(), "assistant")


def translation_line(turn: TurnView, voice: str, language: str) -> Line:
    """A translation comes later than its line, so it says whose words it has: `[you in German] Guten Tag.`"""
    who = voice if turn.who == "assistant" else turn.who
    return Line(f"{who} in {language or 'translation'}", _flat(turn.translation or ""), "quiet")


def ask_words(ask: ToolAsk) -> str:
    """A call of a tool that waits for the user's word."""
    place = f" at {ask.server}" if ask.server else ""
    arguments = _flat(ask.arguments)[:LONGEST_ASK]
    more = max(0, len(ask.arguments) - LONGEST_ASK) + ask.cut
    cut = f" and {more} more characters" if more else ""
    return f"may {ask.name}{place} run with {arguments or 'no arguments'}{cut}? allow, allow always or deny"


def _flat(text: str) -> str:
    return " ".join(text.split())


def line_words(view: View) -> str:
    """The connection; empty: nothing worth a line."""
    line = view.connection
    match line.phase:
        case "connecting":
            return f"connecting to {line.provider}" if line.provider else "connecting"
        case "open":
            return f"connected: {_known(line)}"
        case "lost":
            again = "trying again by itself" if line.next_try_in is not None else "again tries again"
            return f"lost: {line.reason or 'no reason given'}; {again}"
        case "refused":
            return "; ".join(part for part in (f"refused: {line.reason}", line.hint, "again tries again") if part)
        case "ended":
            return "ended; new starts another, quit leaves"
    return ""


def _known(line: ConnectionView) -> str:
    return ", ".join(part for part in (line.provider, line.model, line.voice, line.transport) if part)


def set_words(before: MicView, now: MicView) -> Iterable[str]:
    """Choices that have changed."""
    if before.turn_mode != now.turn_mode:
        yield now.turn_mode
    if before.barge_in != now.barge_in:
        yield f"barge-in {'on' if now.barge_in else 'off'}"
    if before.volume != now.volume:
        yield f"volume {now.volume:.2f}"
    if before.deafened != now.deafened:
        yield f"loudspeaker {'off' if now.deafened else 'on'}"


def mic_words(view: View, voice: str) -> str:
    """The microphone, without anything that counts; empty for states of a moment."""
    mic = view.mic
    match mic.state:
        case "held" | "latched":
            return "on air, Enter stops and sends"
        case "hands-free":
            return "on air, just talk; Enter pauses"
        case "remote":
            return "on air, opened by voicechat ctl"
        case "flat":
            return f"on air, but nothing comes in: {mic.hint or 'does it have its own mute switch?'}"
        case "too-loud":
            return "on air, but too loud: lower the input level"
        case "muted":
            return "muted by you, unmute opens it"
        case "paused":
            return "paused, Enter opens it again"
        case "barge-in-ready":
            return f"ready: {voice} speaks, talk over it to cut in"
        case "half-duplex":
            return f"closed while {voice} speaks, stop stops the answer"
        case "idle" | "thinking":
            return "closed, Enter opens it"
        case "keeping":
            return "keeping what you say until the line is up"
        case "unknown":
            return "unknown: the audio engine does not respond"
        case "device-lost":
            return f"lost: {mic.name or 'the microphone'}; devices lists others, wait waits for it"
    return _without_mic(view)


def _without_mic(view: View) -> str:
    mic = view.mic
    match mic.state:
        case "no-microphone":
            why = "; ".join(part for part in (mic.detail, mic.hint) if part)
            return f"none, you can type{f': {why}' if why else ''}"
        case "line-lost":
            return "closed: no line"
        case "budget-spent":
            return "closed: the budget is spent; continue talks on"
    return ""


def reply_words(view: View) -> Iterable[str]:
    """An answer that does not come."""
    match view.reply.state:
        case "no-answer":
            yield f"{view.reply.detail or 'no answer.'} again asks again"
        case "incomplete":
            yield f"the answer is incomplete: {view.reply.detail or 'no reason given'}"
        case "cancelled-at-birth":
            yield "the answer was cancelled before it began"


# what is asked for
def event_line(row: EventRow) -> Line:
    """One event; what cannot be printed is made visible."""
    return Line("event", f"{row.t:.3f} {row.dir} {show(row.type)} {show(_flat(row.summary))}".rstrip(), "quiet")


def settings_lines(view: View, sound: SoundFacts) -> list[Line]:
    """What is in force."""
    mic, line = view.mic, view.connection
    switch = {True: "on", False: "off"}
    parts = (
        f"line {line.phase}: {_known(line)}",
        f"mode {mic.turn_mode}, barge-in {switch[mic.barge_in]}, {'muted' if mic.muted else 'not muted'}",
        f"mic {mic.name or 'none'}, speaker {mic.speaker or 'none'}, volume {mic.volume:.2f}"
        + (", loudspeaker off" if mic.deafened else ""),
        f"echo {sound.echo}, noise {switch[sound.noise]}, gain {switch[sound.gain]}, latency {sound.latency}",
        *(f"refused by the service: {refused}" for refused in view.refused),
    )
    return [Line("settings", part, "quiet") for part in parts]


def device_lines(devices: Devices) -> list[Line]:
    """What there is to choose from."""
    lines = [*_side("mic", devices.mics), *_side("speaker", devices.speakers)]
    if devices.problem:
        lines.append(Line("devices", "; ".join(p for p in (devices.problem, devices.hint) if p), "warning"))
    return lines


def _side(name: str, side: DeviceSide) -> list[Line]:
    rows = [(f"{row.name}{', in use' if row.name == side.in_use else ''}", row.note) for row in side.rows]
    if not rows:
        return [Line("devices", f"{name}: none", "quiet")]
    return [Line("devices", f"{name} {text}" + (f" ({note})" if note else ""), "quiet") for text, note in rows]

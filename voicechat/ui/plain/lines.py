"""What a typed line means, and the session as lines of text, each printed once. Pure.

A line whose first word is a command is a command, every other line is a message. Commands are written in small letters,
so that `New York is far` is a message; `say` sends whatever follows it. A command whose rest does not fit is not sent
as a message either: that would be a surprise in both directions.

A listener cannot glance back, so a state is a line when it changes and a turn when it is final; nothing that counts
(seconds, levels) makes a line, and states that last only moments are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from voicechat.core import user_events as did
from voicechat.core.view import ConnectionView, MicState, MicView, ToolAsk, TurnView, View
from voicechat.engine.link import Devices, SoundFacts, Turns
from voicechat.journal.entry import Entry, summary_of
from voicechat.ui.sanitise import clean, show
from voicechat.ui.wording import assistant_name, cut_words

LOUDEST = 1.5


class Message(NamedTuple):
    text: str


class Acts(NamedTuple):
    """For the engine, in this order."""

    events: tuple[did.UserAct, ...]


class Ask(NamedTuple):
    """For the talk itself: something to show, or to leave."""

    what: str


class Unfit(NamedTuple):
    """A command that cannot be obeyed."""

    reason: str


Meaning = Message | Acts | Ask | Unfit

COMMANDS: Mapping[str, did.UserAct | None] = {
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
    "barge-in on": did.BargeInChosen(True),
    "barge-in off": did.BargeInChosen(False),
    "mode push-to-talk": did.TurnModeChosen("push-to-talk"),
    "mode hands-free": did.TurnModeChosen("hands-free"),
    "mode transcribe": did.TurnModeChosen("transcribe"),
    "echo on": did.EchoChosen("on"),
    "echo off": did.EchoChosen("off"),
    "echo headphones": did.EchoChosen("headphones"),
    "noise on": did.NoiseChosen(True),
    "noise off": did.NoiseChosen(False),
    "gain on": did.GainChosen(True),
    "gain off": did.GainChosen(False),
    **dict.fromkeys(("devices", "settings", "help", "quit", "events on", "events off", "cues on", "cues off")),
}
"""None: for the talk itself."""
HELP = (
    "Enter alone: talk, and Enter again to send; with an open mic: pause and resume it",
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
    text = " ".join(line.strip().split(maxsplit=1))
    word, _, rest = text.partition(" ")
    match word:
        case "":
            return None
        case "say":
            return Message(rest) if rest else Unfit("say what?")
        case "allow" | "deny" if rest == "" or (word, rest) == ("allow", "always"):
            if not view.asked:
                return Unfit(f"no tool waits for a word; as a message: say {line.strip()}")
            call_id = view.asked[0].call_id  # the oldest question
            return Acts((did.ToolDenied(call_id) if word == "deny" else did.ToolAllowed(call_id, rest == "always"),))
        case "allow" | "deny":
            forms = "alone, or allow always"
        case "volume":
            if (volume := _number(rest)) is not None and 0 <= volume <= LOUDEST:
                return Acts((did.VolumeChosen(volume),))
            forms = f"0 to {LOUDEST}"
        case "mic" | "speaker":
            if rest:
                return Acts((did.DevicesChosen(mic=rest) if word == "mic" else did.DevicesChosen(speaker=rest),))
            forms = "NAME"
        case _:
            if text in COMMANDS:
                act = COMMANDS[text]
                return Ask(text) if act is None else Acts((act,))
            rests = [command.partition(" ")[2] for command in COMMANDS if command.split()[0] == word]
            if not rests:
                return Message(line.strip())
            if rests == [""]:
                return Unfit(f"{word} stands alone; as a message: say {line.strip()}")
            forms = "|".join(rests)
    return Unfit(f"write {word} {forms}; as a message: say {line.strip()}")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def talk_key(view: View) -> tuple[did.UserEvent, ...]:
    """Enter is a talk key without a release: it opens and latches, or ends what is open."""
    mic = view.mic
    if mic.state == "latched":
        return (did.TalkPressed(),)
    if mic.state in ("held", "remote", "keeping"):
        return (did.TalkReleased(),)
    if mic.turn_mode != "push-to-talk" and view.connection.phase == "open":
        return (did.PauseToggled(),)
    return (did.TalkPressed(), did.TalkTapped())


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
        self.view = View()
        """The newest."""
        self._mic = ""
        self._line = ""
        self._said: dict[str, str] = {}

    def see(self, view: View) -> list[Line]:
        before, self.view = self.view, view
        lines = []
        if (text := line_words(view)) and text != self._line:
            self._line = text
            lines.append(Line("line", text, "state"))
        if view.connection.phase == "open" and before.connection.phase == "open":
            lines += [Line("set", text, "state") for text in set_words(before.mic, view.mic)]
        has_news = self._expects_mic or view.mic.state != "no-microphone"
        if has_news and (text := mic_words(view, assistant_name(view.connection))) and text != self._mic:
            self._mic = text
            lines.append(Line("mic", text, "state"))
        known = {ask.call_id for ask in before.asked}
        lines += [Line("tool", ask_words(ask), "warning") for ask in view.asked if ask.call_id not in known]
        if view.reply.state != before.reply.state:
            lines += [Line("line", text, "warning") for text in reply_words(view)]
        return lines

    def take(self, turns: Turns) -> list[Line]:
        lines, voice = [], assistant_name(self.view.connection)
        for turn in turns.changed:
            if turn.partial:
                continue
            if self._said.get(turn.key) != (mark := _mark(turn)):
                self._said[turn.key] = mark
                if turn.who != "you" or not turn.typed or self._repeats_typed or turn.failed:
                    lines.append(turn_line(turn, voice))
            if turn.translation and self._translated.get(turn.key) != turn.translation:
                self._translated[turn.key] = turn.translation
                lines.append(translation_line(turn, voice, self._language))
        for known in (self._said, self._translated):
            while len(known) > MOST_KEPT:
                del known[next(iter(known))]
        return lines


def _mark(turn: TurnView) -> str:
    """What would be said; a note that repeats itself is said once."""
    return f"{turn.text}|{turn.cut_by}|{turn.failed}"


def turn_line(turn: TurnView, voice: str) -> Line:
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
    if before.turn_mode != now.turn_mode:
        yield now.turn_mode
    if before.barge_in != now.barge_in:
        yield f"barge-in {'on' if now.barge_in else 'off'}"
    if before.volume != now.volume:
        yield f"volume {now.volume:.2f}"
    if before.deafened != now.deafened:
        yield f"loudspeaker {'off' if now.deafened else 'on'}"


MIC_WORDS: Mapping[MicState, str] = {
    "held": "on air, Enter stops and sends",
    "latched": "on air, Enter stops and sends",
    "hands-free": "on air, just talk; Enter pauses",
    "remote": "on air, opened by voicechat ctl",
    "flat": "on air, but nothing comes in: {cure}",
    "too-loud": "on air, but too loud: lower the input level",
    "muted": "muted by you, unmute opens it",
    "paused": "paused, Enter resumes",
    "barge-in-ready": "ready: {voice} speaks, talk over it to cut in",
    "half-duplex": "closed while {voice} speaks, stop stops the answer",
    "idle": "closed, Enter opens it",
    "thinking": "closed, Enter opens it",
    "keeping": "keeping what you say until connected",
    "unknown": "unknown: the audio engine does not respond",
    "device-lost": "lost: {name}; devices lists others, wait waits for it",
    "no-microphone": "none, you can type{why}",
    "line-lost": "closed: not connected",
    "budget-spent": "closed: the budget is spent; continue talks on",
}
"""The microphone, without anything that counts; states of a moment have no line."""


def mic_words(view: View, voice: str) -> str:
    mic = view.mic
    if mic.speaks_while_closed:
        return f"you are speaking, but the microphone is {MIC_WORDS[mic.state]}"
    why = "; ".join(part for part in (mic.detail, mic.hint) if part)
    return MIC_WORDS.get(mic.state, "").format(
        voice=voice,
        name=mic.name or "the microphone",
        cure=mic.hint or "does it have its own mute switch?",
        why=f": {why}" if why else "",
    )


def reply_words(view: View) -> Iterable[str]:
    """An answer that does not come."""
    match view.reply.state:
        case "no-answer":
            yield f"{view.reply.detail or 'no answer.'} again asks again"
        case "incomplete":
            yield f"the answer is incomplete: {view.reply.detail or 'no reason given'}"
        case "cancelled-at-birth":
            yield "the answer was cancelled before it began"


def event_line(row: Entry) -> Line:
    """One event; what cannot be printed is made visible."""
    return Line("event", f"{row.t:.3f} {row.dir} {show(row.type)} {show(_flat(summary_of(row)))}".rstrip(), "quiet")


def settings_lines(view: View, sound: SoundFacts) -> list[Line]:
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
    lines = []
    for name, side in (("mic", devices.mics), ("speaker", devices.speakers)):
        for row in side.rows:
            in_use, note = ", in use" * (row.name == side.in_use), f" ({row.note})" if row.note else ""
            lines.append(Line("devices", f"{name} {row.name}{in_use}{note}", "quiet"))
        if not side.rows:
            lines.append(Line("devices", f"{name}: none", "quiet"))
    if devices.problem:
        lines.append(Line("devices", "; ".join(p for p in (devices.problem, devices.hint) if p), "warning"))
    return lines

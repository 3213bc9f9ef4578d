"""What a typed line means. A line whose first word is a command is a command; every other line is a message.

Commands are written in small letters, so that `New York is far` is a message; `say` sends whatever follows it. A
command whose rest does not fit is not sent as a message either: that would be a surprise in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from voicechat.core import user_events as did
from voicechat.core.view import View

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

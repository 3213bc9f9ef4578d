"""What may be said at an engine's door, as one line of words: `ptt down`, `mute toggle`, `say Hello there`, `status`.

Pure: a line and the present state give the user's acts, or what is to be answered.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from voicechat.core.state import State
from voicechat.core.user_events import (
    BargeInChosen,
    EndAsked,
    MuteChosen,
    StopPressed,
    TalkPressed,
    TalkReleased,
    TalkTapped,
    TextEntered,
    UserEvent,
)
from voicechat.core.view import View
from voicechat.engine.commands import user_event

LEASE = 30.0
"""Seconds a press lasts that nobody ends or renews (R6)."""
LONGEST_LINE = 256 * 1024
"""Bytes; the longest message in four bytes a character, and some."""
USAGE_MARK = "usage: "
"""How a refusal begins that names the right spelling; `ctl` exits with 2 then."""
UNDER_WAY = ("thinking", "speaking", "finishing")
SWITCH = ("on", "off", "toggle")
USAGE = {
    "ptt": "ptt down|up|toggle [SECONDS]",
    "mute": "mute on|off|toggle",
    "barge-in": "barge-in on|off|toggle",
    "stop": "stop",
    "say": "say TEXT",
    "end": "end",
    "status": "status [--json]",
}


@dataclass(frozen=True, slots=True)
class Obeyed:
    """The acts that a line stands for, and how they are confirmed."""

    acts: tuple[UserEvent, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a line cannot be obeyed."""

    reason: str


def understood(line: str, state: State, shown: View) -> Obeyed | Refused:
    """What a line asks of the talk that is in `state`."""
    verb, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    match verb:
        case "ptt":
            return _talk_key(rest, state)
        case "mute" if rest in SWITCH:
            muted = _switched(rest, state.microphone.muted)
            return Obeyed((MuteChosen(muted),), "muted" if muted else "not muted")
        case "barge-in" if rest in SWITCH:
            wanted = _switched(rest, state.choices.barge_in)
            return Obeyed((BargeInChosen(wanted),), f"barge-in {'on' if wanted else 'off'}")
        case "stop" if not rest:
            is_needed = shown.reply.state in UNDER_WAY or state.tools.calls or state.responses.wanted
            return Obeyed((StopPressed(),), "stopped" if is_needed else "nothing to stop")
        case "say" if rest:
            text = unescaped(rest)
            event = user_event("TextEntered", {"text": text})
            return Refused(event) if isinstance(event, str) else Obeyed((TextEntered(text),), "sent")
        case "end" if not rest:
            return Obeyed((EndAsked(),), "ended")
        case "status":
            facts = status_of(state, shown)
            return Obeyed((), json.dumps(facts, ensure_ascii=False) if rest == "--json" else in_words(facts))
        case _ if verb in USAGE:
            return Refused(USAGE_MARK + USAGE[verb])
        case _:
            return Refused(f"{verb[:40]!r} is none of: {', '.join(USAGE)}")


def _talk_key(rest: str, state: State) -> Obeyed | Refused:
    how, _, seconds = rest.partition(" ")
    try:
        lease = min(max(float(seconds), 0.1), LEASE) if seconds else LEASE
        if not math.isfinite(lease):
            raise ValueError
    except ValueError:
        return Refused(f"{seconds[:20]!r} is no number of seconds")
    is_down = state.talk.pressed_at is not None and state.talk.released_at is None
    if how == "down":
        return Obeyed((TalkPressed("control", lease),), "talking")
    if how == "up" or (how == "toggle" and is_down):
        ending: UserEvent = TalkReleased("control") if state.talk.latched_at is None else TalkPressed("control")
        return Obeyed((ending,) if is_down else (), "not talking")
    if how == "toggle":
        return Obeyed((TalkPressed("control", lease), TalkTapped()), "talking")
    return Refused(USAGE_MARK + USAGE["ptt"])


def _switched(how: str, now: bool) -> bool:
    return not now if how == "toggle" else how == "on"


def status_of(state: State, shown: View) -> dict[str, Any]:
    """The talk in a few facts; names stay, new ones may come."""
    return {
        "connection": shown.connection.phase,
        "provider": state.wishes.provider,
        "model": state.wishes.model,
        "transport": state.connection.transport,
        "mic": shown.mic.state,
        "on_air": shown.mic.is_on_air,
        "muted": state.microphone.muted,
        "turn_mode": state.choices.turn_mode,
        "barge_in": state.choices.barge_in,
        "reply": shown.reply.state,
        "turns": len(state.conversation.turns),
    }


def in_words(facts: dict[str, Any]) -> str:
    """The same on one line, for a status bar."""
    mic = "ON AIR" if facts["on_air"] else facts["mic"]
    return f"{facts['connection']} · mic {mic} · reply {facts['reply']} · {facts['turns']} turns · {facts['model']}"


def unescaped(text: str) -> str:
    """A text as it was meant: a line holds its line breaks as `\\\\n`."""
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")

"""How often the screen takes over a new state. Pure; the clock is an argument.

Words change when they change, figures at a pace that can be read: 12 times a second, half of it over SSH (every frame
travels), 4 for calm eyes, 2 while the window has not the keyboard.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from voicechat.core.view import ConnectionView, ReplyView, View
from voicechat.line import JitterStats
from voicechat.ui.wording import Keys

RESTARTABLE_AFTER = 10.0
"""Seconds without a response after which Enter kills the engine and starts it again."""
FULL, CALM, AWAY = 12.0, 4.0, 2.0
_TENTHS_OF_MIC = ("keeping", "held", "latched", "remote", "tail", "flat", "device-lost")
_TENTHS_OF_REPLY = ("listening", "thinking", "speaking", "finished", "cut")
_TENTHS_OF_LINE = ("connecting", "lost")
"""States in which tenths of a second are shown."""


def paintings_a_second(*, remote: bool, calm: bool, away: bool) -> float:
    if away:
        return AWAY
    rate = CALM if calm else FULL
    return rate / 2 if remote else rate


def is_urgent(old: View, new: View) -> bool:
    """Whether a change must be seen at once: the state of microphone, answer or line, or a question."""

    def at_once(view: View) -> tuple[object, ...]:
        mic = view.mic
        return (
            view.asked,
            mic.state,
            mic.is_on_air,
            mic.lamps,
            mic.speaks_while_closed,
            view.reply.state,
            view.connection.phase,
        )

    return at_once(old) != at_once(new)


def unhurried(view: View) -> View:
    """The view with whole seconds wherever nothing finer is shown.

    A clock that runs in tenths makes a new record ten times a second, and each goes to every widget bound to it.
    """
    mic, reply, line = view.mic, view.reply, view.connection
    session_seconds = float(math.floor(line.session_seconds))
    if mic.state not in _TENTHS_OF_MIC:
        mic = replace(mic, seconds=float(math.floor(mic.seconds)))
    if reply.state not in _TENTHS_OF_REPLY:
        reply = replace(reply, seconds=float(math.floor(reply.seconds)))
    seconds = line.seconds if line.phase in _TENTHS_OF_LINE else float(math.floor(line.seconds))
    line = replace(line, seconds=seconds, session_seconds=session_seconds)
    return replace(view, mic=mic, reply=reply, connection=line)


def settled(counts: JitterStats | None) -> JitterStats | None:
    """Counts that run with every packet stand still for a second's worth, so that they repaint no more than that."""
    if counts is None:
        return None
    depth, target = (round(seconds * 200) / 200 for seconds in (counts.depth, counts.target))
    played = counts.played // 50 * 50
    shown = (counts.fec, counts.concealed, counts.stretched, counts.dropped, counts.late)
    return JitterStats(played, *shown, depth=depth, target=target)


def still_connection(connection: ConnectionView) -> ConnectionView:
    """Without the clocks."""
    return replace(connection, seconds=0.0, session_seconds=0.0, next_try_in=None, lost_for=None, ends_in=None)


def after_death(view: View, keys: Keys) -> View:
    """What is left of a session whose engine is gone: names, and a closed microphone."""
    mic = replace(
        view.mic,
        state="ended",
        is_on_air=False,
        reason="the engine has ended, and the microphone is closed",
        hint=f"{keys.of('fold')} starts it again",
        lamps=("no", "no", "no"),
    )
    return View(mic, ReplyView(), replace(view.connection, phase="ended"))


def without_response(view: View, seconds: float, keys: Keys) -> View:
    """The last known session of an engine that does not respond: nothing is known of its microphone."""
    hint = f"{keys.of('fold')} restarts it" if seconds >= RESTARTABLE_AFTER else ""
    mic = replace(
        view.mic,
        state="unknown",
        is_on_air=False,
        reason="the engine does not respond",
        hint=hint,
        seconds=float(int(seconds)),
        lamps=("waiting", "waiting", "waiting"),
    )
    return replace(view, mic=mic, reply=ReplyView(), asked=())

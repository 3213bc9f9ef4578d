"""The line: asked for, open, lost, ended (R16, R30).

Each attempt has a number of its own; what an older one still says is recorded and never obeyed (see `step`). A lost
line waits for `r`. Only a local server that is still starting is tried again by itself, a few times.
"""

from __future__ import annotations

from dataclasses import replace

from voicechat.core.effects import Connect, Effect, HangUp
from voicechat.core.events import (
    AgainPressed,
    Announcement,
    AnyEvent,
    ConnectWanted,
    EndAsked,
    LineFailed,
    LineLost,
    LineOpened,
    LineReleased,
    LineStep,
    NewAsked,
    Noticed,
    TimePassed,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.configuration import wanted_session
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import Connection, State


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Open, note, retry, hang up."""
    line = state.connection
    is_up = line.phase in ("connecting", "open")
    match event:
        case ConnectWanted() | AgainPressed() if not is_up:
            return _connect(state, now, policy)
        case LineStep(name=name, seconds=seconds):
            return _changed(state, replace(line, steps=(*line.steps, (name, seconds))))
        case LineOpened() if line.phase == "connecting":
            return _changed(state, _opened(line, event, now))
        case LineFailed() if line.phase == "connecting":
            return _failed(state, event, now, policy)
        case LineLost(reason=reason):
            notice = Noticed("error", f"The line was lost: {reason or 'no reason given'}. r reconnects.", "line_lost")
            return _changed(state, replace(_closed(line, now, reason), phase="lost"), (notice,))
        case TimePassed() if line.retry_at is not None and now >= line.retry_at:
            return _connect(state, now, policy, attempts=line.attempts)
        case EndAsked() | NewAsked():
            # The others end what runs first; the line goes when that is announced.
            return RuleResult(None, (), (LineReleased(anew=isinstance(event, NewAsked)),))
        case LineReleased(anew):
            return _released(state, now, policy, anew=anew)
        case _:
            return NOTHING


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """The next attempt at a local server."""
    return state.connection.retry_at


def _connect(state: State, now: float, policy: TurnPolicy, attempts: int = 0) -> RuleResult:
    number = state.connection.number + 1
    line = Connection(
        phase="connecting",
        number=number,
        since=now,
        transport=state.connection.transport,
        attempts=attempts + 1,
    )
    return _changed(state, line, (), Connect(number, wanted_session(state, policy)))


def _opened(line: Connection, event: LineOpened, now: float) -> Connection:
    return replace(
        line,
        phase="open",
        since=now,
        opened_at=now,
        transport=event.transport,
        call_id=event.call_id,
        receive_fallback=event.receive_fallback,
        reason="",
        hint="",
        retry_at=None,
    )


def _failed(state: State, event: LineFailed, now: float, policy: TurnPolicy) -> RuleResult:
    line = replace(state.connection, reason=event.message, hint=event.hint)
    may_be_starting = event.retryable and state.wishes.provider == "local"
    if may_be_starting and line.attempts <= policy.local_retries:
        return _changed(state, replace(line, retry_at=now + policy.local_retry_delay))
    text = " · ".join(part for part in (event.message, event.hint) if part)
    refused = replace(line, phase="refused", since=now, retry_at=None)
    return _changed(state, refused, (Noticed("error", text, event.code or "no_line"),))


def _closed(line: Connection, now: float, reason: str) -> Connection:
    return replace(line, since=now, opened_at=None, call_id="", reason=reason, hint="", retry_at=None)


def _released(state: State, now: float, policy: TurnPolicy, *, anew: bool) -> RuleResult:
    """R30: hang up what is up, and start afresh if that is wanted."""
    line = state.connection
    hang_up = (HangUp(line.number),) if line.phase in ("connecting", "open") else ()
    if not anew:
        return _changed(state, replace(_closed(line, now, ""), phase="ended"), (), *hang_up)
    afresh = _connect(state, now, policy)
    return replace(afresh, effects=(*hang_up, *afresh.effects))


def _changed(state: State, line: Connection, announced: tuple[Announcement, ...] = (), *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, connection=line), effects, announced)

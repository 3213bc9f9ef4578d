"""The line: asked for, open, lost, asked for again, ended (R16, R27, R30).

Each attempt has a number of its own; what an older one still says is recorded and never obeyed (see `step`). A line
that is lost, or cannot be had, is tried again after waits that grow, unless `failures` says that trying is in vain.
Nothing here creates a response (R14): what was cut by the loss waits for the user's `r`.
"""

from __future__ import annotations

from msgspec.structs import replace

from voicechat.core.effects import Connect, Effect, HangUp
from voicechat.core.events import (
    AgainPressed,
    Announcement,
    AnyEvent,
    ConfigurationInForce,
    ConnectWanted,
    EndAsked,
    LineFailed,
    LineLost,
    LineNoted,
    LineOpened,
    LineReleased,
    LineStep,
    NewAsked,
    Noticed,
    Received,
    TimePassed,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.remembering import history_of, memory_of
from voicechat.core.retries import waits_for
from voicechat.core.rules.budget import dollars, is_spent
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.rules.wanted import turns_now, wanted_session
from voicechat.core.sounding import open_answers
from voicechat.core.state import Connection, Phase, State, Transport
from voicechat.failures import Failure, failure_of
from voicechat.protocol.server_events import ServerError

TAKES = (ServerError,)
"""The server events that concern this rule."""


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Open, note, retry, hang up."""
    line = state.connection
    is_up = line.phase in ("connecting", "open") and line.retry_at is None
    match event:
        case ConnectWanted() | AgainPressed() if not is_up and is_spent(state) and policy.billed_by_time:
            text = f"Not connected: your budget of {dollars(state.budget.amount)} is spent."
            return RuleResult(None, (), (Noticed("warning", text, "budget_not_asked"),))
        case ConnectWanted() | AgainPressed() if not is_up:
            # Who asks is not made to wait, and what failed before is asked anew.
            return _connect(state, replace(line, attempts=0, failures=0, told=""), now, policy)
        case LineStep(name=name, seconds=seconds):
            return _changed(state, replace(line, steps=(*line.steps, (name, seconds))))
        case LineNoted(text=text, code=code):
            return RuleResult(None, (), (Noticed("warning", text, code),))
        case LineOpened() if line.phase == "connecting":
            return _changed(state, _opened(line, event, now))
        case LineFailed() if line.phase == "connecting":
            return _failed(state, event, now, policy)
        case LineLost():
            return _lost(state, event, now, policy)
        case Received(event=ServerError(error=error)):
            return _refusal_noted(state, error.code or error.type or "", error.message or "", now)
        case ConfigurationInForce() if line.lost_at is not None:
            return _changed(state, replace(line, lost_at=None, rolls_over=False))
        case TimePassed() if line.retry_at is not None and now >= line.retry_at:
            return _connect(state, line, now, policy)
        case EndAsked() | NewAsked():
            # The others end what runs first; the line goes when that is announced.
            return RuleResult(None, (), (LineReleased(anew=isinstance(event, NewAsked)),))
        case LineReleased(anew):
            return _released(state, now, policy, anew=anew)
        case _:
            return NOTHING


def settle(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """A session that costs as long as it lasts ends with the budget, behind the answer that runs."""
    ends_at = _budget_ends_at(state, policy)
    if ends_at is None or (now < ends_at and _is_answering(state)):
        return NOTHING
    return RuleResult(None, (), (LineLost(state.connection.number, "your budget is spent"),))


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """The next attempt, or the end of a session that the budget has no money for."""
    ends_at = _budget_ends_at(state, policy)
    return state.connection.retry_at if ends_at is None else ends_at


def _budget_ends_at(state: State, policy: TurnPolicy) -> float | None:
    spent_at, phase = state.budget.spent_at, state.connection.phase
    costs = policy.billed_by_time and phase in ("connecting", "open")
    return spent_at + policy.last_words if costs and spent_at is not None else None


def _is_answering(state: State) -> bool:
    is_open = next(open_answers(state.conversation, state.connection.number), None) is not None
    return is_open or state.playback.begun_at is not None


def _connect(
    state: State, line: Connection, now: float, policy: TurnPolicy, instead: Transport | None = None
) -> RuleResult:
    """One more attempt, after what `line` knows of the ones before; `instead` of the talk's transport with another."""
    tries = instead or line.asks
    session = wanted_session(state, policy)
    if policy.history_at_start and (line.lost_at is not None or state.resumption.is_due):
        session["input"] = history_of(memory_of(state, now, policy))
    fresh = Connection(
        phase="connecting",
        number=line.number + 1,
        since=now,
        transport="WebSocket" if tries == "WebSocket" else line.transport,
        attempts=line.attempts + 1,
        failures=line.failures,
        asks=line.asks,
        tries=tries,
        carries=session,
        turns_carried=turns_now(state, policy),
        why=line.why,
        lost_at=line.lost_at,
        reason="" if line.lost_at is None else line.reason,
        rolls_over=line.rolls_over,
        told=line.told,
    )
    return _changed(state, fresh, (), Connect(fresh.number, session, tries))


def _opened(line: Connection, event: LineOpened, now: float) -> Connection:
    """`lost_at` stays until the configuration is in force; a fall-back that works stays for this talk."""
    is_websocket = event.transport == "WebSocket"
    why = event.why or (line.why if is_websocket else "")
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
        told="",
        asks="WebSocket" if is_websocket and why else line.asks,
        why=why,
        handshake=event.handshake,
        unix_offset=None if event.unix_time is None else event.unix_time - now,
    )


def _failed(state: State, event: LineFailed, now: float, policy: TurnPolicy) -> RuleResult:
    """No line: another transport, another try, or an end."""
    failure = failure_of(event.code, event.status, event.message, retryable=event.retryable)
    line = replace(state.connection, reason=event.message, hint=event.hint)
    if failure.instead == "WebSocket" and state.wishes.transport == "auto" and line.tries == "auto":
        return _fallen_back(state, line, failure, now, policy)
    if line.asks == "auto":  # a fall-back that failed as well: the next try begins with WebRTC again
        line = replace(line, why="")
    if not _may_retry(failure, event, line, policy):
        return _refused(state, line, failure, event, now)
    line = replace(line, failures=max(1, line.failures))
    due = now + waits_for(line, state, policy, event.retry_after)
    line = replace(line, retry_at=due, failures=line.failures + 1)
    is_starting = state.wishes.is_loopback and failure.name in ("unreachable", "nothing listens", "hung up", "engine")
    if line.lost_at is None and is_starting and line.attempts <= policy.quiet_retries:
        return _changed(state, line)
    phase: Phase = "refused" if line.lost_at is None else "lost"
    news = () if line.told == failure.name else (_notice(event.message, event.hint, failure, event.code),)
    return _changed(state, replace(line, phase=phase, since=_since(line, now), told=failure.name), news)


def _since(line: Connection, now: float) -> float:
    """The screen counts from the loss, not from the last try."""
    return now if line.lost_at is None else line.lost_at


def _fallen_back(state: State, line: Connection, failure: Failure, now: float, policy: TurnPolicy) -> RuleResult:
    """R27: WebRTC cannot connect here, so WebSocket is tried at once, and the user sees why."""
    text = f"WebRTC does not connect: {line.reason}. {failure.instead} is tried now."
    tried = _connect(state, replace(line, why=failure.why), now, policy, "WebSocket")
    return replace(tried, announced=(Noticed("warning", text, "websocket_instead"),))


def _may_retry(failure: Failure, event: LineFailed, line: Connection, policy: TurnPolicy) -> bool:
    match failure.retry:
        case "at once":
            return line.failures < policy.tries_at_once
        case "as told":
            return event.retryable
        case _:
            return not failure.is_fatal


def _refused(state: State, line: Connection, failure: Failure, event: LineFailed, now: float) -> RuleResult:
    refused = replace(line, phase="refused", since=now, retry_at=None, hint=event.hint or failure.cure)
    return _changed(state, refused, (_notice(event.message, event.hint, failure, event.code),))


def _notice(message: str, hint: str, failure: Failure, code: str) -> Noticed:
    text = " · ".join(part for part in (message or failure.sentence, hint or failure.cure) if part)
    return Noticed("error", text, code or "no_line")


def _refusal_noted(state: State, code: str, words: str, now: float) -> RuleResult:
    """An error never ends a session by itself; a fatal one explains the end that follows it."""
    failure = failure_of(code, None, words)
    if failure.name == "session time":
        return RuleResult(None, (), (LineLost(state.connection.number, failure.sentence, rolls_over=True),))
    if not failure.is_fatal or failure.family != "authorisation":
        return NOTHING
    return _changed(state, replace(state.connection, refusal=code, refusal_words=words, refused_at=now))


def _lost(state: State, event: LineLost, now: float, policy: TurnPolicy) -> RuleResult:
    """R27: a new line under a new number, after a wait; a session that was refused stays down."""
    line = state.connection
    lost_at = line.lost_at if line.lost_at is not None else now
    is_explained = line.refused_at is not None and now - line.refused_at <= policy.explains_for
    code, reason = (line.refusal, line.refusal_words) if is_explained else (event.code or "line_lost", event.reason)
    failure = failure_of(code, None, reason)
    was_steady = line.opened_at is not None and now - line.opened_at >= policy.steady_after
    is_final = failure.is_fatal and not (failure.retry == "if it worked" and was_steady)
    down = replace(line, since=now, opened_at=None, call_id="", reason=reason, hint="", lost_at=lost_at, attempts=0)
    if is_spent(state) and policy.billed_by_time:
        return _changed(state, replace(down, phase="lost", retry_at=None), (), HangUp(line.number))
    if is_final:
        down = replace(down, phase="lost", hint=failure.cure, retry_at=None)
        text = f"The connection was closed: {reason or failure.sentence} · {failure.cure}. r reconnects."
        return _changed(state, down, (Noticed("error", text, code),), HangUp(line.number))
    down = replace(down, phase="lost", failures=0 if was_steady else line.failures, rolls_over=event.rolls_over)
    due = now + (0.0 if event.rolls_over else waits_for(down, state, policy, None))
    down = replace(down, retry_at=due, failures=down.failures + 1, told=failure.name)
    if event.rolls_over:
        return _changed(state, down)
    text = f"The connection was lost: {reason or 'no reason given'}. Reconnecting; r tries at once."
    return _changed(state, down, (Noticed("warning", text, "line_lost"),))


def _released(state: State, now: float, policy: TurnPolicy, *, anew: bool) -> RuleResult:
    """R30: hang up what is up, and start afresh if that is wanted."""
    line = state.connection
    hang_up = (HangUp(line.number),) if line.phase in ("connecting", "open") else ()
    down = replace(line, since=now, opened_at=None, call_id="", reason="", hint="", retry_at=None, lost_at=None)
    if not anew:
        return _changed(state, replace(down, phase="ended"), (), *hang_up)
    fresh = replace(down, attempts=0, failures=0, told="", rolls_over=False)
    afresh = _connect(state, fresh, now, policy)
    return replace(afresh, effects=(*hang_up, *afresh.effects))


def _changed(state: State, line: Connection, announced: tuple[Announcement, ...] = (), *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, connection=line), effects, announced)

"""Which configuration the session runs under, and who decides how turns are taken (R9, R20-R23).

The user's wish never changes; what is sent is derived from it: turn detection follows the turn mode, `create_response`
says whether the service or the reply gate (R13) decides, `interrupt_response` is true only where the mic stays open
(R9). An update goes out when the facts it is made of differ from those last asked for, and for no other reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from voicechat.core.effects import Effect, UpdateSession
from voicechat.core.events import (
    Announcement,
    AnyEvent,
    BargeInChosen,
    ConfigurationInForce,
    ConnectWanted,
    LineLost,
    LineOpened,
    LineReleased,
    NewAsked,
    Noticed,
    Received,
    SendRefused,
    TimePassed,
    TurnModeChosen,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.reply_gate import TRANSCRIPTION, client_decides
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.state import Configuration, State
from voicechat.protocol.dialects import Dialect, detect_dialect
from voicechat.protocol.items import ErrorDetail
from voicechat.protocol.problems import canonical_path
from voicechat.protocol.server_events import ServerError, ServerEvent, SessionCreated, SessionUpdated
from voicechat.protocol.session_config import without
from voicechat.protocol.session_dialects import GA_PATHS, get_path, has_path, session_to_ga, set_path

TURN_DETECTION = ("audio", "input", "turn_detection")
FALLBACK_TRANSCRIPTION = "gpt-transcribe"
"""R13 cannot work without transcripts; what OpenAI recommends where the user named no model."""


def is_ready(state: State) -> bool:
    """R21: the line is up and the configuration is in force, so user audio and wishes may go out."""
    return state.connection.phase == "open" and state.configuration.in_force_at is not None


def is_mic_open_during_playback(state: State, policy: TurnPolicy) -> bool:
    """Preset `quick`: the server listens all the time and interrupts by itself (R1, R9). Barge-in off means off."""
    return policy.mic_open_during_playback and state.choices.barge_in and not state.choices.turns_are_ours


def wanted_session(state: State, policy: TurnPolicy) -> dict[str, Any]:
    """The user's wish in the GA dialect as it should be now, without what this service has refused."""
    session = dict(state.wishes.session)
    session.setdefault("type", "realtime")
    if client_decides(state, policy) and not get_path(session, TRANSCRIPTION):
        set_path(session, TRANSCRIPTION, {"model": FALLBACK_TRANSCRIPTION})
    set_path(session, TURN_DETECTION, _turn_detection(state, policy))
    for path in state.configuration.refused:
        session = _without(session, path)
    return session


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Keep the choices, ask for the configuration, take the answers."""
    config = state.configuration
    match event:
        case Received():
            return _on_wire(state, event.event, now, policy)
        case TimePassed():
            return _time_passed(state, now, policy)
        case LineOpened(configured=True) if config.in_force_at is None:
            asked = replace(config, sent=wanted_session(state, policy), turns_asked=_turns(state, policy))
            return _in_force(state, asked, now)
        case TurnModeChosen(mode):
            return RuleResult(replace(state, choices=replace(state.choices, turn_mode=mode)))
        case BargeInChosen(enabled):
            return RuleResult(replace(state, choices=replace(state.choices, barge_in=enabled)))
        case SendRefused(type="session.update", reason=reason) if config.asked_at is not None:
            return _given_up(state, now, f"The settings could not be sent: {reason}.")
        case ConnectWanted() | LineLost() | LineReleased():
            return _changed(state, _of_a_new_line(state))
        case NewAsked():
            return _changed(state, replace(config, refused=()))
        case _:
            return NOTHING


def settle(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """Ask for a configuration when none was asked for on this line, or when turns are to be taken differently."""
    config = state.configuration
    if state.connection.phase != "open" or config.asked_at is not None:
        return NOTHING
    turns = _turns(state, policy)
    if turns == config.turns_asked:
        return NOTHING
    if config.turns_asked is not None:
        session: dict[str, Any] = {"type": "realtime"}
        set_path(session, TURN_DETECTION, _turn_detection(state, policy))
        return _ask(state, replace(config, turns_asked=turns), session, now)
    starts_at = _first_update_at(state, policy)
    if starts_at is not None and now >= starts_at:
        return _ask(state, replace(config, turns_asked=turns), wanted_session(state, policy), now)
    return NOTHING


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """The wait for `session.created`, then for `session.updated`."""
    config = state.configuration
    if state.connection.phase != "open":
        return None
    if config.asked_at is not None:
        return config.asked_at + policy.configured_limit
    return _first_update_at(state, policy) if config.turns_asked is None else None


def concerns_session(state: State, error: ErrorDetail) -> bool:
    """Whether the service refused the update that is on its way."""
    config = state.configuration
    if config.asked_at is None:
        return False
    if error.event_id:
        return error.event_id == config.event_id
    return (error.param or "").startswith("session")


def _turns(state: State, policy: TurnPolicy) -> tuple[bool, bool, bool]:
    """The facts that the wire's turn detection is made of."""
    return (
        state.choices.turns_are_ours,
        client_decides(state, policy),
        is_mic_open_during_playback(state, policy),
    )


def _turn_detection(state: State, policy: TurnPolicy) -> dict[str, Any] | None:
    ours, decided_here, interrupts = _turns(state, policy)
    if ours:
        return None
    wish = get_path(state.wishes.session, TURN_DETECTION)
    detection = dict(wish) if isinstance(wish, dict) else {"type": "server_vad"}
    return {**detection, "create_response": not decided_here, "interrupt_response": interrupts}


def _first_update_at(state: State, policy: TurnPolicy) -> float | None:
    """At once when the dialect is known, else after a while in GA: some services never say `session.created`."""
    opened_at = state.connection.opened_at
    if opened_at is None or state.wishes.dialect != "auto" or state.configuration.created_at is not None:
        return opened_at
    return opened_at + policy.created_limit


def _of_a_new_line(state: State) -> Configuration:
    """Forget the answers of the old line; keep what was learned about the service."""
    known = replace(state.configuration, asked_at=None, event_id="", in_force_at=None, sent={})
    wish = state.wishes.dialect
    dialect: Dialect = known.dialect if known.dialect_switched or wish == "auto" else wish
    return replace(known, dialect=dialect, created_at=None, turns_asked=None, expires_at=None)


def _ask(state: State, config: Configuration, session: dict[str, Any], now: float) -> RuleResult:
    updates = config.updates + 1
    event_id = f"session-{state.connection.number}-{updates}"
    config = replace(config, asked_at=now, event_id=event_id, sent=session, updates=updates)
    return _changed(state, config, UpdateSession(session, event_id, config.dialect))


def _on_wire(state: State, wire: ServerEvent, now: float, policy: TurnPolicy) -> RuleResult:
    config = state.configuration
    match wire:
        case SessionCreated(session=session):
            found = detect_dialect(session) if state.wishes.dialect == "auto" and not config.dialect_switched else None
            seen = replace(_effective(config, session), created_at=now, dialect=found or config.dialect)
            return _changed(state, seen)
        case SessionUpdated(session=session):
            seen = replace(_effective(config, session), asked_at=None)
            return _changed(state, seen) if config.in_force_at is not None else _in_force(state, seen, now)
        case ServerError(error=error) if concerns_session(state, error):
            return _refused(state, error, now, policy)
        case _:
            return NOTHING


def _effective(config: Configuration, session: dict[str, Any]) -> Configuration:
    """What the panes show is what the service returned (R22), in the one spelling we use inside."""
    expires_at = session.get("expires_at")
    known = float(expires_at) if isinstance(expires_at, int | float) else config.expires_at
    return replace(config, effective=session_to_ga(session).session, expires_at=known)


def _in_force(state: State, config: Configuration, now: float, *announced: Announcement) -> RuleResult:
    first = config.in_force_at is None
    news = (*announced, ConfigurationInForce()) if first else announced
    changed = replace(config, asked_at=None, in_force_at=now if first else config.in_force_at)
    return RuleResult(replace(state, configuration=changed), (), news)


def _refused(state: State, error: ErrorDetail, now: float, policy: TurnPolicy) -> RuleResult:
    """R22: ask again without the refused field, each field once; or in the other dialect, once."""
    config = state.configuration
    other = _other_dialect(config, error)
    if other is not None:
        return _ask(state, replace(config, dialect=other, dialect_switched=True), config.sent, now)
    path = canonical_path(_full(error.param or "")) if error.param else ""
    rest = _without(config.sent, path) if path else config.sent
    if rest == config.sent:
        return _given_up(state, now, f"The service refused the settings: {error.message or error.code or 'no reason'}.")
    without_it = replace(config, refused=(*config.refused, path))
    changed = replace(state, configuration=without_it)
    if has_path(rest, TURN_DETECTION):
        set_path(rest, TURN_DETECTION, _turn_detection(changed, policy))
    asked = _ask(changed, replace(without_it, turns_asked=_turns(changed, policy)), rest, now)
    text = f"The service refused {path.removeprefix('session.')}; the rest was sent again without it."
    if client_decides(state, policy) and not client_decides(changed, policy):
        text += " Without transcripts the service decides by itself when to answer."
    return replace(asked, announced=(Noticed("warning", text, "setting_refused"),))


def _other_dialect(config: Configuration, error: ErrorDetail) -> Dialect | None:
    """One switch only: a service that does not know `session.type` speaks beta, one that knows no flat field GA."""
    if config.dialect_switched:
        return None
    field = (error.param or "").removeprefix("session.").split(".")[0]
    if config.dialect == "ga":
        return "beta" if field == "type" else None
    return "ga" if field in GA_PATHS or field == "type" else None


def _given_up(state: State, now: float, text: str) -> RuleResult:
    """The service keeps its own settings. Talking under these beats a mic that stays closed for ever (R4)."""
    notice = Noticed("error", f"{text} The talk goes on with the service's own settings.", "settings_refused")
    return _in_force(state, state.configuration, now, notice)


def _time_passed(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    config = state.configuration
    if config.asked_at is None or now < config.asked_at + policy.configured_limit:
        return NOTHING
    text = (
        f"The service did not confirm the settings within {policy.configured_limit:g} s; "
        "the talk goes on with whatever it uses. F2 shows what it said."
    )
    return _in_force(state, config, now, Noticed("warning", text, "settings_unconfirmed"))


def _full(param: str) -> str:
    return param if param.startswith("session.") else f"session.{param}"


def _without(session: dict[str, Any], path: str) -> dict[str, Any]:
    """The session without a refused field; `type` is no wish and always stays."""
    rest: object = without(session, path)
    return {"type": session.get("type", "realtime"), **rest} if isinstance(rest, dict) else dict(session)


def _changed(state: State, config: Configuration, *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, configuration=config), effects)

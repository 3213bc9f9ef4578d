"""Which configuration the session runs under, and who decides how turns are taken (R9, R20-R23).

The user's wish never changes; what is sent is derived from it: turn detection follows the turn mode, `create_response`
says whether the service or the reply gate (R13) decides, `interrupt_response` is true only where the mic stays open
(R9). An update goes out when the facts it is made of differ from those last asked for, and for no other reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from voicechat.core.choosing import block_of
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
    PresetChosen,
    Received,
    SendRefused,
    SettingChosen,
    SettingUndone,
    TimePassed,
    ToolsOffered,
    TurnModeChosen,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules import live_changes as live
from voicechat.core.rules.reply_gate import client_decides
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.rules.wanted import (
    TURN_DETECTION,
    is_mic_open_during_playback as is_mic_open_during_playback,
    turn_detection,
    turns_now,
    wanted_session as wanted_session,
    without_path,
)
from voicechat.core.state import Change, Choices, Configuration, State
from voicechat.protocol.dialects import Dialect, detect_dialect
from voicechat.protocol.items import ErrorDetail
from voicechat.protocol.problems import canonical_path
from voicechat.protocol.server_events import ServerError, ServerEvent, SessionCreated, SessionUpdated
from voicechat.protocol.session_dialects import GA_PATHS, differences, get_path, has_path, session_to_ga, set_path


def is_ready(state: State) -> bool:
    """R21: the line is up and the configuration is in force, so user audio and wishes may go out."""
    return state.connection.phase == "open" and state.configuration.in_force_at is not None


def on_event(state: State, event: AnyEvent, now: float, policy: TurnPolicy) -> RuleResult:
    """Keep the choices, ask for the configuration, take the answers."""
    config = state.configuration
    match event:
        case Received():
            return _on_wire(state, event.event, now, policy)
        case TimePassed():
            return _time_passed(state, now, policy)
        case LineOpened():
            return _line_opened(state, event, now, policy)
        case TurnModeChosen(mode):
            return _switched(state, replace(state.choices, turn_mode=mode), now)
        case BargeInChosen(enabled):
            return _switched(state, replace(state.choices, barge_in=enabled), now)
        case SettingChosen():
            return live.setting_chosen(state, event, now, policy)
        case PresetChosen():
            return live.one_preset_chosen(state, event, now, policy)
        case SettingUndone():
            return live.undone(state, now, policy)
        case ToolsOffered():
            return live.tools_offered(state, event, now)
        case SendRefused(type="session.update", reason=reason) if config.asked_at is not None:
            if (answered := live.refused(state, "", reason, now)) is not None:
                return answered
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
    turns = turns_now(state, policy)
    if config.turns_asked is None:
        starts_at = _first_update_at(state, policy)
        if starts_at is None or now < starts_at:
            return NOTHING
        whole = replace(config, turns_asked=turns, changed=(), due_at=None)
        return _ask(state, whole, wanted_session(state, policy), now)
    if live.is_waiting(config, now) or (turns == config.turns_asked and not config.changed):
        return NOTHING
    session = live.update_of(state, policy)
    if turns != config.turns_asked:
        set_path(session, TURN_DETECTION, turn_detection(state, policy))
    sent = replace(config, turns_asked=turns, asked=config.changed, changed=(), due_at=None)
    return _ask(state, sent, session, now) if len(session) > 1 else _changed(state, replace(sent, asked=()))


def deadline(state: State, now: float, policy: TurnPolicy) -> float | None:
    """The wait for `session.created`, then for `session.updated`."""
    config = state.configuration
    if state.connection.phase != "open":
        return None
    if config.asked_at is not None:
        return config.asked_at + policy.configured_limit
    return _first_update_at(state, policy) if config.turns_asked is None else live.due_at(config)


def concerns_session(state: State, error: ErrorDetail) -> bool:
    """Whether the service refused the update that is on its way."""
    config = state.configuration
    if config.asked_at is None:
        return False
    if error.event_id:
        return error.event_id == config.event_id
    return (error.param or "").startswith("session")


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
    known = replace(known, changed=(), asked=(), due_at=None, refusals=(), turns_confirmed=None)
    return replace(known, dialect=dialect, created_at=None, turns_asked=None, expires_at=None)


def _line_opened(state: State, event: LineOpened, now: float, policy: TurnPolicy) -> RuleResult:
    """The dialect may be known from another talk, and the configuration may have travelled in the handshake."""
    config = state.configuration
    if event.dialect and not config.dialect_switched:
        config = replace(config, dialect=event.dialect)
    if not event.configured or config.in_force_at is not None:
        return _changed(state, config)
    line = state.connection
    asked = replace(config, sent=line.carries, turns_asked=line.turns_carried)
    return _in_force(state, asked, now)


def _switched(state: State, choices: Choices, now: float) -> RuleResult:
    """A switch is meant now: settings that still rest go out with it."""
    config = state.configuration
    due_at = now if config.changed else config.due_at
    return RuleResult(replace(state, choices=choices, configuration=replace(config, due_at=due_at)))


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
            return _changed(state, _asked_again(state, seen, now) if config.created_at is None else seen)
        case SessionUpdated(session=session):
            effective = _effective(config, session)
            seen, news = live.confirmed(effective), _not_applied(effective)
            if config.in_force_at is None:
                return _in_force(state, seen, now, *news)
            return RuleResult(replace(state, configuration=seen), (), news)
        case ServerError(error=error) if concerns_session(state, error):
            return _refused(state, error, now, policy)
        case _:
            return NOTHING


def _effective(config: Configuration, session: dict[str, Any]) -> Configuration:
    """What the panes show is what the service returned (R22), in the one spelling we use inside."""
    expires_at = session.get("expires_at")
    known = float(expires_at) if isinstance(expires_at, int | float) else config.expires_at
    effective = session_to_ga(session).session
    if "temperature" in session:  # beta's own: GA has no word for it
        effective["temperature"] = session["temperature"]
    return replace(config, effective=effective, expires_at=known)


def _asked_again(state: State, config: Configuration, now: float) -> Configuration:
    """R22: what travelled in the handshake and was not taken over is asked for once more, by an update."""
    if config.in_force_at is None or config.asked_at is not None:
        return config
    known = {change.path for change in config.changed}
    paths = [".".join(path) for path in differences(config.sent, config.effective)]
    missed = tuple(Change(path, state.wishes.session, state.choices) for path in paths if path not in known)
    if not missed:
        return config
    return replace(config, changed=(*config.changed, *missed), due_at=config.due_at or now)


def _not_applied(config: Configuration) -> tuple[Announcement, ...]:
    """What was asked for by itself and is off, on or of another kind in the session that the service returned."""
    asked = {block_of(change.path) for change in config.asked}
    paths = [".".join(path) for path in differences(config.sent, config.effective, kinds_only=True)]
    names = sorted({path.rpartition(".")[2] for path in paths if block_of(path) in asked})
    if not names:
        return ()
    text = f"The service does not apply {', '.join(names)}; it keeps its own setting."
    return (Noticed("warning", text, "setting_ignored"),)


def _in_force(state: State, config: Configuration, now: float, *announced: Announcement) -> RuleResult:
    first = config.in_force_at is None
    news = (*announced, ConfigurationInForce()) if first else announced
    confirmed = replace(config, asked_at=None, asked=(), turns_confirmed=config.turns_asked)
    changed = replace(confirmed, in_force_at=now if first else config.in_force_at)
    return RuleResult(replace(state, configuration=changed), (), news)


def _refused(state: State, error: ErrorDetail, now: float, policy: TurnPolicy) -> RuleResult:
    """R22: ask again without the refused field, each field once; or in the other dialect, once."""
    config = state.configuration
    path = canonical_path(_full(error.param or "")) if error.param else ""
    reason = error.message or error.code or "no reason"
    if path and (answered := live.refused(state, path, reason.rstrip("."), now)) is not None:
        return answered
    other = None if config.asked else _other_dialect(config, error)
    if other is not None:
        return _ask(state, replace(config, dialect=other, dialect_switched=True), config.sent, now)
    rest = without_path(config.sent, path) if path else config.sent
    if rest == config.sent:
        if (answered := live.refused(state, "", reason.rstrip("."), now)) is not None:
            return answered
        return _given_up(state, now, f"The service refused the settings: {reason}.")
    without_it = replace(config, refused=(*config.refused, path))
    changed = replace(state, configuration=without_it)
    if has_path(rest, TURN_DETECTION):
        set_path(rest, TURN_DETECTION, get_path(wanted_session(changed, policy), TURN_DETECTION))
    asked = _ask(changed, replace(without_it, turns_asked=turns_now(changed, policy)), rest, now)
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
    limit = f"within {policy.configured_limit:g} s"
    if config.created_at is None and config.in_force_at is None:
        text = f"The line is open, but the service has neither begun a session nor confirmed settings {limit}. "
        text += "Is base_url a Realtime service?"
    else:
        text = f"The service did not confirm the settings {limit}; the talk goes on with whatever it uses."
    notice = Noticed("warning", text, "settings_unconfirmed")
    return _in_force(state, live.unconfirmed(state), now, notice)


def _full(param: str) -> str:
    return param if param.startswith("session.") else f"session.{param}"


def _changed(state: State, config: Configuration, *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, configuration=config), effects)

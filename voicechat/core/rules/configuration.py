"""Which configuration the session runs under, and who decides how turns are taken (R9, R20-R23).

The user's wish never changes; what is sent is derived from it: turn detection follows the turn mode, `create_response`
says whether the service or the reply gate (R13) decides, `interrupt_response` is true only where the mic stays open
(R9). An update goes out when the facts it is made of differ from those last asked for, and for no other reason.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from voicechat.core.choosing import (
    DETECTION,
    PRESET,
    VOICE,
    block_of,
    chosen,
    is_voice_fixed,
    preset_chosen,
    restored,
    steps_of,
)
from voicechat.core.effects import Effect
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
from voicechat.core.rules.reply_gate import client_decides
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.rules.wanted import (
    TURN_DETECTION,
    is_mic_open_during_playback as is_mic_open_during_playback,
    turn_detection,
    turns_now,
    wanted_session as wanted_session,
    wished_detection,
    without_path,
)
from voicechat.core.state import Change, Choices, Configuration, State
from voicechat.protocol.client_events import SessionUpdate
from voicechat.protocol.dialects import DialectName, detect_dialect
from voicechat.protocol.items import ErrorDetail
from voicechat.protocol.problems import Problem, canonical_path
from voicechat.protocol.server_events import ServerError, ServerEvent, SessionCreated, SessionUpdated
from voicechat.protocol.session_config import check_session
from voicechat.protocol.session_dialects import GA_PATHS, differences, get_path, has_path, session_to_ga, set_path

MOST_UNDOABLE = 64
LONGEST_PATH = 128
UNCONFIRMED = "the service did not answer"


def setting_chosen(state: State, event: SettingChosen, now: float, policy: TurnPolicy) -> RuleResult:
    """R20: what cannot be sent is refused here, with the reason; all else is wished for from now on."""
    path = event.path[:LONGEST_PATH]
    after = chosen(_asking_again(state, path), path, event.value, policy)
    if not isinstance(after, str):
        after = _doubt(after, path, after.choices.policy or policy) or after
    if isinstance(after, str):
        return _changed(state, replace(state.configuration, refusals=_refusals(state, {path: after})))
    return _taken(after, Change(path, state.wishes.session, state.choices), now, policy)


def one_preset_chosen(state: State, event: PresetChosen, now: float, policy: TurnPolicy) -> RuleResult:
    """R23: a preset is one change, undone as one."""
    after = preset_chosen(_asking_again(state, DETECTION), event.name, policy)
    return _taken(after, Change(PRESET, state.wishes.session, state.choices), now, policy)


def undone(state: State, now: float, policy: TurnPolicy) -> RuleResult:
    """What was not sent yet is forgotten, what was is asked for anew."""
    config = state.configuration
    if not config.undoable:
        return NOTHING
    change = config.undoable[-1]
    after = restored(_asking_again(state, change.path), change)
    waiting = tuple(one for one in config.changed if one.path != change.path)
    if len(waiting) < len(config.changed):
        kept = replace(after.configuration, changed=waiting, undoable=config.undoable[:-1])
        return RuleResult(replace(after, configuration=kept))
    result = _taken(after, Change(change.path, state.wishes.session, state.choices), now, policy)
    if result.state is None:
        return result
    back = replace(result.state.configuration, undoable=config.undoable[:-1])
    return replace(result, state=replace(result.state, configuration=back))


def tools_offered(state: State, event: ToolsOffered, now: float) -> RuleResult:
    """What can be run here stands in the session beside what a session file offers; a name of ours is ours.

    No user's choice, so it cannot be undone; on an open line it goes out at once.
    """
    wishes, config = state.wishes, state.configuration
    ours = {_tool_id(one) for one in event.definitions}
    ours |= {("function", offer.name) for offer in (*event.offers, *wishes.tools)}
    listed = wishes.session.get("tools")
    others = [one for one in listed if _tool_id(one) not in ours] if isinstance(listed, list) else []
    tools = [*others, *event.definitions]
    if tools == (listed or []) and event.offers == wishes.tools:
        return RuleResult()
    change = Change("tools", wishes.session, state.choices)
    after = replace(state, wishes=replace(wishes, session={**wishes.session, "tools": tools}, tools=event.offers))
    travels = config.turns_asked is None and state.connection.phase != "connecting"
    if travels or tools == (listed or []):
        return RuleResult(after)  # the handshake or the first configuration of a line has them
    others_changed = tuple(one for one in config.changed if one.path != change.path)
    return _changed(after, replace(config, changed=(*others_changed, change), due_at=config.due_at or now))


def _tool_id(tool: object) -> tuple[str, str]:
    """What a tool is known by: a function by its name, an MCP server by its label."""
    if not isinstance(tool, dict):
        return "", ""
    name = tool.get("server_label") if tool.get("type") == "mcp" else tool.get("name")
    return str(tool.get("type")), str(name)


def is_waiting(config: Configuration, now: float) -> bool:
    """A setting is still being moved: whatever else is to be said goes out with it."""
    at = due_at(config)
    return at is not None and now < at


def due_at(config: Configuration) -> float | None:
    """When what was changed goes out."""
    return config.due_at if config.changed else None


def update_of(state: State, policy: TurnPolicy) -> dict[str, Any]:
    """The smallest update that says what was changed; `type` alone where nothing is left to say."""
    return parts(wanted_session(state, policy), {block_of(change.path) for change in state.configuration.changed})


def parts(wanted: dict[str, Any], blocks: Collection[str]) -> dict[str, Any]:
    """These blocks of a session."""
    session: dict[str, Any] = {"type": wanted.get("type", "realtime")}
    for block in sorted(blocks):
        if has_path(wanted, steps_of(block)):
            set_path(session, steps_of(block), get_path(wanted, steps_of(block)))
    return session


def refused(state: State, path: str, reason: str, now: float) -> RuleResult | None:
    """R22 for what the user has just changed. None: the refusal means something else in the update.

    `path` is canonical, with `session.`; empty where the service named none, and then all of it is meant.
    """
    config = state.configuration
    meant = tuple(one for one in config.asked if not path or _touches(one, path.removeprefix("session.")))
    if not meant:
        return None
    moved_on = {change.path for change in config.changed}
    for change in meant:
        if change.path not in moved_on:
            state = restored(state, change)
    rest = tuple(one for one in config.asked if one not in meant)
    gone = {change.path for change in meant}
    answered = replace(
        config,
        asked_at=None,
        asked=(),
        changed=(*rest, *config.changed),
        due_at=now if rest else config.due_at,
        turns_asked=config.turns_confirmed,
        undoable=tuple(one for one in config.undoable if one.path not in gone),
        refusals=_refusals(state, dict.fromkeys(gone, reason)),
    )
    named = ", ".join(sorted(one.rpartition(".")[2] for one in gone))
    notice = Noticed("warning", f"The service refused {named}: {reason}. What was in force stays.", "setting_refused")
    return RuleResult(replace(state, configuration=answered), (), (notice,))


def unconfirmed(state: State) -> Configuration:
    """No answer came: the wish stays, and the drawer says that nobody knows."""
    reasons = {change.path: UNCONFIRMED for change in state.configuration.asked}
    return replace(state.configuration, asked=(), refusals=_refusals(state, reasons))


def confirmed(config: Configuration) -> Configuration:
    """`session.updated`: what was asked for is answered, late or in time."""
    known = tuple(one for one in config.refusals if one[1] != UNCONFIRMED)
    return replace(config, asked_at=None, asked=(), turns_confirmed=config.turns_asked, refusals=known)


def _taken(after: State, change: Change, now: float, policy: TurnPolicy) -> RuleResult:
    """The choice is made; the line is told when it rests, where there is a line that can be told."""
    config = after.configuration
    is_new = change.path not in {one.path for one in config.changed}
    undoable = (*config.undoable, change)[-MOST_UNDOABLE:] if is_new else config.undoable
    config = replace(config, undoable=undoable)
    if _goes_out(after, change):
        changed = (*config.changed, change) if is_new else config.changed
        config = replace(config, changed=changed, due_at=now + policy.setting_delay)
    return RuleResult(replace(after, configuration=config))


def _goes_out(after: State, change: Change) -> bool:
    """Not without a line, not a voice that was heard, not the server's detector while turns are ours."""
    if after.connection.phase not in ("connecting", "open"):
        return False
    if change.path == VOICE and is_voice_fixed(after):
        return False
    were_ours = replace(after, choices=change.choices).choices.turns_are_ours
    return block_of(change.path) != DETECTION or not (were_ours and after.choices.turns_are_ours)


def _doubt(state: State, path: str, policy: TurnPolicy) -> str:
    """Why the service would refuse this, by the tables of the dialect in use; empty if it would not."""
    block = block_of(path)
    wanted = wanted_session(state, policy)
    if block == DETECTION and get_path(wanted, steps_of(DETECTION)) is None:
        set_path(wanted, steps_of(DETECTION), wished_detection(state.wishes.session))
    said = parts(wanted, {block})
    if path.startswith(f"{DETECTION}.") and not has_path(said, steps_of(path)):  # the other detector's
        set_path(said, steps_of(path), get_path(state.wishes.session, steps_of(path)))
    dialect = (
        None if state.wishes.dialect == "auto" and state.connection.opened_at is None else state.configuration.dialect
    )
    checked = check_session(said, dialect=dialect)
    errors = [problem for problem in checked.problems if problem.severity == "error"]
    if not errors and has_path(said, steps_of(path)) and not has_path(checked.session, steps_of(path)):
        errors = list(checked.problems)
    return _in_words(errors[0]) if errors else ""


def _in_words(problem: Problem) -> str:
    """The reason, for a row that names the field already."""
    words = f"{problem.path.rpartition('.')[2]} {problem.message}"
    return f"{words}; allowed: {', '.join(problem.allowed)}" if problem.allowed else words


def _asking_again(state: State, path: str) -> State:
    """Whoever chooses again asks again, whatever was refused before."""
    config = state.configuration
    change = Change(path, {}, state.choices)
    refused = tuple(one for one in config.refused if not _touches(change, one.removeprefix("session.")))
    refusals = tuple(one for one in config.refusals if one[0] != path)
    if (refused, refusals) == (config.refused, config.refusals):
        return state
    return replace(state, configuration=replace(config, refused=refused, refusals=refusals))


def _touches(change: Change, path: str) -> bool:
    """Whether a path of the wire is what was changed, a part of it, or what it is a part of."""
    mine = block_of(change.path) if change.path == PRESET else change.path
    return mine == path or mine.startswith(f"{path}.") or path.startswith((f"{mine}.", f"{mine}["))


def _refusals(state: State, reasons: dict[str, str]) -> tuple[tuple[str, str], ...]:
    known = tuple(one for one in state.configuration.refusals if one[0] not in reasons)
    return (*known, *reasons.items())[-MOST_UNDOABLE:]


def is_ready(state: State) -> bool:
    """R21: the line is up and the configuration is in force, so user audio and wishes may go out."""
    return state.connection.phase == "open" and state.configuration.in_force_at is not None


TAKES = (SessionCreated, SessionUpdated, ServerError)
"""The server events that concern this rule."""


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
            return setting_chosen(state, event, now, policy)
        case PresetChosen():
            return one_preset_chosen(state, event, now, policy)
        case SettingUndone():
            return undone(state, now, policy)
        case ToolsOffered():
            return tools_offered(state, event, now)
        case SendRefused(client_event="session.update", reason=reason) if config.asked_at is not None:
            if (answered := refused(state, "", reason, now)) is not None:
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
    if is_waiting(config, now) or (turns == config.turns_asked and not config.changed):
        return NOTHING
    session = update_of(state, policy)
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
    return _first_update_at(state, policy) if config.turns_asked is None else due_at(config)


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
    dialect: DialectName = known.dialect if known.dialect_switched or wish == "auto" else wish
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
    return _changed(state, config, SessionUpdate(session=session, event_id=event_id))


def _on_wire(state: State, wire: ServerEvent, now: float, policy: TurnPolicy) -> RuleResult:
    config = state.configuration
    match wire:
        case SessionCreated(session=session):
            found = detect_dialect(session) if state.wishes.dialect == "auto" and not config.dialect_switched else None
            seen = replace(_effective(config, session), created_at=now, dialect=found or config.dialect)
            return _changed(state, _asked_again(state, seen, now) if config.created_at is None else seen)
        case SessionUpdated(session=session):
            effective = _effective(config, session)
            seen, news = confirmed(effective), _not_applied(effective)
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
    if path and (answered := refused(state, path, reason.rstrip("."), now)) is not None:
        return answered
    other = None if config.asked else _other_dialect(config, error)
    if other is not None:
        return _ask(state, replace(config, dialect=other, dialect_switched=True), config.sent, now)
    rest = without_path(config.sent, path) if path else config.sent
    if rest == config.sent:
        if (answered := refused(state, "", reason.rstrip("."), now)) is not None:
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


def _other_dialect(config: Configuration, error: ErrorDetail) -> DialectName | None:
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
        text = f"Connected, but the service has neither begun a session nor confirmed settings {limit}. "
        text += "Is base_url a Realtime service?"
    else:
        text = f"The service did not confirm the settings {limit}; the talk goes on with whatever it uses."
    notice = Noticed("warning", text, "settings_unconfirmed")
    return _in_force(state, unconfirmed(state), now, notice)


def _full(param: str) -> str:
    return param if param.startswith("session.") else f"session.{param}"


def _changed(state: State, config: Configuration, *effects: Effect) -> RuleResult:
    return RuleResult(replace(state, configuration=config), effects)

"""Settings changed while the talk goes on: checked, sent together when they rest, taken back when refused (R20, R22).

The wish changes at once, so that a reconnect or a new session has it. What the line is told waits 300 ms after the last
change. A refusal puts the wish back to what it was before, and the changes that were not meant go out again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

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
from voicechat.core.events import Noticed, PresetChosen, SettingChosen, ToolsOffered
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.result import NOTHING, RuleResult
from voicechat.core.rules.wanted import wanted_session, wished_detection
from voicechat.core.state import Change, Configuration, State
from voicechat.protocol.problems import Problem
from voicechat.protocol.session_config import check_session
from voicechat.protocol.session_dialects import get_path, has_path, set_path

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


def _changed(state: State, config: Configuration) -> RuleResult:
    return RuleResult(replace(state, configuration=config))

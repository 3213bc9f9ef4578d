"""What the settings drawer is told of the session: in force, wished for, under way, refused (R22)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from voicechat.core.choosing import PRESET, block_of, is_voice_fixed, preset_now, steps_of
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.wanted import turn_detection, wanted_session, wished_detection
from voicechat.core.state import Change, State
from voicechat.engine.link import SessionShown
from voicechat.protocol.session_dialects import get_path, set_path

_LEFT_OUT = ("tools", "client_secret")
"""Large or private, and nothing the drawer shows."""
_DETECTION = ("audio", "input", "turn_detection")


class SessionShowing:
    """Makes the record anew only when one of the facts it is made of is another object."""

    def __init__(self) -> None:
        self._made_of: tuple[object, ...] = ()
        self._shown = SessionShown()

    def now(self, state: State, policy: TurnPolicy) -> SessionShown:
        """The same object while nothing changed."""
        fixed = is_voice_fixed(state)
        facts = (state.configuration, state.wishes, state.choices, state.connection.transport, fixed)
        if len(self._made_of) != len(facts) or any(a is not b for a, b in zip(facts, self._made_of, strict=True)):
            self._made_of = facts
            self._shown = session_shown(state, policy, voice_fixed=fixed)
        return self._shown


def session_shown(state: State, policy: TurnPolicy, *, voice_fixed: bool = False) -> SessionShown:
    """Pure. `policy`: the numbers of the start; what was chosen since is in the state."""
    config, policy = state.configuration, state.choices.policy or policy
    return SessionShown(
        document=_text(config.effective),
        pending=tuple(dict.fromkeys(change.path for change in (*config.asked, *config.changed))),
        refused=config.refusals,
        wish=_text(_wish(state, policy)),
        was=tuple({change.path: _before(change) for change in config.undoable}.items()),
        dialect=config.dialect,
        transport=state.connection.transport,
        preset=preset_now(state, policy) or "",
        voice_fixed=voice_fixed,
        local_detection=state.choices.local_detection,
    )


def _wish(state: State, policy: TurnPolicy) -> dict[str, Any]:
    """With the detector's fields also where turns are ours, because they come back with the next switch."""
    wish = wanted_session(state, policy)
    if turn_detection(state, policy) is None:
        set_path(wish, _DETECTION, wished_detection(state.wishes.session))
    return wish


def _before(change: Change) -> str:
    path = block_of(change.path) if change.path == PRESET else change.path
    return msgspec.json.encode(get_path(change.session, steps_of(path))).decode()


def _text(session: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in session.items() if name not in _LEFT_OUT}
    return msgspec.json.encode(shown).decode()

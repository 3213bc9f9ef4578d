"""What a client sees of a conversation: a snapshot on change, changed turns, and the events that flowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from voicechat.core.choosing import PRESET, block_of, is_voice_fixed, preset_now, steps_of
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.wanted import turn_detection, wanted_session, wished_detection
from voicechat.core.state import Change, State
from voicechat.core.view import TurnView, counts_anew
from voicechat.core.viewing import turn_views, view
from voicechat.engine.link import Batch, Devices, FromEngine, Meters, SessionShown, Snapshot, SoundFacts, Turns
from voicechat.journal.entry import Entry
from voicechat.protocol.session_dialects import get_path, set_path

_LEFT_OUT = ("tools", "client_secret")
"""Large or private, and nothing the drawer shows."""
_DETECTION = ("audio", "input", "turn_detection")


class SessionShowing:
    """Makes the record anew only when one of the facts it is made of is another object.

    What the settings drawer is told of the session: in force, wished for, under way, refused (R22).
    """

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


PACE = 0.075
"""Seconds between snapshots in which only levels and clocks moved, and between words that only run on. Both leave
together, so that the screen paints once and not twice."""


class Scene(Protocol):
    """What is looked at: a talk that goes on, or one on a tape."""

    @property
    def started_at(self) -> float:
        """The clock's time at the start of the session."""
        ...

    def clock(self) -> float:
        """Now."""
        ...

    @property
    def state(self) -> State:
        """The session now."""
        ...

    @property
    def policy(self) -> TurnPolicy:
        """The numbers it began with."""
        ...

    @property
    def sound(self) -> SoundFacts:
        """What can be switched about the sound."""
        ...

    @property
    def devices(self) -> Devices | None:
        """What there is to choose from, while somebody looks."""
        ...

    def meters(self, now: float) -> Meters:
        """Levels and figures of the line."""
        ...


class Rows(Protocol):
    """The events that flowed."""

    def take(self) -> Batch | None:
        """Everything since the last call."""
        ...


class Showing:
    """Sends what changed since the last tick."""

    def __init__(
        self,
        scene: Scene,
        log: Rows,
        post: Callable[[FromEngine], None],
        *,
        also: Callable[[tuple[Entry, ...]], None] = lambda rows: None,
        suggested: Callable[[], tuple[tuple[str, int, str], ...]] = lambda: (),
    ) -> None:
        """`also` gets the events of each tick, for whoever follows them without a screen; `suggested`: settings that
        the diagnosis proposes, as `SessionShown` has them."""
        self._also = also
        self._suggested = suggested
        self._scene = scene
        self._log = log
        self._post = post
        self._last: Snapshot | None = None
        self._seen: tuple[State, SoundFacts] | None = None
        self._shown_at = self._looked_at = self._told_at = -PACE
        self._devices: Devices | None = None
        self._session = SessionShowing()
        self._session_told: tuple[SessionShown, object] | None = None
        self._turns: dict[str, TurnView] = {}
        self._turns_of: State | None = None
        self._order: tuple[str, ...] = ()

    def tick(self) -> None:
        """Events, then turns, then the snapshot: whoever reads that an answer is complete has its words already."""
        scene = self._scene
        now, state, policy = scene.clock(), scene.state, scene.policy
        if (batch := self._log.take()) is not None:
            self._post(batch)
            self._also(batch.rows)
        snapshot = self._due_snapshot(state, now, policy)
        self._send_turns(state, now, at_once=snapshot is not None)
        if snapshot is not None:
            self._post(snapshot)
        devices = scene.devices
        if devices is not None and devices != self._devices:
            self._post(devices)
        self._devices = devices
        configured, suggested = self._session.now(state, policy), self._suggested()
        told = self._session_told
        if told is None or configured is not told[0] or suggested is not told[1]:
            self._session_told = configured, suggested
            self._post(msgspec.structs.replace(configured, suggested=suggested))

    def _due_snapshot(self, state: State, now: float, policy: TurnPolicy) -> Snapshot | None:
        """Between two paces only a changed fact can be news: then nothing is made that would not be sent."""
        scene, sound = self._scene, self._scene.sound
        is_same = self._seen is not None and self._seen[0] is state and self._seen[1] == sound
        if is_same and now - self._looked_at < PACE:
            return None
        self._seen = (state, sound)
        meters = scene.meters(now)
        snapshot = Snapshot(view(state, now, policy, meters.clipped), meters, sound)
        if snapshot == self._last:
            self._looked_at = now
        elif self._is_news(snapshot) or now - self._shown_at >= PACE:
            self._last, self._shown_at, self._looked_at = snapshot, now, now
            return msgspec.structs.replace(snapshot, t=round(now - scene.started_at, 3))
        return None

    def _is_news(self, snapshot: Snapshot) -> bool:
        """A state, not merely a level or a clock: it is shown at the next tick."""
        return self._last is None or _states(snapshot) != _states(self._last)

    def _send_turns(self, state: State, now: float, *, at_once: bool) -> None:
        if state is self._turns_of and not at_once and now - self._told_at < PACE:
            return  # without news only words run on, and it is too early for more of them
        self._turns_of = state
        views = turn_views(state, now, self._scene.started_at)
        # Unchanged views are the same object: a long talk must not be compared field by field 20 times a second.
        changed = tuple(turn for turn in views if self._turns.get(turn.key) is not turn)
        order = tuple(turn.key for turn in views)
        if not changed and order == self._order:
            return
        is_news = order != self._order or any(counts_anew(self._turns.get(turn.key), turn) for turn in changed)
        if not (at_once or is_news or now - self._told_at >= PACE):
            return
        self._told_at = now
        self._post(Turns(changed, order if order != self._order else None))
        self._turns = {turn.key: turn for turn in views}
        self._order = order


def _states(snapshot: Snapshot) -> tuple[object, ...]:
    mic, reply, connection = snapshot.view.mic, snapshot.view.reply, snapshot.view.connection
    asked = snapshot.view.asked
    switches = (mic.turn_mode, mic.barge_in, mic.muted, mic.volume, mic.deafened, mic.lamps)
    return (
        mic.state,
        mic.is_on_air,
        mic.name,
        mic.detail,
        switches,
        reply.state,
        connection.phase,
        snapshot.sound,
        asked,
    )

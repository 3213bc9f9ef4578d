"""The session around the core: order, time, failures as events, and nothing left open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from tests.support.event_rows import noted_in
from tests.support.peers import eventually
from voicechat.audio.blocks import Frame
from voicechat.core import effects as do, events as on
from voicechat.core.effects import AudioEffect
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, State, Wishes
from voicechat.engine.ports import Line, Tell
from voicechat.engine.session import MAX_EVENTS_BEFORE_OPEN, SLOW_FRAME, Listener, Session
from voicechat.errors import SignallingError
from voicechat.journal.entry import Entry
from voicechat.line import LineListener, LineStats

SESSION: dict[str, Any] = {
    "type": "realtime",
    "model": "m",
    "audio": {"input": {"turn_detection": {"type": "server_vad"}}, "output": {"voice": "marin"}},
}


class Deck:
    """An audio port that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[AudioEffect] = []

    def perform(self, effect: AudioEffect) -> None:
        self.asked.append(effect)


class FakeLine:
    """A line without sound; the test is its far end."""

    newest = 0

    def __init__(self, listener: LineListener) -> None:
        self.listener = listener
        self.largest_message = 262_144
        self.sent: list[str] = []
        self.hung_up = False

    def send(self, text: str) -> str:
        if len(text) > self.largest_message:
            return f"the other side takes {self.largest_message} bytes at most"
        self.sent.append(text)
        return ""

    def pull(self, now: float, samples: int = 960) -> Frame:
        return np.zeros(samples, np.int16)

    def flush(self, through: int | None = None) -> None: ...

    def stats(self) -> LineStats:
        return LineStats()

    async def close(self, *, hang_up: bool) -> None:
        self.hung_up = hang_up


class House:
    """A session with a line in memory and a server that can be made to talk or to refuse."""

    def __init__(self, *, early: str = "") -> None:
        self.deck = Deck()
        self.happened: list[Entry] = []
        self.lines: list[FakeLine] = []
        self.refusal: SignallingError | None = None
        self.early = early
        self.session = Session(
            Wishes(session=SESSION),
            Choices(),
            TurnPolicy(),
            audio=self.deck,
            open_line=self.open_line,
            clock=asyncio.get_running_loop().time,
            note=noted_in(self.happened),
        )

    async def open_line(self, wish: do.Connect, listener: LineListener, tell: Tell) -> tuple[Line, on.LineOpened]:
        if self.refusal is not None:
            raise self.refusal
        line = FakeLine(listener)
        self.lines.append(line)
        if self.early:
            listener.on_text(self.early)
        return line, on.LineOpened(wish.connection, configured=True)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                changed = asyncio.Event()
                self.session.on_change = changed.set
                if not true():
                    await changed.wait()

    def said(self) -> list[str]:
        return [json.loads(text)["type"] for text in self.lines[-1].sent]

    def names(self, direction: str) -> list[str]:
        return [h.event["type"] for h in self.happened if h.dir == direction]


CREATED = json.dumps({"type": "session.created", "event_id": "e1", "session": SESSION})


@asynccontextmanager
async def talking(key: str = "no key") -> AsyncIterator[House]:
    """A talk whose session has begun; it is closed at the end. `key` is to be hidden."""
    house = House(early=CREATED)
    house.session.performer.redact = lambda text: text.replace(key, "[key hidden]")
    house.session.start()
    try:
        await house.until(lambda: bool(house.session.state.configuration.effective))
        yield house
    finally:
        await house.session.close()


async def test_an_event_that_beats_the_open_line_still_comes_after_it() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    await house.session.close()
    assert "session.created" in house.names("in")
    assert house.names("local").index("line.opened") >= 0


async def test_typed_text_is_sent_as_item_and_response_create() -> None:
    async with talking() as house:
        house.session.tell(on.TextEntered("hello"))
        await house.until(lambda: house.session.state.responses.asked_at is not None)
        assert house.said()[-2:] == ["conversation.item.create", "response.create"]
        assert house.names("out")[-2:] == ["conversation.item.create", "response.create"]


async def test_a_refused_line_is_a_state_and_not_an_exception() -> None:
    house = House()
    house.refusal = SignallingError(
        "the key was refused", hint="check OPENAI_API_KEY", status=401, code="invalid_api_key"
    )
    house.session.start()
    await house.until(lambda: house.session.state.connection.phase == "refused")
    assert "the key was refused" in house.session.state.connection.reason
    await house.session.close()


async def test_a_lost_line_closes_the_mic_and_is_named() -> None:
    async with talking() as house:
        await house.until(lambda: any(isinstance(asked, do.OpenMic) for asked in house.deck.asked))
        house.lines[-1].listener.on_closed("the other side hung up")
        await house.until(lambda: house.session.state.connection.phase == "lost")
        assert isinstance([a for a in house.deck.asked if isinstance(a, do.OpenMic | do.CloseMic)][-1], do.CloseMic)


async def test_a_message_that_is_too_large_is_told_and_the_talk_goes_on() -> None:
    async with talking() as house:
        house.lines[-1].largest_message = 200
        house.session.tell(on.TextEntered("x" * 300))
        await house.until(lambda: "send.refused" in house.names("local"))
        assert house.session.state.connection.phase == "open"


async def test_ending_closes_the_mic_hangs_up_and_leaves_nothing_open() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: any(isinstance(asked, do.OpenMic) for asked in house.deck.asked))
    await house.session.close()
    assert isinstance([a for a in house.deck.asked if isinstance(a, do.OpenMic | do.CloseMic)][-1], do.CloseMic)
    assert house.lines[-1].hung_up
    assert house.session.state.connection.phase == "ended"


async def test_garbage_on_the_channel_is_an_event_like_any_other() -> None:
    async with talking() as house:
        before = len(house.happened)
        for text in ("", "[]", "{", '{"type": 7}', "\x00", "[" * 5000, '{"type":"no.such.event","x":NaN}'):
            house.lines[-1].listener.on_text(text)
        house.session.tell(on.DeafenChosen(True))
        await house.until(lambda: house.session.state.microphone.deafened)
        assert len([h for h in house.happened[before:] if h.dir == "in"]) == 7
        assert house.session.state.connection.phase == "open"


async def test_a_passed_deadline_that_changes_nothing_is_one_defect_and_no_spin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    def passed(state: State, now: float, policy: TurnPolicy) -> float:
        nonlocal asked
        asked += 1
        return now - 1.0

    monkeypatch.setattr("voicechat.engine.session.next_deadline", passed)
    monkeypatch.setattr("voicechat.engine.session.overdue", lambda *args: ("some rule",))
    house = House(early=CREATED)
    house.session.start()
    await eventually(lambda: "engine.defect" in house.names("local"))
    before, turns = asked, 0
    while turns < 200:
        await asyncio.sleep(0)
        turns += 1
    assert asked - before < 20
    assert house.names("local").count("engine.defect") == 1
    await house.session.close()


async def test_a_deadline_is_kept_though_its_rule_names_the_next_one_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tail of a push-to-talk turn ends, and from then on its last sample is waited for."""
    async with talking() as house:
        now, tail_ends, taken = 100.0, 100.001, list[on.Event]()
        house.session.clock = lambda: now
        house.session.record = lambda at, event, effects: taken.append(event)
        monkeypatch.setattr(
            "voicechat.engine.session.next_deadline",
            lambda state, now, policy: tail_ends if now < tail_ends else tail_ends + 10.0,
        )
        house.session.tell(on.MuteChosen(True))
        await eventually(lambda: bool(taken))
        now = tail_ends
        await eventually(lambda: on.TimePassed() in taken)


async def test_a_late_event_after_close_arms_no_timer() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    await house.session.close()
    house.session.tell(on.NewAsked())
    await eventually(lambda: "new.asked" in house.names("local"))
    assert house.session._timer is None


async def test_news_of_an_emptied_queue_counts_for_its_own_connection_only() -> None:
    async with talking() as house:
        house.session.tell(on.PlaybackEmptied(house.session.state.connection.number - 1))
        house.session.tell(on.MuteChosen(True))
        await house.until(lambda: "mute.chosen" in house.names("local"))
        assert house.session.state.playback.emptied_at is None
        house.session.tell(on.PlaybackEmptied(house.session.state.connection.number))
        await house.until(lambda: house.session.state.playback.emptied_at is not None)


@pytest.mark.parametrize("spelled", ["\\u0073k-secret/1", "sk-secret\\/1", "sk-secret/1"])
async def test_a_key_quoted_with_json_escapes_is_hidden_in_notes_and_events(spelled: str) -> None:
    async with talking(key="sk-secret/1") as house:
        error = f'{{"type": "error", "error": {{"code": "odd", "message": "Wrong key: {spelled}."}}}}'
        house.lines[-1].listener.on_text(error)
        await eventually(lambda: any(turn.who == "note" for turn in house.session.state.conversation.turns))
        seen = repr(house.session.state.conversation.turns) + repr([one.event for one in house.happened])
        assert "sk-secret" not in seen and "Wrong key: [key hidden]." in seen


# What comes over a connection: in order, bounded, and with a note about what took long

EVENT = '{"type": "input_audio_buffer.committed", "item_id": "i"}'


def listener(times: Iterator[float]) -> tuple[Listener, list[on.Event], list[Entry]]:
    told: list[on.Event] = []
    seen: list[Entry] = []
    return Listener(1, told.append, noted_in(seen), lambda: next(times), lambda text: text), told, seen


def test_frame_read_in_over_50_ms_is_noted_and_processed() -> None:
    for took, notes in ((SLOW_FRAME, ()), (0.0634, ("took 63 ms to read",))):
        line, told, seen = listener(iter((0.0, took, 2.0)))
        line.release()
        line.on_text(EVENT)
        assert [(one.notes, one.event["item_id"]) for one in seen] == [(notes, "i")]
        assert [one.notes for one in told if isinstance(one, on.Received)] == [notes]


def test_flood_before_the_connection_is_open_loses_the_connection() -> None:
    line, told, _ = listener(iter([0.0] * 3 * MAX_EVENTS_BEFORE_OPEN))
    for _ in range(MAX_EVENTS_BEFORE_OPEN + 500):
        line.on_text(EVENT)
    assert told == []
    line.release()
    assert len(told) == MAX_EVENTS_BEFORE_OPEN + 1
    assert told[-1] == on.LineLost(1, "more than 5,000 events came before the connection was open")

"""The session around the core: order, time, failures as events, and nothing left open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.peers import eventually
from voicechat.core import effects as do, events as on
from voicechat.core.effects import AudioEffect
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, State, Wishes
from voicechat.errors import SignallingError
from voicechat.session.happenings import Happening
from voicechat.session.ports import Line, LineListener, Tell
from voicechat.session.session import Session
from voicechat.transports.loopback import LoopbackLine
from voicechat.transports.target import LineTarget

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


class House:
    """A session with a line in memory and a server that can be made to talk or to refuse."""

    def __init__(self, *, early: str = "") -> None:
        self.deck = Deck()
        self.happened: list[Happening] = []
        self.lines: list[LoopbackLine] = []
        self.refusal: SignallingError | None = None
        self.early = early
        self.session = Session(
            Wishes(session=SESSION),
            Choices(),
            TurnPolicy(),
            audio=self.deck,
            open_line=self.open_line,
            clock=asyncio.get_running_loop().time,
            watch=self.happened.append,
        )

    async def open_line(self, wish: do.Connect, listener: LineListener, tell: Tell) -> tuple[Line, on.LineOpened]:
        line = LoopbackLine(uplink=lambda: None, heard=listener)  # type: ignore[arg-type,return-value]  # nobody listens
        line.refuse_next = self.refusal
        await line.open(LineTarget(base_url="http://127.0.0.1", key="", model="m"))
        self.lines.append(line)
        if self.early:
            line.say(self.early)
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


async def test_an_event_that_beats_the_open_line_still_comes_after_it() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    await house.session.close()
    assert "session.created" in house.names("in")
    assert house.names("local").index("line.opened") >= 0


async def test_typed_text_leaves_as_item_and_answer_wish() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    house.session.tell(on.TextEntered("hello"))
    await house.until(lambda: house.session.state.responses.asked_at is not None)
    assert house.said()[-2:] == ["conversation.item.create", "response.create"]
    assert house.names("out")[-2:] == ["conversation.item.create", "response.create"]
    await house.session.close()


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
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: any(isinstance(asked, do.OpenMic) for asked in house.deck.asked))
    house.lines[-1].drop("the other side hung up")
    await house.until(lambda: house.session.state.connection.phase == "lost")
    assert isinstance([a for a in house.deck.asked if isinstance(a, do.OpenMic | do.CloseMic)][-1], do.CloseMic)
    await house.session.close()


async def test_a_message_that_is_too_large_is_told_and_the_talk_goes_on() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    house.lines[-1].largest_message = 200
    house.session.tell(on.TextEntered("x" * 300))
    await house.until(lambda: "send.refused" in house.names("local"))
    assert house.session.state.connection.phase == "open"
    await house.session.close()


async def test_ending_closes_the_mic_hangs_up_and_leaves_nothing_open() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: any(isinstance(asked, do.OpenMic) for asked in house.deck.asked))
    await house.session.close()
    assert isinstance([a for a in house.deck.asked if isinstance(a, do.OpenMic | do.CloseMic)][-1], do.CloseMic)
    assert house.lines[-1].hung_up
    assert house.session.state.connection.phase == "ended"


async def test_garbage_on_the_channel_is_an_event_like_any_other() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    before = len(house.happened)
    for text in ("", "[]", "{", '{"type": 7}', "\x00", "[" * 5000, '{"type":"no.such.event","x":NaN}'):
        house.lines[-1].say(text)
    house.session.tell(on.DeafenChosen(True))
    await house.until(lambda: house.session.state.microphone.deafened)
    assert len([h for h in house.happened[before:] if h.dir == "in"]) == 7
    assert house.session.state.connection.phase == "open"
    await house.session.close()


async def test_a_key_that_a_server_quotes_is_hidden_before_anybody_sees_it() -> None:
    house = House(early=CREATED)
    house.session.performer.redact = lambda text: text.replace("sk-secret", "[key hidden]")
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    house.lines[-1].say('{"type": "error", "error": {"message": "Incorrect API key provided: sk-secret"}}')
    await house.until(lambda: any("hidden" in turn.text for turn in house.session.state.conversation.turns))
    assert not any("sk-secret" in str(happening.event) for happening in house.happened)
    await house.session.close()


async def test_a_passed_deadline_that_changes_nothing_is_one_defect_and_no_spin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    def passed(state: State, now: float, policy: TurnPolicy) -> float:
        nonlocal asked
        asked += 1
        return now - 1.0

    monkeypatch.setattr("voicechat.session.session.next_deadline", passed)
    monkeypatch.setattr("voicechat.session.session.overdue", lambda *args: ("some rule",))
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


async def test_a_late_event_after_close_arms_no_timer() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    await house.session.close()
    house.session.tell(on.NewAsked())
    await eventually(lambda: "new.asked" in house.names("local"))
    assert house.session._timer is None


async def test_news_of_an_emptied_queue_counts_for_its_own_connection_only() -> None:
    house = House(early=CREATED)
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    house.session.tell(on.PlaybackEmptied(house.session.state.connection.number - 1))
    house.session.tell(on.MuteChosen(True))
    await house.until(lambda: "mute.chosen" in house.names("local"))
    assert house.session.state.playback.emptied_at is None
    house.session.tell(on.PlaybackEmptied(house.session.state.connection.number))
    await house.until(lambda: house.session.state.playback.emptied_at is not None)
    await house.session.close()


@pytest.mark.parametrize("spelled", ["\\u0073k-secret/1", "sk-secret\\/1", "sk-secret/1"])
async def test_a_key_quoted_with_json_escapes_is_hidden_in_notes_and_events(spelled: str) -> None:
    house = House(early=CREATED)
    house.session.performer.redact = lambda text: text.replace("sk-secret/1", "[key hidden]")
    house.session.start()
    await house.until(lambda: bool(house.session.state.configuration.effective))
    error = f'{{"type": "error", "error": {{"code": "odd", "message": "Wrong key: {spelled}."}}}}'
    house.lines[-1].say(error)
    await eventually(lambda: any(turn.who == "note" for turn in house.session.state.conversation.turns))
    seen = repr(house.session.state.conversation.turns) + repr([one.event for one in house.happened])
    assert "sk-secret" not in seen and "Wrong key: [key hidden]." in seen
    await house.session.close()

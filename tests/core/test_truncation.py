"""R8 over WebSocket: `conversation.item.truncate` tells what was really played, never more than came of it."""

from __future__ import annotations

import base64

from hypothesis import given, strategies as st

from tests.support.nearly import nearly
from tests.support.script import At, at, audio, created, done, heard, opened, script, wire
from voicechat.core.effects import BeginPlayback, CancelResponse, SilencePlayback, TruncateItem
from voicechat.core.events import Event, LineLost, PlaybackEmptied, PlaybackMoved, Received, StopPressed, TextEntered
from voicechat.protocol.client_events import ConversationItemTruncate
from voicechat.protocol.server_events import ResponseOutputAudioDelta
from voicechat.session.perform import client_event

WEBSOCKET = opened(transport="WebSocket")


def moved(item_id: str, played: float, when: float, *, moving: bool = True, connection: int = 1) -> PlaybackMoved:
    return PlaybackMoved(connection, item_id, played, when, moving)


def cuts(*events: At[Event], until: float = 9.0) -> list[tuple[str, float]]:
    talk = script(*events, begin=WEBSOCKET, until=until)
    return [(one.what.item_id, one.what.heard) for one in talk.of(TruncateItem)]


def test_the_clock_of_the_queue_beats_what_was_audible() -> None:
    """Half a second of the answer was leading silence: it was played, so the service has to count it."""
    events = (at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.6, heard()), at(1.0, moved("i1", 1.0, 1.0)))
    assert cuts(*events, at(1.06, StopPressed())) == [("i1", nearly(1.06))]


def test_a_clock_that_was_told_to_stand_does_not_go_on() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.1, heard()))
    stands = at(1.0, moved("i1", 0.7, 1.0, moving=False))
    assert cuts(*events, stands, at(1.2, StopPressed())) == [("i1", nearly(0.7))]


def test_a_clock_without_news_goes_on_for_a_quarter_of_a_second_at_most() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.1, heard()), at(1.0, moved("i1", 0.9, 1.0)))
    assert cuts(*events, at(1.9, StopPressed())) == [("i1", nearly(1.15))]


def test_of_two_items_that_wait_each_is_truncated_at_its_own_place() -> None:
    events = (
        at(0.0, created()), at(0.0, audio("i1", 2.0)), at(0.1, heard()), at(0.2, done()),
        at(0.3, created("r2")), at(0.4, audio("i2", 3.0)), at(1.0, moved("i1", 0.9, 1.0)),
    )  # fmt: skip
    assert cuts(*events, at(1.05, StopPressed())) == [("i1", nearly(0.95)), ("i2", nearly(0.0))]


def test_an_item_that_was_played_to_its_end_is_left_alone_while_the_next_one_sounds() -> None:
    events = (
        at(0.0, created()), at(0.0, audio("i1", 1.0)), at(0.1, heard()), at(0.2, done()),
        at(0.3, created("r2")), at(0.4, audio("i2", 3.0)), at(0.5, done("r2")),
        at(1.1, moved("i1", 0.999, 1.1, moving=False)), at(1.5, moved("i2", 0.4, 1.5)),
    )  # fmt: skip
    assert cuts(*events, at(1.5, StopPressed())) == [("i2", nearly(0.4))]


def test_what_was_truncated_once_is_not_truncated_again_when_the_service_confirms_the_end() -> None:
    events = (
        at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.1, heard()), at(1.0, StopPressed()),
        at(1.1, done(status="cancelled", reason="turn_detected")), at(1.2, StopPressed()),
    )  # fmt: skip
    assert len(cuts(*events)) == 1


def test_late_sound_of_a_silenced_answer_is_not_counted_for_the_next() -> None:
    events = (
        at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.1, heard()), at(1.0, StopPressed()),
        at(1.05, audio("i1", 9.0)), at(1.1, done(status="cancelled")), at(2.0, created("r2")),
        at(2.1, audio("i2", 1.0)), at(2.2, heard()), at(2.5, moved("i2", 0.3, 2.5)), at(2.5, StopPressed()),
    )  # fmt: skip
    assert cuts(*events) == [("i1", nearly(0.9)), ("i2", nearly(0.3))]


def test_an_answer_cancelled_before_it_had_a_name_is_silenced_when_it_gets_one() -> None:
    events = (at(1.0, TextEntered("a")), at(1.1, StopPressed()), at(1.3, created("r1")))
    talk = script(*events, begin=WEBSOCKET, until=2.0)
    assert [one.time for one in talk.of(SilencePlayback)] == [1.1, 1.3]
    assert [one.time for one in talk.of(CancelResponse)] == [1.3] and talk.of(BeginPlayback) == []


def test_clocks_of_an_old_line_say_nothing_about_the_new_one() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.1, heard()))
    stale = at(1.0, moved("i1", 8.0, 1.0, connection=7))
    assert cuts(*events, stale, at(1.1, StopPressed())) == [("i1", nearly(1.0))]


def test_a_lost_line_forgets_what_could_be_truncated() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.1, heard()), at(1.0, LineLost(1, "gone")))
    assert cuts(*events, at(1.2, StopPressed())) == []


def piece(item_id: str, size: int) -> Received:
    delta = base64.b64encode(bytes(size)).decode()
    return wire(ResponseOutputAudioDelta(item_id=item_id, response_id="r1", delta=delta))


@given(
    pieces=st.lists(st.tuples(st.sampled_from(["i1", "i2"]), st.integers(1, 9_001)), min_size=1, max_size=30),
    clocks=st.lists(
        st.tuples(st.sampled_from(["i1", "i2"]), st.floats(-1.0, 20.0), st.booleans()), max_size=6
    ),
    is_heard=st.booleans(),
    stopped_at=st.floats(1.0, 8.0),
    emptied=st.booleans(),
)  # fmt: skip
def test_a_truncation_is_a_whole_number_of_milliseconds_from_nothing_to_what_came(
    pieces: list[tuple[str, int]],
    clocks: list[tuple[str, float, bool]],
    is_heard: bool,
    stopped_at: float,
    emptied: bool,
) -> None:
    events: list[At[Event]] = [at(0.0, created()), *(at(0.1, piece(item, size)) for item, size in pieces)]
    events += [at(0.2, heard())] if is_heard else []
    events += [at(0.5, moved(item, played, 0.5, moving=moving)) for item, played, moving in clocks]
    events += [at(0.6, PlaybackEmptied(1))] if emptied else []
    talk = script(*events, at(stopped_at, StopPressed()), begin=WEBSOCKET, until=9.0)
    came = {item: sum(size for name, size in pieces if name == item) for item, _ in pieces}
    for one in talk.of(TruncateItem):
        event = client_event(one.what)
        assert isinstance(event, ConversationItemTruncate) and isinstance(event.audio_end_ms, int)
        assert 0 <= event.audio_end_ms <= came[one.what.item_id] / 48.0

"""R8, R12, R14-R16: one answer at a time, stopped in the right order, never created by anything but a wish."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from tests.support.script import (
    At,
    at,
    audio,
    committed,
    created,
    done,
    fell_silent,
    heard,
    opened,
    refused,
    script,
    sound_started,
    transcribed,
    wire,
)
from voicechat.core import effects as do, events as on
from voicechat.core.viewing import view
from voicechat.protocol import client_events as say
from voicechat.protocol.client_events import ConversationItemTruncate, ResponseCancel, ResponseCreate
from voicechat.protocol.items import Item
from voicechat.protocol.server_events import (
    InputAudioBufferSpeechStarted,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
    SessionUpdated,
)
from voicechat.protocol.wire import JsonValue

WEBSOCKET = opened(transport="WebSocket")
FIRST = "answer-1-1"
BUSY = refused("conversation_already_has_active_response")
Events = tuple[At[on.Event], ...]


def typed(time: float) -> At[on.Event]:
    return at(time, on.TextEntered("a"))


def stop(time: float) -> At[on.Event]:
    return at(time, on.StopPressed())


BUSY_FOR_OURS = refused("conversation_already_has_active_response", event_id=FIRST)
CREATED: list[tuple[str, float, list[float], list[str], Events]] = [
    ("R12: waits for the end of the running one", 4.0, [3.0], [],
     (at(0.0, created()), typed(1.0), typed(2.0), at(3.0, done()))),
    ("R12: a cancelled answer is over only when the service says so", 2.0, [1.4], [],
     (at(0.0, created()), stop(1.0), typed(1.1), at(1.4, done(status="cancelled")))),
    ("R12: a stop takes back what was wanted", 2.0, [], [],
     (at(0.0, created()), typed(1.0), stop(1.1), at(1.4, done(status="cancelled")))),
    ("R12: the end of another answer frees nothing", 2.0, [], [],
     (at(0.0, created("r2")), typed(0.5), at(1.0, done("r1")))),
    ("R15: busy waits for the end and asks once more", 4.0, [0.0, 3.0], [],
     (typed(0.0), at(0.2, BUSY), at(3.0, done("r0")))),
    ("R15: busy after the other answer was named waits for its end", 4.0, [0.0], [],
     (typed(0.0), at(0.1, created("r0")), at(0.2, BUSY_FOR_OURS), at(3.0, done("r0")))),
    ("R15: busy twice is told and left to the user", 30.0, [0.0, 3.0], ["no_answer"],
     (typed(0.0), at(0.2, BUSY), at(3.0, done("r0")), at(3.2, BUSY), at(5.0, done("r0")))),
    ("R15: busy is retried once even if the other answer is named late", 30.0, [0.0, 3.0], ["no_answer"],
     (typed(0.0), at(0.2, BUSY), at(0.3, created("r0")), at(3.0, done("r0")),
      at(3.2, BUSY), at(3.3, created("r9")), at(5.0, done("r9")))),
    ("R15: a response of the service's own uses up no retry", 6.0, [2.0, 5.0], [],
     (at(0.0, created("r0")), at(1.0, done("r0")), typed(2.0), at(2.2, BUSY), at(5.0, done("r1")))),
    ("R15: a cancel that came too late frees the slot", 2.0, [1.2], [],
     (at(0.0, created()), stop(1.0), at(1.1, refused("response_cancel_not_active")), typed(1.2))),
    ("R15: a refused request is told", 20.0, [1.0], ["no_answer"],
     (typed(1.0), at(1.2, refused("invalid_value", event_id=FIRST)))),
    ("R15: a request that could not be sent is told", 20.0, [1.0], ["no_answer"],
     (typed(1.0), at(1.1, on.SendRefused(1, "response.create", "closed", FIRST)))),
    ("a cancelled answer whose end never comes does not block for ever", 11.0, [10.0], ["no_answer"],
     (at(0.0, created()), stop(1.0), typed(2.0), typed(10.0))),
]  # fmt: skip


@each(("name", "until", "times", "notices", "events"), CREATED)
def test_r12_r15_when_answers_are_created_and_what_is_told(
    name: str, until: float, times: list[float], notices: list[str], events: Events
) -> None:
    talk = script(*events, until=until)
    assert (talk.times(ResponseCreate), talk.notices) == (times, notices)
    assert len(talk.items("typed")) == sum(isinstance(event.what, on.TextEntered) for event in events)


NOT_TAKEN = refused("invalid_value", event_id="typed-1-1")
REFUSALS: list[tuple[str, list[float], list[float], Events]] = [
    ("the answer asked for it alone is cancelled at its birth", [0.0], [0.3],
     (typed(0.0), at(0.2, NOT_TAKEN), at(0.3, created()))),
    ("the answer made to it alone is cancelled", [0.0], [0.2], (typed(0.0), at(0.1, created()), at(0.2, NOT_TAKEN))),
    ("what waited for another answer is not asked for", [], [],
     (at(0.0, created()), typed(0.5), at(0.6, NOT_TAKEN), at(1.0, done()))),
    ("an answer to another text too goes on", [1.0], [],
     (at(0.0, created()), typed(0.5), typed(0.6), at(0.7, NOT_TAKEN), at(1.0, done()), at(1.1, created("r2")))),
    ("an answer that is over stays", [0.0], [],
     (typed(0.0), at(0.1, created()), at(0.5, done()), at(0.6, NOT_TAKEN))),
]  # fmt: skip


@each(("name", "created_at", "cancelled_at", "events"), REFUSALS)
def test_no_answer_is_made_to_a_text_that_was_refused(
    name: str, created_at: list[float], cancelled_at: list[float], events: Events
) -> None:
    talk = script(*events, until=2.0)
    assert (talk.times(ResponseCreate), talk.times(ResponseCancel)) == (created_at, cancelled_at)
    assert talk.notices == ["message_refused"]


def test_r12_an_answer_the_server_began_itself_takes_the_slot() -> None:
    events = (at(0.0, created("r1")), typed(0.1), at(5.0, done("r1")), at(5.2, created("r2")))
    talk = script(*events, until=6.0)
    assert (talk.times(ResponseCreate), talk.state.responses.active_id) == ([5.0], "r2")


def test_r8_over_websocket_the_item_is_truncated_at_what_was_played() -> None:
    talk = script(at(0.0, created()), at(0.0, audio("i1", 6.0)), at(0.1, heard()), stop(2.1), begin=WEBSOCKET, until=3)
    assert [type(one.what) for one in talk.effects if one.time == 2.1] == [
        do.SilencePlayback,
        ResponseCancel,
        ConversationItemTruncate,
        do.AllowBargeIn,
    ]
    (cut,) = talk.of(ConversationItemTruncate)
    assert (cut.what.item_id, cut.what.audio_end_ms) == ("i1", 2000)


@each(
    ("seconds", "done_at", "stopped_at", "cuts", "cancels"),
    [(1.5, 9.0, 4.0, [1.5], 1), (1.5, 0.2, 1.65, [], 0), (9.0, 0.5, 2.0, [1.9], 0)],
    ids=["clamped to what came", "played to its end", "generated and still playing: no cancel"],
)
def test_r8_an_item_is_truncated_where_it_was_played_to(
    seconds: float, done_at: float, stopped_at: float, cuts: list[float], cancels: int
) -> None:
    begun = (at(0.0, created()), at(0.0, audio("i1", seconds)), at(0.1, heard()))
    events = sorted([*begun, at(done_at, done()), stop(stopped_at)], key=lambda one: one.time)
    talk = script(*events, begin=WEBSOCKET, until=9.5)
    assert [one.what.audio_end_ms for one in talk.of(ConversationItemTruncate)] == [
        pytest.approx(1000 * cut, abs=1) for cut in cuts
    ]
    assert len(talk.of(ResponseCancel)) == cancels


def test_r8_over_webrtc_the_server_drops_the_rest_itself() -> None:
    talk = script(at(0.0, created()), at(0.1, heard()), at(0.5, done()), stop(2.0), until=3.0)
    kinds = say.OutputAudioBufferClear, ResponseCancel, ConversationItemTruncate
    assert talk.of(*kinds) == [at(2.0, say.OutputAudioBufferClear(event_id="stop-1-1"))]


RECONNECTED = (
    *(at(0.0, created()), at(0.0, audio("i1", 6.0)), at(0.1, heard())),
    *(
        at(1.0, on.LineLost(1, "gone")),
        at(2.0, on.AgainPressed()),
        at(2.5, on.LineOpened(2, "WebSocket", configured=True)),
    ),
)
"""An answer under way, the connection lost, and up again."""


def test_r8_ids_of_an_old_connection_are_never_sent() -> None:
    assert (
        script(*RECONNECTED, stop(3.0), begin=WEBSOCKET, until=4.0).of(ResponseCancel, ConversationItemTruncate) == []
    )
    again = (at(3.0, created("r9", 2)), at(3.1, heard()), stop(4.0))
    second = script(*RECONNECTED, *again, begin=WEBSOCKET, until=5.0)
    assert second.of(ConversationItemTruncate) == []
    assert [one.what.response_id for one in second.of(ResponseCancel)] == ["r9"]


def test_answers_of_an_old_connection_are_not_obeyed() -> None:
    talk = script(*RECONNECTED, at(3.0, created("r1", 1)), at(3.1, sound_started()), begin=WEBSOCKET, until=4.0)
    assert talk.state.responses.active_id == ""
    assert talk.state.microphone.is_open


def test_r15_busy_without_an_end_is_told() -> None:
    talk = script(typed(0.0), at(0.2, BUSY), until=30.0)
    assert [(one.time, one.what.code) for one in talk.news(on.Noticed)] == [(8.2, "no_answer")]


RACES = """conversation_already_has_active_response response_cancel_not_active input_audio_buffer_commit_empty
input_audio_buffer_clear_empty item_truncate_invalid_item_id item_retrieve_invalid_item_id
item_delete_invalid_item_id item_create_duplicate_item_id""".split()


@each("code", RACES)
def test_r15_harmless_races_are_neither_told_nor_acted_on(code: str) -> None:
    talk = script(at(1.0, refused(code)))
    assert (talk.notices, talk.effects, talk.turns) == ([], [], ())


def test_r15_no_answer_within_8_seconds_frees_the_slot_and_says_so() -> None:
    talk = script(typed(1.0), until=20.0)
    assert talk.notices == ["no_answer"]
    assert talk.state.responses.missing_since == 9.0
    talk.at(25.0).tell(on.AgainPressed())
    assert talk.times(ResponseCreate) == [1.0, 25.0]


def test_speech_without_an_answer_for_8_seconds_is_noticed_and_again_asks() -> None:
    talk = script(at(1.0, committed("u1")), at(1.5, transcribed("u1", "hello?")), until=20.0)
    assert [(one.time, one.what.text) for one in talk.news(on.Noticed)] == [
        (9.0, "No answer to what you said came within 8 s.")
    ]
    assert view(talk.state, talk.now, talk.policy).reply.state == "no-answer"
    assert talk.at(25.0).tell(on.AgainPressed()).times(ResponseCreate) == [25.0]


@each(
    "events",
    [
        (at(2.0, created()), at(2.5, done())),
        (at(2.0, transcribed("u1", " ... ")),),
        (at(2.0, wire(InputAudioBufferSpeechStarted(item_id="u2"))),),
        (at(2.0, on.LineLost(1, "gone")),),
    ],
    ids=["answered", "noise", "still-speaking", "line-lost"],
)
def test_speech_that_is_answered_or_needs_no_answer_is_not_noticed(events: Events) -> None:
    assert "no_answer" not in script(at(1.0, committed("u1")), *events, until=30.0).notices


def test_speech_is_not_awaited_where_the_session_creates_no_response() -> None:
    detection: JsonValue = {"type": "server_vad", "create_response": False}
    updated = SessionUpdated(session={"audio": {"input": {"turn_detection": detection}}})
    assert script(at(0.0, wire(updated)), at(1.0, committed("u1")), until=30.0).notices == []


def words(time: float) -> At[on.Event]:
    return at(time, wire(ResponseOutputAudioTranscriptDelta(response_id="r1", delta="Well")))


def test_stalled_answer_is_noticed_once_and_again_asks_anew() -> None:
    talk = script(typed(0.0), at(0.2, created()), words(1.0), until=40.0)
    assert [(one.time, one.what.text) for one in talk.news(on.Noticed)] == [
        (11.0, "The answer stalled: nothing of it came for 10 s.")
    ]
    reply = view(talk.state, talk.now, talk.policy).reply
    assert (reply.state, reply.seconds) == ("no-answer", 29.0)
    talk.at(41.0).tell(on.AgainPressed())
    assert [one.what.response_id for one in talk.of(ResponseCancel)] == ["r1"]
    assert talk.times(ResponseCreate) == [0.0, 41.0]
    talk.at(41.1).tell(done("r1", "cancelled")).at(41.2).tell(created("r2")).at(42.0).tell(done("r2")).at(80.0)
    assert talk.times(ResponseCreate) == [0.0, 41.0]
    assert talk.notices == ["no_answer"]


def test_stalled_answer_that_goes_on_is_thinking_again() -> None:
    talk = script(typed(0.0), at(0.2, created()), words(15.0), until=16.0)
    assert talk.notices == ["no_answer"]
    assert view(talk.state, talk.now, talk.policy).reply.state == "thinking"


CALL = Item(id="m1", type="mcp_call", name="find")


@each(
    "events",
    [
        (at(1.0, heard()), at(25.0, done()), at(26.0, fell_silent(26.0))),
        (stop(1.0), at(5.0, done("r1", "cancelled"))),
        (at(1.0, wire(ResponseOutputItemAdded(response_id="r1", item=CALL))), at(25.0, done())),
    ],
    ids=["sounds", "stopped", "calls-a-tool"],
)
def test_answer_that_is_heard_stopped_or_calling_has_not_stalled(events: Events) -> None:
    assert script(at(0.0, created()), *events, until=60.0).notices == []


def test_r15_an_answer_that_comes_too_late_is_taken_all_the_same() -> None:
    talk = script(typed(1.0), at(10.0, created()), until=11.0)
    assert (talk.state.responses.active_id, talk.state.responses.missing_since) == ("r1", None)


def test_r15_again_asks_when_an_answer_failed_and_not_otherwise() -> None:
    failed = script(at(0.0, created()), at(1.0, done(status="failed", error="slow down")), at(2.0, on.AgainPressed()))
    assert failed.times(ResponseCreate)[:1] == [2.0]
    assert failed.notices[0] == "answer_failed"
    assert script(at(0.0, created()), at(1.0, done()), at(2.0, on.AgainPressed())).times(ResponseCreate) == []


def test_an_answer_cancelled_before_it_had_a_name_is_cancelled_when_it_gets_one() -> None:
    events = (typed(0.0), stop(0.1), at(0.4, created("r7")), at(0.5, heard()))
    talk = script(*events, at(0.9, done("r7", "cancelled")), at(2.0, fell_silent(1.0)), until=9.0)
    assert [(one.time, one.what.response_id) for one in talk.of(ResponseCancel)] == [(0.4, "r7")]
    assert talk.state.playback.is_flushed
    assert talk.state.responses.last_ended_by == "you"


def test_a_response_without_an_id_is_still_one_answer() -> None:
    talk = script(at(0.0, created("")), stop(1.0), at(2.0, done("")), until=3.0)
    assert [one.what.response_id for one in talk.of(ResponseCancel)] == [None]
    assert talk.state.responses.active_id == ""


# R8 over WebSocket: `conversation.item.truncate` tells what was really played, never more than came of it


def moved(item_id: str, played: float, when: float, *, moving: bool = True, connection: int = 1) -> on.PlaybackMoved:
    return on.PlaybackMoved(connection, item_id, played, when, moving)


LONG = (at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.1, heard()))
"""A response with 9 s of sound, audible from 0.1 on."""
TWO = (
    *(at(0.0, created()), at(0.0, audio("i1", 1.0)), at(0.1, heard()), at(0.2, done())),
    *(at(0.3, created("r2")), at(0.4, audio("i2", 3.0))),
)
"""Two responses, of 1 s and of 3 s."""
CANCELLED_BY_SERVER = done(status="cancelled", reason="turn_detected")
CUTS: list[tuple[str, Events, list[tuple[str, float]]]] = [
    ("half a second of silence at the beginning was played too",
     (at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.6, heard()), at(1.0, moved("i1", 1.0, 1.0)), stop(1.06)),
     [("i1", 1.06)]),
    ("a clock that stands does not go on", (*LONG, at(1.0, moved("i1", 0.7, 1.0, moving=False)), stop(1.2)),
     [("i1", 0.7)]),
    ("a clock without news goes on for a quarter of a second", (*LONG, at(1.0, moved("i1", 0.9, 1.0)), stop(1.9)),
     [("i1", 1.15)]),
    ("of two items that wait each at its own place", (*TWO, at(0.5, moved("i1", 0.4, 0.5)), stop(0.55)),
     [("i1", 0.45), ("i2", 0.0)]),
    ("an item that was played to its end is left alone",
     (*TWO, at(0.5, done("r2")), at(1.1, moved("i1", 0.999, 1.1, moving=False)), at(1.5, moved("i2", 0.4, 1.5)),
      stop(1.5)), [("i2", 0.4)]),
    ("once, although the service confirms the cancel", (*LONG, stop(1.0), at(1.1, CANCELLED_BY_SERVER), stop(1.2)),
     [("i1", 0.9)]),
    ("late sound of a silenced response does not count for the next",
     (*LONG, stop(1.0), at(1.05, audio("i1", 9.0)), at(1.1, done(status="cancelled")), at(2.0, created("r2")),
      at(2.1, audio("i2", 1.0)), at(2.2, heard()), at(2.5, moved("i2", 0.3, 2.5)), stop(2.5)),
     [("i1", 0.9), ("i2", 0.3)]),
    ("clocks of an old line say nothing", (*LONG, at(1.0, moved("i1", 8.0, 1.0, connection=7)), stop(1.1)),
     [("i1", 1.0)]),
    ("a lost line forgets what could be truncated", (*LONG, at(1.0, on.LineLost(1, "gone")), stop(1.2)), []),
]  # fmt: skip


@each(("name", "events", "cuts"), CUTS)
def test_items_are_truncated_at_what_the_queue_says_was_played(
    name: str, events: Events, cuts: list[tuple[str, float]]
) -> None:
    talk = script(*events, begin=WEBSOCKET, until=9.0)
    truncated = talk.of(ConversationItemTruncate)
    assert [one.what.item_id for one in truncated] == [item_id for item_id, _ in cuts]
    ends = [one.what.audio_end_ms for one in truncated]
    assert ends == [pytest.approx(1000 * played, abs=1) for _, played in cuts]


def piece(item_id: str, size: int) -> on.Received:
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
    events: list[At[on.Event]] = [at(0.0, created()), *(at(0.1, piece(item, size)) for item, size in pieces)]
    events += [at(0.2, heard())] if is_heard else []
    events += [at(0.5, moved(item, played, 0.5, moving=moving)) for item, played, moving in clocks]
    events += [at(0.6, on.PlaybackEmptied(1))] if emptied else []
    talk = script(*events, at(stopped_at, on.StopPressed()), begin=WEBSOCKET, until=9.0)
    came = {item: sum(size for name, size in pieces if name == item) for item, _ in pieces}
    for one in talk.of(ConversationItemTruncate):
        assert isinstance(one.what.audio_end_ms, int)
        assert 0 <= one.what.audio_end_ms <= came[one.what.item_id or ""] / 48.0

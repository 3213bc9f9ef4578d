"""R8, R12, R14-R16: one answer at a time, stopped in the right order, never created by anything but a wish."""

from __future__ import annotations

from tests.support.each import each
from tests.support.nearly import nearly
from tests.support.script import (
    At,
    Talk,
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
from voicechat.core.effects import (
    AllowBargeIn,
    CancelResponse,
    ClearOutputAudio,
    CreateItem,
    CreateResponse,
    SilencePlayback,
    TruncateItem,
)
from voicechat.core.events import (
    AgainPressed,
    Event,
    LineLost,
    LineOpened,
    MuteChosen,
    Noticed,
    SendRefused,
    StopPressed,
    TextEntered,
)
from voicechat.core.viewing import view
from voicechat.protocol.items import Item
from voicechat.protocol.server_events import (
    InputAudioBufferSpeechStarted,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
    SessionUpdated,
)
from voicechat.protocol.wire import JsonValue

WEBSOCKET = opened(transport="WebSocket")
FIRST = "answer-1-1"


def creates(talk: Talk) -> list[float]:
    """When answers were asked for."""
    return [one.time for one in talk.of(CreateResponse)]


def test_r12_a_wanted_answer_is_created_at_once_when_nothing_runs() -> None:
    talk = script(at(1.0, TextEntered("hello")), until=2.0)
    assert talk.of(CreateResponse) == [at(1.0, CreateResponse(FIRST))]
    assert talk.kinds == ["CreateItem", "CreateResponse"]


def test_r12_it_waits_for_the_end_of_the_running_one() -> None:
    events = (at(0.0, created()), at(1.0, TextEntered("a")), at(2.0, TextEntered("b")), at(3.0, done()))
    talk = script(*events, until=4.0)
    assert creates(talk) == [3.0]


def test_r12_a_cancelled_answer_is_over_only_when_the_service_says_so() -> None:
    events = (at(0.0, created()), at(1.0, StopPressed()), at(1.1, TextEntered("a")), at(1.4, done(status="cancelled")))
    assert creates(script(*events, until=2.0)) == [1.4]


def test_r12_a_stop_takes_back_what_was_wanted() -> None:
    events = (at(0.0, created()), at(1.0, TextEntered("a")), at(1.1, StopPressed()), at(1.4, done(status="cancelled")))
    assert creates(script(*events, until=2.0)) == []


def test_r12_the_end_of_another_answer_does_not_free_the_slot() -> None:
    events = (at(0.0, created("r2")), at(0.5, TextEntered("a")), at(1.0, done("r1")))
    assert creates(script(*events, until=2.0)) == []


def test_r12_an_answer_the_server_began_itself_takes_the_slot() -> None:
    events = (at(0.0, created("r1")), at(0.1, TextEntered("a")), at(5.0, done("r1")), at(5.2, created("r2")))
    talk = script(*events, until=6.0)
    assert creates(talk) == [5.0]
    assert talk.state.responses.active_id == "r2"


def test_r8_over_websocket_the_item_is_truncated_at_what_was_played() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 6.0)), at(0.1, heard()), at(2.1, StopPressed()))
    talk = script(*events, begin=WEBSOCKET, until=3.0)
    assert [type(one.what) for one in talk.effects if one.time == 2.1] == [
        SilencePlayback,
        CancelResponse,
        TruncateItem,
        AllowBargeIn,
    ]
    cut = talk.of(TruncateItem)[0].what
    assert (cut.item_id, cut.heard) == ("i1", nearly(2.0))


def test_r8_the_truncation_is_clamped_to_what_was_received() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 1.5)), at(0.1, heard()), at(4.0, StopPressed()))
    talk = script(*events, begin=WEBSOCKET, until=5.0)
    assert [one.what.heard for one in talk.of(TruncateItem)] == [nearly(1.5)]


def test_r8_an_answer_that_was_played_to_its_end_is_not_truncated() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 1.5)), at(0.1, heard()), at(0.2, done()), at(1.65, StopPressed()))
    assert script(*events, begin=WEBSOCKET, until=2.0).of(TruncateItem) == []


def test_r8_what_is_generated_but_still_playing_is_truncated_without_a_cancel() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 9.0)), at(0.1, heard()), at(0.5, done()), at(2.0, StopPressed()))
    talk = script(*events, begin=WEBSOCKET, until=3.0)
    assert talk.of(CancelResponse) == []
    assert len(talk.of(TruncateItem)) == 1


def test_r8_over_webrtc_the_server_drops_the_rest_itself() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(0.5, done()), at(2.0, StopPressed()))
    talk = script(*events, until=3.0)
    assert talk.of(ClearOutputAudio, CancelResponse, TruncateItem) == [at(2.0, ClearOutputAudio("stop-1-1"))]


def reconnected() -> list[At[Event]]:
    """An answer under way, the line lost, and up again."""
    begun: list[At[Event]] = [at(0.0, created()), at(0.0, audio("i1", 6.0)), at(0.1, heard())]
    line: list[At[Event]] = [at(1.0, LineLost(1, "gone")), at(2.0, AgainPressed())]
    return [*begun, *line, at(2.5, LineOpened(2, "WebSocket", configured=True))]


def test_r8_ids_of_an_old_connection_are_never_sent() -> None:
    talk = script(*reconnected(), at(3.0, StopPressed()), begin=WEBSOCKET, until=4.0)
    assert talk.of(CancelResponse, TruncateItem) == []
    second = script(
        *reconnected(), at(3.0, created("r9", 2)), at(3.1, heard()), at(4.0, StopPressed()), begin=WEBSOCKET, until=5.0
    )
    assert second.of(TruncateItem) == []
    assert [one.what.response_id for one in second.of(CancelResponse)] == ["r9"]


def test_answers_of_an_old_connection_are_not_obeyed() -> None:
    talk = script(*reconnected(), at(3.0, created("r1", 1)), at(3.1, sound_started()), begin=WEBSOCKET, until=4.0)
    assert talk.state.responses.active_id == ""
    assert talk.state.microphone.is_open


def test_r14_a_reconnect_creates_and_cancels_nothing() -> None:
    talk = script(*reconnected(), begin=WEBSOCKET)
    assert talk.of(CreateResponse, CancelResponse) == []


def test_r14_time_and_the_mic_create_and_cancel_nothing() -> None:
    events = (at(0.0, created()), at(1.0, MuteChosen(True)), at(2.0, MuteChosen(False)), at(3.0, done()))
    talk = script(*events, until=600.0)
    assert talk.of(CreateResponse, CancelResponse) == []


def test_r15_busy_waits_for_the_end_and_asks_once_more() -> None:
    busy = refused("conversation_already_has_active_response")
    events = (at(0.0, TextEntered("a")), at(0.2, busy), at(3.0, done("r0")))
    talk = script(*events, until=4.0)
    assert creates(talk) == [0.0, 3.0]
    assert talk.notices == []


def test_r15_busy_after_the_other_answer_was_named_waits_for_its_end() -> None:
    busy = refused("conversation_already_has_active_response", event_id=FIRST)
    events = (at(0.0, TextEntered("a")), at(0.1, created("r0")), at(0.2, busy), at(3.0, done("r0")))
    assert creates(script(*events, until=4.0)) == [0.0]


def test_r15_busy_twice_is_told_and_left_to_the_user() -> None:
    busy = refused("conversation_already_has_active_response")
    events = (at(0.0, TextEntered("a")), at(0.2, busy), at(3.0, done("r0")), at(3.2, busy), at(5.0, done("r0")))
    talk = script(*events, until=30.0)
    assert creates(talk) == [0.0, 3.0]
    assert talk.notices == ["no_answer"]


def test_r15_busy_is_retried_once_even_if_the_other_answer_is_named_late() -> None:
    busy = refused("conversation_already_has_active_response")
    other = (at(0.3, created("r0")), at(3.0, done("r0")))
    events = (at(0.0, TextEntered("a")), at(0.2, busy), *other, at(3.2, busy), at(3.3, created("r9")))
    talk = script(*events, at(5.0, done("r9")), until=30.0)
    assert creates(talk) == [0.0, 3.0]


def test_r15_busy_without_an_end_is_told() -> None:
    busy = refused("conversation_already_has_active_response")
    talk = script(at(0.0, TextEntered("a")), at(0.2, busy), until=30.0)
    assert talk.notices == ["no_answer"]
    assert [one.time for one in talk.announced if "Noticed" in str(one.what)] == [8.2]


@each("code", ["response_cancel_not_active", "input_audio_buffer_commit_empty"])
def test_r15_harmless_races_are_notes_not_errors(code: str) -> None:
    talk = script(at(1.0, refused(code)))
    assert talk.notices == []
    assert talk.effects == []


def test_r15_a_cancel_that_came_too_late_frees_the_slot() -> None:
    events = (at(0.0, created()), at(1.0, StopPressed()), at(1.1, refused("response_cancel_not_active")))
    talk = script(*events, at(1.2, TextEntered("a")), until=2.0)
    assert creates(talk) == [1.2]


def test_r15_no_answer_within_8_seconds_frees_the_slot_and_says_so() -> None:
    talk = script(at(1.0, TextEntered("a")), until=20.0)
    assert talk.notices == ["no_answer"]
    assert talk.state.responses.missing_since == 9.0
    talk.at(25.0).tell(AgainPressed())
    assert creates(talk) == [1.0, 25.0]


def test_speech_without_an_answer_for_8_seconds_is_noticed_and_again_asks() -> None:
    talk = script(at(1.0, committed("u1")), at(1.5, transcribed("u1", "hello?")), until=20.0)
    assert [(one.time, one.what.text) for one in talk.news(Noticed)] == [
        (9.0, "No answer to what you said came within 8 s.")
    ]
    assert view(talk.state, talk.now, talk.policy).reply.state == "no-answer"
    assert creates(talk.at(25.0).tell(AgainPressed())) == [25.0]


@each(
    "events",
    [
        (at(2.0, created()), at(2.5, done())),
        (at(2.0, transcribed("u1", " ... ")),),
        (at(2.0, wire(InputAudioBufferSpeechStarted(item_id="u2"))),),
        (at(2.0, LineLost(1, "gone")),),
    ],
    ids=["answered", "noise", "still-speaking", "line-lost"],
)
def test_speech_that_is_answered_or_needs_no_answer_is_not_noticed(events: tuple[At[Event], ...]) -> None:
    assert "no_answer" not in script(at(1.0, committed("u1")), *events, until=30.0).notices


def test_speech_is_not_awaited_where_the_session_creates_no_response() -> None:
    session: dict[str, JsonValue] = {
        "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}
    }
    events = (at(0.0, wire(SessionUpdated(session=session))), at(1.0, committed("u1")))
    assert script(*events, until=30.0).notices == []


def test_stalled_answer_is_noticed_once_and_again_asks_anew() -> None:
    words = wire(ResponseOutputAudioTranscriptDelta(response_id="r1", delta="Well"))
    talk = script(at(0.0, TextEntered("a")), at(0.2, created()), at(1.0, words), until=40.0)
    assert [(one.time, one.what.text) for one in talk.news(Noticed)] == [
        (11.0, "The answer stalled: nothing of it came for 10 s.")
    ]
    reply = view(talk.state, talk.now, talk.policy).reply
    assert (reply.state, reply.seconds) == ("no-answer", 29.0)
    talk.at(41.0).tell(AgainPressed())
    assert [one.what.response_id for one in talk.of(CancelResponse)] == ["r1"]
    assert creates(talk) == [0.0, 41.0]
    talk.at(41.1).tell(done("r1", "cancelled")).at(41.2).tell(created("r2")).at(42.0).tell(done("r2")).at(80.0)
    assert creates(talk) == [0.0, 41.0]
    assert talk.notices == ["no_answer"]


def test_stalled_answer_that_goes_on_is_thinking_again() -> None:
    words = wire(ResponseOutputAudioTranscriptDelta(response_id="r1", delta="Well"))
    talk = script(at(0.0, TextEntered("a")), at(0.2, created()), at(15.0, words), until=16.0)
    assert talk.notices == ["no_answer"]
    assert view(talk.state, talk.now, talk.policy).reply.state == "thinking"


@each(
    "events",
    [
        (at(1.0, heard()), at(25.0, done()), at(26.0, fell_silent(26.0))),
        (at(1.0, StopPressed()), at(5.0, done("r1", "cancelled"))),
        (
            at(1.0, wire(ResponseOutputItemAdded(response_id="r1", item=Item(id="m1", type="mcp_call", name="find")))),
            at(25.0, done()),
        ),
    ],
    ids=["sounds", "stopped", "calls-a-tool"],
)
def test_answer_that_is_heard_stopped_or_calling_has_not_stalled(events: tuple[At[Event], ...]) -> None:
    assert script(at(0.0, created()), *events, until=60.0).notices == []


def test_r15_an_answer_that_comes_too_late_is_taken_all_the_same() -> None:
    talk = script(at(1.0, TextEntered("a")), at(10.0, created()), until=11.0)
    assert talk.state.responses.active_id == "r1"
    assert talk.state.responses.missing_since is None


def test_r15_a_refused_request_is_told() -> None:
    talk = script(at(1.0, TextEntered("a")), at(1.2, refused("invalid_value", event_id=FIRST)), until=20.0)
    assert talk.notices == ["no_answer"]


def test_r15_a_request_that_could_not_be_sent_is_told() -> None:
    talk = script(at(1.0, TextEntered("a")), at(1.1, SendRefused(1, "response.create", "closed", FIRST)), until=20.0)
    assert talk.notices == ["no_answer"]


def test_r15_again_asks_when_an_answer_failed_and_not_otherwise() -> None:
    failed = script(at(0.0, created()), at(1.0, done(status="failed", error="slow down")), at(2.0, AgainPressed()))
    assert creates(failed)[:1] == [2.0]
    assert failed.notices[0] == "answer_failed"
    assert creates(script(at(0.0, created()), at(1.0, done()), at(2.0, AgainPressed()))) == []


def test_r16_an_answer_says_who_cancelled_it() -> None:
    def ended_by(*events: At[Event]) -> str | None:
        return script(at(0.0, created()), at(0.1, heard()), *events, until=5.0).state.responses.last_ended_by

    cancelled = at(3.0, done(status="cancelled", reason="client_cancelled"))
    assert ended_by(at(2.0, StopPressed()), cancelled) == "you"
    assert ended_by(cancelled) == "you"
    assert ended_by(at(3.0, done(status="cancelled", reason="turn_detected"))) == "server"
    assert ended_by(at(3.0, done(status="cancelled"))) == "server"
    assert ended_by(at(3.0, LineLost(1, "gone"))) == "line"
    assert ended_by(at(3.0, done())) is None


def test_an_answer_cancelled_before_it_had_a_name_is_cancelled_when_it_gets_one() -> None:
    events = (at(0.0, TextEntered("a")), at(0.1, StopPressed()), at(0.4, created("r7")), at(0.5, heard()))
    talk = script(*events, at(0.9, done("r7", "cancelled")), at(2.0, fell_silent(1.0)), until=9.0)
    assert [(one.time, one.what.response_id) for one in talk.of(CancelResponse)] == [(0.4, "r7")]
    assert talk.state.playback.is_flushed
    assert talk.state.responses.last_ended_by == "you"


def test_a_cancelled_answer_whose_end_never_comes_does_not_block_for_ever() -> None:
    events = (at(0.0, created()), at(1.0, StopPressed()), at(2.0, TextEntered("a")))
    talk = script(*events, at(10.0, TextEntered("b")), until=11.0)
    assert talk.notices == ["no_answer"]
    assert creates(talk) == [10.0]
    assert len(talk.of(CreateItem)) == 2


def test_a_response_without_an_id_is_still_one_answer() -> None:
    talk = script(at(0.0, created("")), at(1.0, StopPressed()), at(2.0, done("")), until=3.0)
    assert [one.what.response_id for one in talk.of(CancelResponse)] == [""]
    assert talk.state.responses.active_id == ""

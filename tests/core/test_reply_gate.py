"""R13: when the client decides, words are answered and noise is not; what cannot be decided waits for the user."""

from __future__ import annotations

from dataclasses import replace

from tests.support.each import each
from tests.support.script import At, Talk, at, committed, created, done, opened, refused, script, transcribed, wire
from voicechat.core import events as on
from voicechat.core.effects import CommitInput, CreateResponse, UpdateSession
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.rules.configuration import wanted_session
from voicechat.core.state import State, Wishes
from voicechat.core.viewing import view
from voicechat.protocol.items import ErrorDetail, Item
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemInputAudioTranscriptionFailed,
    SessionUpdated,
)
from voicechat.protocol.session_dialects import get_path

STEADY = policy_for(PRESETS["steady"])
BEGIN = opened(policy=STEADY, barge_in=False)


def creates(talk: Talk) -> list[float]:
    """When answers were asked for."""
    return [one.time for one in talk.of(CreateResponse)]


@each("words", ["hello", "好", "5", " … yes!", "да", "١"])
def test_r13_a_transcript_with_a_letter_or_digit_is_answered_once(words: str) -> None:
    events = (at(1.0, committed("u1")), at(1.4, transcribed("u1", words)), at(1.5, transcribed("u1", words)))
    talk = script(*events, at(1.6, committed("u1")), begin=BEGIN, policy=STEADY)
    assert creates(talk) == [1.4]
    assert talk.news(on.ReplyWanted) == [at(1.4, on.ReplyWanted("u1", "transcript"))]


@each("words", ["", "   ", "...", "?!", "。", "—"])
def test_r13_nothing_but_punctuation_is_not_answered(words: str) -> None:
    talk = script(at(1.0, committed("u1")), at(1.4, transcribed("u1", words)), begin=BEGIN, policy=STEADY)
    assert creates(talk) == []
    assert talk.notices == []


def test_r13_a_failed_transcript_waits_for_again() -> None:
    failure = wire(
        ConversationItemInputAudioTranscriptionFailed(item_id="u1", error=ErrorDetail(message="audio unintelligible"))
    )
    talk = script(at(1.0, committed("u1")), at(1.4, failure), begin=BEGIN, policy=STEADY)
    assert creates(talk) == []
    assert talk.notices == ["transcription_failed"]
    talk.at(60.0).tell(on.AgainPressed(), on.AgainPressed())
    assert creates(talk) == [60.0]
    assert talk.of(UpdateSession) == []


def test_r13_a_missing_transcript_is_told_and_from_the_next_turn_on_the_server_replies() -> None:
    talk = script(at(1.0, committed("u1")), begin=BEGIN, policy=STEADY, until=6.1)
    assert talk.notices == ["transcript_missing"]
    assert creates(talk) == []
    (update,) = talk.of(UpdateSession)
    assert update.time == 6.0
    assert update.what.session["audio"]["input"]["turn_detection"]["create_response"] is True
    talk.at(7.0).tell(wire(SessionUpdated(session={}))).at(8.0).tell(on.AgainPressed())
    talk.at(8.2).tell(created("r1")).at(9.0).tell(done("r1")).at(20.0).tell(committed("u2"), transcribed("u2", "hello"))
    assert creates(talk.at(40.0)) == [8.0]


def test_r13_a_late_transcript_still_counts_for_nothing_but_the_page() -> None:
    talk = script(at(1.0, committed("u1")), at(9.0, transcribed("u1", "hello")), begin=BEGIN, policy=STEADY)
    assert creates(talk) == []


def test_r13_where_transcription_is_refused_the_server_replies() -> None:
    begin = State(wishes=Wishes(dialect="ga"), choices=BEGIN.choices)
    refusal = refused("unknown_parameter", param="session.audio.input.transcription", event_id="session-1-1")
    events = (at(0.0, on.ConnectWanted()), at(1.0, on.LineOpened(1)), at(1.2, refusal))
    talk = script(*events, begin=begin, policy=STEADY, until=2.0)
    second = talk.of(UpdateSession)[1].what.session
    assert "transcription" not in second["audio"]["input"]
    assert second["audio"]["input"]["turn_detection"]["create_response"] is True
    assert talk.notices == ["setting_refused"]


def test_r13_the_gate_forces_transcription_on() -> None:
    assert wanted_session(BEGIN, STEADY)["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    mine = replace(BEGIN, wishes=Wishes(session={"audio": {"input": {"transcription": {"model": "my-own"}}}}))
    assert wanted_session(mine, STEADY)["audio"]["input"]["transcription"] == {"model": "my-own"}


def test_r13_the_server_replies_by_itself_otherwise() -> None:
    talk = script(at(1.0, committed("u1")), at(1.4, transcribed("u1", "hello")))
    assert creates(talk) == []


@each("policy", [STEADY, policy_for(PRESETS["balanced"])])
def test_r13_a_committed_push_to_talk_turn_is_answered_at_once(policy: object) -> None:
    events = (
        at(1.0, on.TalkPressed()),
        at(3.0, on.TalkReleased()),
        at(3.3, on.UplinkDrained()),
        at(3.5, committed("u1")),
    )
    talk = script(
        *events,
        at(4.0, transcribed("u1", "hello")),
        begin=opened(turn_mode="push-to-talk", transport="WebSocket"),
        policy=STEADY if policy is STEADY else None,
    )
    assert [one.time for one in talk.of(CommitInput)] == [3.3]
    assert creates(talk) == [3.5]


def test_r13_typed_text_is_answered() -> None:
    assert creates(script(at(1.0, on.TextEntered("hello")), begin=BEGIN, policy=STEADY)) == [1.0]


def test_r13_tool_outputs_are_answered_once_after_all_of_them() -> None:
    calls = tuple(Item(type="function_call", call_id=call_id, name="look") for call_id in ("c1", "c2"))
    first = wire(ConversationItemAdded(item=Item(id="o1", type="function_call_output", call_id="c1")))
    second = wire(ConversationItemCreated(item=Item(id="o2", type="function_call_output", call_id="c2")))
    events = (at(0.0, created()), at(1.0, done(output=calls)), at(2.0, first), at(2.1, first), at(3.0, second))
    offered = Wishes(session={"tools": [{"type": "function", "name": "look"}]})
    begin = opened(policy=STEADY, barge_in=False, wishes=offered)
    talk = script(*events, at(3.1, second), begin=begin, policy=STEADY)
    assert creates(talk) == [3.0]


def test_r13_calls_of_a_cancelled_answer_are_not_answered() -> None:
    calls = (Item(type="function_call", call_id="c1"),)
    output = wire(ConversationItemAdded(item=Item(id="o1", type="function_call_output", call_id="c1")))
    events = (at(0.0, created()), at(1.0, done(status="cancelled", output=calls)), at(2.0, output))
    assert creates(script(*events, begin=BEGIN, policy=STEADY)) == []


GREETED = State(wishes=Wishes(greeting="Say hello."))


def test_r13_a_greeting_is_asked_for_once_after_the_configuration() -> None:
    up = on.LineOpened(1, "WebRTC", configured=True)
    events = (at(0.0, on.ConnectWanted()), at(1.0, up), at(1.5, created()), at(2.0, done()))
    again = (at(3.0, on.LineLost(1, "gone")), at(4.0, on.AgainPressed()), at(5.0, on.LineOpened(2, configured=True)))
    talk = script(*events, *again, begin=GREETED)
    assert talk.of(CreateResponse) == [at(1.0, CreateResponse("answer-1-1", {"instructions": "Say hello."}))]


def test_r13_the_greeting_waits_for_the_configuration() -> None:
    events = (at(0.0, on.ConnectWanted()), at(1.0, on.LineOpened(1)), at(1.1, wire(SessionUpdated(session={}))))
    talk = script(*events, begin=replace(GREETED, wishes=Wishes(greeting="Hi", dialect="ga")), until=2.0)
    assert creates(talk) == [1.1]


def test_r13_a_new_conversation_is_greeted_again() -> None:
    up = on.LineOpened(1, "WebRTC", configured=True)
    events = (at(0.0, on.ConnectWanted()), at(1.0, up), at(1.5, created()), at(2.0, done()), at(3.0, on.NewAsked()))
    talk = script(*events, at(4.0, on.LineOpened(2, configured=True)), begin=GREETED)
    assert creates(talk) == [1.0, 4.0]


def test_r13_hands_free_with_our_own_detection_is_answered_by_the_client_too() -> None:
    from tests.support.script import voice

    begin = opened(local_detection=True, transport="WebSocket")
    talk = script(*voice(1.0, 2.5), at(3.2, committed("u1")), begin=begin)
    assert creates(talk) == [3.2]
    steady = opened(local_detection=True, transport="WebSocket", policy=STEADY)
    events = (*voice(1.0, 2.5), at(3.2, committed("u1")), at(3.6, transcribed("u1", "hello")))
    assert creates(script(*events, begin=steady, policy=STEADY)) == [3.6]


# The turn mode that only writes down: nobody ever answers, and the mic is open as in hands-free


BALANCED = policy_for(PRESETS["balanced"])


def writing(*events: At[on.Event], policy: TurnPolicy = BALANCED) -> Talk:
    return script(*events, begin=opened(policy=policy, turn_mode="transcribe"), policy=policy, until=30.0)


def test_what_was_said_is_written_down_and_never_answered() -> None:
    for policy in (BALANCED, STEADY):
        talk = writing(at(1.0, committed("u1")), at(1.4, transcribed("u1", "Hello there.")), policy=policy)
        assert talk.of(CreateResponse) == []
        (turn,) = talk.state.conversation.turns
        assert turn.who == "you" and "Hello there." in str(turn)


def test_words_that_never_come_do_not_hand_the_answers_to_the_service() -> None:
    talk = writing(at(1.0, committed("u1")))
    assert talk.notices == [] and not talk.state.gate.server_replies


def test_nothing_else_asks_for_an_answer_either() -> None:
    talk = writing(at(1.0, on.TextEntered("A note.")), at(2.0, on.AgainPressed()))
    assert talk.of(CreateResponse) == []


def test_the_session_is_told_to_transcribe_and_not_to_answer() -> None:
    begin = opened(turn_mode="transcribe", wishes=Wishes(session={"type": "realtime"}))
    session = wanted_session(begin, BALANCED)
    assert get_path(session, ("audio", "input", "turn_detection", "create_response")) is False
    assert get_path(session, ("audio", "input", "transcription"))


def test_going_there_and_back_while_talking_tells_the_service_each_time() -> None:
    events = (at(1.0, on.TurnModeChosen("transcribe")), at(6.0, on.TurnModeChosen("hands-free")))
    talk = script(*events, begin=opened(), policy=BALANCED, until=12.0)
    said = [get_path(one.what.session, ("audio", "input", "turn_detection")) for one in talk.of(UpdateSession)]
    assert [one["create_response"] for one in said if isinstance(one, dict)][:2] in ([False], [False, True])


def test_the_mic_is_open_without_a_key_and_can_be_paused() -> None:
    talk = writing()
    assert view(talk.state, talk.now, talk.policy).mic.state == "hands-free"
    paused = writing(at(1.0, on.PauseToggled()))
    assert view(paused.state, paused.now, paused.policy).mic.state == "paused"


def test_after_it_an_answer_may_be_asked_for_again() -> None:
    events = (
        at(1.0, on.TurnModeChosen("hands-free")),
        at(8.0, committed("u1")),
        at(8.4, transcribed("u1", "Hello.")),
    )
    talk = writing(*events, policy=STEADY)
    assert len(talk.of(CreateResponse)) == 1


def test_state_knows_what_it_is() -> None:
    assert State().choices.is_open_mic and not State().choices.only_writes

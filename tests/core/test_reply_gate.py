"""R13: when the client decides, words are answered and noise is not; what cannot be decided waits for the user."""

from __future__ import annotations

from msgspec.structs import replace

from tests.support.each import each
from tests.support.script import (
    At,
    Talk,
    answer,
    at,
    committed,
    created,
    done,
    fell_silent,
    heard,
    opened,
    refused,
    script,
    transcribed,
    voice,
    wire,
)
from voicechat.core import events as on
from voicechat.core.effects import AllowBargeIn, CloseMic, Connect, HangUp, OpenMic
from voicechat.core.events import Event
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.rules.configuration import wanted_session
from voicechat.core.rules.microphone import BUDGET, MUTED
from voicechat.core.state import State, Wishes
from voicechat.core.viewing import view
from voicechat.protocol import server_events as wires
from voicechat.protocol.client_events import ConversationItemCreate, ResponseCancel, ResponseCreate, SessionUpdate
from voicechat.protocol.items import ErrorDetail, Item
from voicechat.protocol.session_dialects import get_path, has_path

STEADY = policy_for(PRESETS["steady"])
BALANCED = policy_for(PRESETS["balanced"])
BEGIN = opened(policy=STEADY, barge_in=False)


@each("words", ["hello", "好", "5", " … yes!", "да", "١", "", "   ", "...", "?!", "。", "—"])
def test_r13_a_transcript_with_a_letter_or_digit_is_answered_once_and_no_other(words: str) -> None:
    events = (at(1.0, committed("u1")), at(1.4, transcribed("u1", words)), at(1.5, transcribed("u1", words)))
    talk = script(*events, at(1.6, committed("u1")), begin=BEGIN, policy=STEADY)
    wanted = [at(1.4, on.ReplyWanted("u1", "transcript"))] if any(map(str.isalnum, words)) else []
    assert (talk.news(on.ReplyWanted), talk.times(ResponseCreate)) == (wanted, [one.time for one in wanted])
    assert wanted or talk.notices == []


def test_r13_a_failed_transcript_waits_for_again() -> None:
    failure = wire(
        wires.ConversationItemInputAudioTranscriptionFailed(item_id="u1", error=ErrorDetail(message="unintelligible"))
    )
    talk = script(at(1.0, committed("u1")), at(1.4, failure), begin=BEGIN, policy=STEADY)
    assert talk.times(ResponseCreate) == []
    assert talk.notices == ["transcription_failed"]
    talk.at(60.0).tell(on.AgainPressed(), on.AgainPressed())
    assert talk.times(ResponseCreate) == [60.0]
    assert talk.of(SessionUpdate) == []


def test_r13_a_missing_transcript_is_told_and_then_the_server_replies() -> None:
    talk = script(at(1.0, committed("u1")), begin=BEGIN, policy=STEADY, until=6.1)
    assert talk.notices == ["transcript_missing"]
    assert talk.times(ResponseCreate) == []
    (update,) = talk.of(SessionUpdate)
    assert update.time == 6.0
    assert get_path(update.what.session, ("audio", "input", "turn_detection", "create_response")) is True
    talk.at(7.0).tell(wire(wires.SessionUpdated(session={}))).at(8.0).tell(on.AgainPressed())
    talk.at(8.2).tell(created("r1")).at(9.0).tell(done("r1")).at(20.0).tell(committed("u2"), transcribed("u2", "hello"))
    assert talk.at(40.0).times(ResponseCreate) == [8.0]


def test_r13_where_transcription_is_refused_the_server_replies() -> None:
    begin = State(wishes=Wishes(dialect="ga"), choices=BEGIN.choices)
    refusal = refused("unknown_parameter", param="session.audio.input.transcription", event_id="session-1-1")
    events = (at(0.0, on.ConnectWanted()), at(1.0, on.LineOpened(1)), at(1.2, refusal))
    talk = script(*events, begin=begin, policy=STEADY, until=2.0)
    second = talk.of(SessionUpdate)[1].what.session
    assert not has_path(second, ("audio", "input", "transcription"))
    assert get_path(second, ("audio", "input", "turn_detection", "create_response")) is True
    assert talk.notices == ["setting_refused"]


def test_r13_the_gate_forces_transcription_on() -> None:
    assert wanted_session(BEGIN, STEADY)["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    mine = replace(BEGIN, wishes=Wishes(session={"audio": {"input": {"transcription": {"model": "my-own"}}}}))
    assert wanted_session(mine, STEADY)["audio"]["input"]["transcription"] == {"model": "my-own"}


CALLS = tuple(Item(type="function_call", call_id=call_id, name="look") for call_id in ("c1", "c2"))
OUTPUTS = tuple(Item(id=f"o{n}", type="function_call_output", call_id=f"c{n}") for n in (1, 2))
FIRST = wire(wires.ConversationItemAdded(item=OUTPUTS[0]))
SECOND = wire(wires.ConversationItemCreated(item=OUTPUTS[1]))
LOOKS = opened(policy=STEADY, barge_in=False, wishes=Wishes(session={"tools": [{"type": "function", "name": "look"}]}))
HELD = (at(1.0, on.TalkPressed()), at(3.0, on.TalkReleased()), at(3.3, on.UplinkDrained()), at(3.5, committed("u1")))
PUSH_TO_TALK = opened(turn_mode="push-to-talk", transport="WebSocket")
OWN = opened(local_detection=True, transport="WebSocket")
OWN_STEADY = opened(local_detection=True, transport="WebSocket", policy=STEADY)
GREETED = State(wishes=Wishes(greeting="Say hello."))
GREETED_GA = State(wishes=Wishes(greeting="Hi", dialect="ga"))
GREETING = (
    at(0.0, on.ConnectWanted()),
    at(1.0, on.LineOpened(1, configured=True)),
    at(1.5, created()),
    at(2.0, done()),
)
ANSWERED: list[tuple[str, State, TurnPolicy, tuple[At[Event], ...], list[float]]] = [
    ("a late transcript counts for the page only", BEGIN, STEADY,
     (at(1.0, committed("u1")), at(9.0, transcribed("u1", "hello"))), []),
    ("the server replies by itself otherwise", opened(), BALANCED,
     (at(1.0, committed("u1")), at(1.4, transcribed("u1", "hello"))), []),
    ("a committed push-to-talk turn, at once", PUSH_TO_TALK, BALANCED,
     (*HELD, at(4.0, transcribed("u1", "hello"))), [3.5]),
    ("a committed push-to-talk turn, at once: steady", PUSH_TO_TALK, STEADY,
     (*HELD, at(4.0, transcribed("u1", "hello"))), [3.5]),
    ("typed text", BEGIN, STEADY, (at(1.0, on.TextEntered("hello")),), [1.0]),
    ("tool outputs: once after all of them", LOOKS, STEADY,
     (at(0.0, created()), at(1.0, done(output=CALLS)), at(2.0, FIRST), at(2.1, FIRST), at(3.0, SECOND),
      at(3.1, SECOND)), [3.0]),
    ("calls of a cancelled answer are not", BEGIN, STEADY,
     (at(0.0, created()), at(1.0, done(status="cancelled", output=CALLS[:1])), at(2.0, FIRST)), []),
    ("the greeting waits for the configuration", GREETED_GA, BALANCED,
     (at(0.0, on.ConnectWanted()), at(1.0, on.LineOpened(1)), at(1.1, wire(wires.SessionUpdated(session={})))), [1.1]),
    ("a new conversation is greeted again", GREETED, BALANCED,
     (*GREETING, at(3.0, on.NewAsked()), at(4.0, on.LineOpened(2, configured=True))), [1.0, 4.0]),
    ("our own detection: by the client", OWN, BALANCED, (*voice(1.0, 2.5), at(3.2, committed("u1"))), [3.2]),
    ("our own detection: steady waits for words", OWN_STEADY, STEADY,
     (*voice(1.0, 2.5), at(3.2, committed("u1")), at(3.6, transcribed("u1", "hello"))), [3.6]),
]  # fmt: skip


@each(("name", "begin", "policy", "events", "times"), ANSWERED)
def test_r13_what_the_client_answers_and_when(
    name: str, begin: State, policy: TurnPolicy, events: tuple[At[Event], ...], times: list[float]
) -> None:
    assert script(*events, begin=begin, policy=policy).times(ResponseCreate) == times


def test_r13_a_greeting_is_asked_for_once_after_the_configuration() -> None:
    again = (at(3.0, on.LineLost(1, "gone")), at(4.0, on.AgainPressed()), at(5.0, on.LineOpened(2, configured=True)))
    talk = script(*GREETING, *again, begin=GREETED)
    assert talk.of(ResponseCreate) == [
        at(1.0, ResponseCreate(response={"instructions": "Say hello."}, event_id="answer-1-1"))
    ]


# The turn mode that only writes down: nobody ever answers, and the mic is open as in hands-free


def writing(*events: At[on.Event], policy: TurnPolicy = BALANCED) -> Talk:
    return script(*events, begin=opened(policy=policy, turn_mode="transcribe"), policy=policy, until=30.0)


def test_what_was_said_is_written_down_and_never_answered() -> None:
    for policy in (BALANCED, STEADY):
        talk = writing(at(1.0, committed("u1")), at(1.4, transcribed("u1", "Hello there.")), policy=policy)
        assert talk.of(ResponseCreate) == []
        (turn,) = talk.state.conversation.turns
        assert turn.who == "you" and "Hello there." in str(turn)


def test_words_that_never_come_do_not_hand_the_answers_to_the_service() -> None:
    talk = writing(at(1.0, committed("u1")))
    assert talk.notices == [] and not talk.state.gate.server_replies


def test_nothing_else_asks_for_an_answer_either() -> None:
    talk = writing(at(1.0, on.TextEntered("A note.")), at(2.0, on.AgainPressed()))
    assert talk.of(ResponseCreate) == []


def test_the_session_is_told_to_transcribe_and_not_to_answer() -> None:
    begin = opened(turn_mode="transcribe", wishes=Wishes(session={"type": "realtime"}))
    session = wanted_session(begin, BALANCED)
    assert get_path(session, ("audio", "input", "turn_detection", "create_response")) is False
    assert get_path(session, ("audio", "input", "transcription"))


def test_going_there_and_back_while_talking_tells_the_service_each_time() -> None:
    events = (at(1.0, on.TurnModeChosen("transcribe")), at(6.0, on.TurnModeChosen("hands-free")))
    talk = script(*events, begin=opened(), policy=BALANCED, until=12.0)
    said = [get_path(one.what.session, ("audio", "input", "turn_detection")) for one in talk.of(SessionUpdate)]
    assert [one["create_response"] for one in said if isinstance(one, dict)][:2] in ([False], [False, True])


def test_the_mic_is_open_without_a_key_and_can_be_paused() -> None:
    talk = writing()
    assert view(talk.state, talk.now, talk.policy).mic.state == "hands-free"
    paused = writing(at(1.0, on.PauseToggled()))
    assert view(paused.state, paused.now, paused.policy).mic.state == "paused"


def test_after_it_an_answer_may_be_asked_for_again() -> None:
    events = (at(1.0, on.TurnModeChosen("hands-free")), at(8.0, committed("u1")), at(8.4, transcribed("u1", "Hello.")))
    talk = writing(*events, policy=STEADY)
    assert len(talk.of(ResponseCreate)) == 1


# A spent budget: nothing more is asked, the mic says why, and one word of the user goes on


SPENT = on.BudgetSpent(2.01, 2.0)
LIVE = TurnPolicy(full_duplex=True, history_at_start=True, billed_by_time=True)
CLIENT_DECIDES = TurnPolicy(reply_to_transcript_only=True)


def test_a_spent_budget_closes_the_mic_and_names_the_reason_and_the_way_out() -> None:
    talk = script(at(1.0, SPENT), until=2.0)
    assert talk.times(CloseMic) == [1.0]
    assert talk.reason == BUDGET
    (told,) = talk.news(on.Noticed)
    assert told.what.level == "warning"
    assert told.what.text == "The budget of $2.00 is spent. Start with voicechat --budget 5 for more."
    shown = view(talk.state, 2.0, talk.policy)
    assert (shown.mic.state, shown.mic.detail, shown.mic.is_on_air) == ("budget-spent", "$2.00", False)
    assert shown.spent_budget == 2.0


def test_the_warning_before_the_end_changes_nothing() -> None:
    talk = script(at(1.0, on.BudgetNear(1.8, 2.0)), until=2.0)
    assert [one.what.text for one in talk.news(on.Noticed)] == ["$1.80 of your budget of $2.00 are spent."]
    assert talk.reason == "" and not talk.of(CloseMic)


def test_a_budget_that_cannot_be_kept_is_said_to_be_so() -> None:
    (told,) = script(at(1.0, on.BudgetBlind(2.0, "somebody-elses")), until=2.0).news(on.Noticed)
    assert "cannot be kept" in told.what.text and "somebody-elses" in told.what.text and "[prices]" in told.what.text


def test_a_running_answer_may_finish_and_the_mic_stays_closed_after_it() -> None:
    talk = script(*answer(until=3.0), at(2.0, SPENT), until=10.0)
    assert not talk.of(ResponseCancel)
    assert talk.reason == BUDGET
    assert not [one for one in talk.of(OpenMic) if one.time > 2.0]


def test_what_is_typed_is_kept_in_the_talk_and_asked_when_the_user_goes_on() -> None:
    talk = script(at(1.0, SPENT), at(2.0, on.TextEntered("hello")), until=5.0)
    assert talk.times(ConversationItemCreate) == [2.0]
    assert not talk.of(ResponseCreate)
    assert talk.notices == ["budget_spent", "budget_not_asked"]
    talk.at(6.0).tell(on.GoOnChosen())
    assert talk.times(ResponseCreate) == [6.0]


def test_going_on_opens_the_mic_and_asks_for_nothing_by_itself() -> None:
    talk = script(at(1.0, SPENT), at(4.0, on.GoOnChosen()), until=20.0)
    assert talk.times(OpenMic) == [4.0]
    assert talk.reason == "" and not talk.of(ResponseCreate)


def test_going_on_without_a_spent_budget_is_nothing() -> None:
    assert script(at(1.0, on.GoOnChosen()), until=2.0).announced == []


def test_r13_a_transcript_is_not_answered_beyond_the_budget() -> None:
    begin = opened(policy=CLIENT_DECIDES)
    events = (at(1.0, committed("u1")), at(1.2, SPENT), at(1.5, transcribed("u1", "How much is left?")))
    talk = script(*events, begin=begin, policy=CLIENT_DECIDES, until=4.0)
    assert not talk.of(ResponseCreate)
    talk.at(5.0).tell(on.GoOnChosen())
    assert len(talk.of(ResponseCreate)) == 1


def test_r12_an_answer_that_waited_for_another_one_is_not_created_at_its_end() -> None:
    talk = script(at(0.0, created()), at(1.0, on.TextEntered("and?")), at(2.0, SPENT), at(3.0, done()), until=5.0)
    assert not talk.of(ResponseCreate)


def test_r6_a_held_key_ends_with_the_budget_and_a_press_after_it_says_why() -> None:
    begin = opened(turn_mode="push-to-talk")
    talk = script(at(1.0, on.TalkPressed()), at(3.0, SPENT), at(4.0, on.TalkPressed()), begin=begin, until=6.0)
    assert [one.time for one in talk.news(on.TalkDropped)] == [3.0]
    assert talk.notices == ["budget_spent", "budget_press"]
    assert not talk.state.microphone.is_open and talk.reason == BUDGET


def test_r7_a_voice_over_the_last_answer_does_not_cut_it() -> None:
    talk = script(at(0.0, created()), at(0.1, heard()), at(5.0, SPENT), until=5.5)
    assert [one.what for one in talk.of(AllowBargeIn)] == [AllowBargeIn(True), AllowBargeIn(False)]
    talk.at(6.0).tell(on.VoiceBegan(6.0)).at(8.0)
    assert not talk.of(ResponseCancel)
    talk.at(8.5).tell(done()).at(9.0).tell(fell_silent(9.0)).at(12.0)
    assert talk.reason == BUDGET


def test_r5_a_mute_stays_the_reason_that_is_shown() -> None:
    talk = script(at(1.0, on.MuteChosen(True)), at(2.0, SPENT), until=3.0)
    assert talk.reason == MUTED


def test_without_the_stop_the_talk_goes_on_and_says_so() -> None:
    talk = script(at(1.0, on.BudgetSpent(2.01, 2.0, stops=False)), at(2.0, on.TextEntered("hello")), until=3.0)
    assert talk.reason == "" and len(talk.of(ResponseCreate)) == 1
    assert "goes on" in talk.news(on.Noticed)[0].what.text


def test_a_new_session_has_the_same_budget() -> None:
    talk = script(at(1.0, SPENT), at(2.0, on.NewAsked()), until=3.0)
    assert view(talk.state, 3.0, talk.policy).spent_budget == 2.0


def test_a_session_that_costs_by_the_second_ends_with_its_budget_and_goes_on_with_its_history() -> None:
    talk = script(at(0.5, on.TextEntered("hello")), at(1.0, SPENT), begin=opened(policy=LIVE), policy=LIVE, until=60.0)
    assert talk.times(HangUp) == [1.0] and not talk.of(Connect), "and nothing connects again by itself"
    shown = view(talk.state, 60.0, talk.policy)
    assert (shown.connection.phase, shown.connection.reason) == ("lost", "your budget is spent")
    assert (shown.mic.state, talk.reason) == ("budget-spent", BUDGET)
    talk.at(61.0).tell(on.AgainPressed())
    assert talk.notices[-1] == "budget_not_asked" and not talk.of(Connect)
    talk.at(62.0).tell(on.GoOnChosen())
    (again,) = talk.of(Connect)
    assert again.time == 62.0
    assert again.what.session["input"]


def test_a_live_session_ends_after_the_response_that_runs_when_its_budget_is_spent() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(1.0, SPENT))
    talk = script(*events, begin=opened(policy=LIVE), policy=LIVE, until=4.0)
    assert not talk.of(HangUp)
    assert talk.at(30.0).times(HangUp) == [11.0]
    ended = script(*events, at(3.0, done()), at(4.0, fell_silent(4.0)), begin=opened(policy=LIVE), policy=LIVE, until=9)
    assert 4.0 <= ended.times(HangUp)[0] < 6.0


def test_a_connection_that_is_lost_beyond_the_budget_of_such_a_session_is_not_made_again() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(1.0, SPENT), at(2.0, on.LineLost(1, "reset")))
    talk = script(*events, begin=opened(policy=LIVE), policy=LIVE, until=60.0)
    assert not talk.of(Connect)

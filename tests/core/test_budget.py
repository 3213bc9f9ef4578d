"""A spent budget: nothing more is asked, the mic says why, and one word of the user goes on."""

from __future__ import annotations

from tests.support.script import answer, at, committed, created, done, fell_silent, heard, opened, script, transcribed
from voicechat.core import events as on
from voicechat.core.effects import (
    AllowBargeIn,
    CancelResponse,
    CloseMic,
    Connect,
    CreateItem,
    CreateResponse,
    HangUp,
    OpenMic,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.rules.microphone import BUDGET, MUTED
from voicechat.core.viewing import view

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
    assert not talk.of(CancelResponse)
    assert talk.reason == BUDGET
    assert not [one for one in talk.of(OpenMic) if one.time > 2.0]


def test_what_is_typed_is_kept_in_the_talk_and_asked_when_the_user_goes_on() -> None:
    talk = script(at(1.0, SPENT), at(2.0, on.TextEntered("hello")), until=5.0)
    assert talk.times(CreateItem) == [2.0]
    assert not talk.of(CreateResponse)
    assert talk.notices == ["budget_spent", "budget_not_asked"]
    talk.at(6.0).tell(on.GoOnChosen())
    assert talk.times(CreateResponse) == [6.0]


def test_going_on_opens_the_mic_and_asks_for_nothing_by_itself() -> None:
    talk = script(at(1.0, SPENT), at(4.0, on.GoOnChosen()), until=20.0)
    assert talk.times(OpenMic) == [4.0]
    assert talk.reason == "" and not talk.of(CreateResponse)


def test_going_on_without_a_spent_budget_is_nothing() -> None:
    assert script(at(1.0, on.GoOnChosen()), until=2.0).announced == []


def test_r13_a_transcript_is_not_answered_beyond_the_budget() -> None:
    begin = opened(policy=CLIENT_DECIDES)
    events = (at(1.0, committed("u1")), at(1.2, SPENT), at(1.5, transcribed("u1", "How much is left?")))
    talk = script(*events, begin=begin, policy=CLIENT_DECIDES, until=4.0)
    assert not talk.of(CreateResponse)
    talk.at(5.0).tell(on.GoOnChosen())
    assert len(talk.of(CreateResponse)) == 1


def test_r12_an_answer_that_waited_for_another_one_is_not_created_at_its_end() -> None:
    talk = script(at(0.0, created()), at(1.0, on.TextEntered("and?")), at(2.0, SPENT), at(3.0, done()), until=5.0)
    assert not talk.of(CreateResponse)


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
    assert not talk.of(CancelResponse)
    talk.at(8.5).tell(done()).at(9.0).tell(fell_silent(9.0)).at(12.0)
    assert talk.reason == BUDGET


def test_r5_a_mute_stays_the_reason_that_is_shown() -> None:
    talk = script(at(1.0, on.MuteChosen(True)), at(2.0, SPENT), until=3.0)
    assert talk.reason == MUTED


def test_without_the_stop_the_talk_goes_on_and_says_so() -> None:
    talk = script(at(1.0, on.BudgetSpent(2.01, 2.0, stops=False)), at(2.0, on.TextEntered("hello")), until=3.0)
    assert talk.reason == "" and len(talk.of(CreateResponse)) == 1
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

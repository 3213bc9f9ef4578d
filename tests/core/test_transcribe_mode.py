"""The turn mode that only writes down: nobody ever answers, and the mic is open as in hands-free."""

from __future__ import annotations

from tests.support.script import At, Talk, at, committed, opened, script, transcribed
from voicechat.core.effects import CreateResponse, UpdateSession
from voicechat.core.events import AgainPressed, Event, PauseToggled, TextEntered, TurnModeChosen
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.rules.configuration import wanted_session
from voicechat.core.state import State, Wishes
from voicechat.core.viewing import view
from voicechat.protocol.session_dialects import get_path

STEADY = policy_for(PRESETS["steady"])
BALANCED = policy_for(PRESETS["balanced"])


def writing(*events: At[Event], policy: TurnPolicy = BALANCED) -> Talk:
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
    talk = writing(at(1.0, TextEntered("A note.")), at(2.0, AgainPressed()))
    assert talk.of(CreateResponse) == []


def test_the_session_is_told_to_transcribe_and_not_to_answer() -> None:
    begin = opened(turn_mode="transcribe", wishes=Wishes(session={"type": "realtime"}))
    session = wanted_session(begin, BALANCED)
    assert get_path(session, ("audio", "input", "turn_detection", "create_response")) is False
    assert get_path(session, ("audio", "input", "transcription"))


def test_going_there_and_back_while_talking_tells_the_service_each_time() -> None:
    events = (at(1.0, TurnModeChosen("transcribe")), at(6.0, TurnModeChosen("hands-free")))
    talk = script(*events, begin=opened(), policy=BALANCED, until=12.0)
    said = [get_path(one.what.session, ("audio", "input", "turn_detection")) for one in talk.of(UpdateSession)]
    assert [one["create_response"] for one in said if isinstance(one, dict)][:2] in ([False], [False, True])


def test_the_mic_is_open_without_a_key_and_can_be_paused() -> None:
    talk = writing()
    assert view(talk.state, talk.now, talk.policy).mic.state == "hands-free"
    paused = writing(at(1.0, PauseToggled()))
    assert view(paused.state, paused.now, paused.policy).mic.state == "paused"


def test_after_it_an_answer_may_be_asked_for_again() -> None:
    events = (
        at(1.0, TurnModeChosen("hands-free")),
        at(8.0, committed("u1")),
        at(8.4, transcribed("u1", "Hello.")),
    )
    talk = writing(*events, policy=STEADY)
    assert len(talk.of(CreateResponse)) == 1


def test_state_knows_what_it_is() -> None:
    assert State().choices.is_open_mic and not State().choices.only_writes

"""R28: the end of a session is told, and the next pause takes a new one."""

from __future__ import annotations

from tests.support.script import Talk, answer, at, committed, created, done, heard, refused, script, transcribed, wire
from voicechat.core.effects import Connect, CreateResponse, RememberItem
from voicechat.core.events import (
    LineOpened,
    Noticed,
    TalkPressed,
    TalkReleased,
    TextEntered,
    UplinkDrained,
    VoiceBegan,
    VoiceEnded,
)
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, Configuration, Connection, Microphone, State, Wishes
from voicechat.core.step import step
from voicechat.protocol.server_events import SessionCreated

UNIX = 1_700_000_000.0


def limited(seconds: float | None, *, turn_mode: str = "hands-free") -> State:
    """A line that was opened at 0 and whose service ends sessions after so long."""
    state = State(
        wishes=Wishes(provider="openai", session_limit=seconds),
        choices=Choices(turn_mode="push-to-talk" if turn_mode == "push-to-talk" else "hands-free"),
        connection=Connection(phase="connecting", number=1),
        microphone=Microphone(name="Mic", speaker="Loudspeaker"),
        configuration=Configuration(),
    )
    return step(state, LineOpened(1, configured=True, unix_time=UNIX), 0.0, TurnPolicy()).state


def rolled(talk: Talk) -> list[float]:
    return [one.time for one in talk.of(Connect)]


def test_the_user_is_told_five_minutes_before_and_the_pause_is_taken() -> None:
    talk = script(begin=limited(3600.0), until=3400.0)
    assert rolled(talk) == [3300.0]
    assert [one.time for one in talk.news(Noticed) if one.what.code == "session_ending"] == [3300.0]
    talk.at(3400.2).tell(LineOpened(2, configured=True))
    assert "session_rolled" in talk.notices
    assert "line_lost" not in talk.notices


def test_a_short_session_is_told_of_in_proportion() -> None:
    assert rolled(script(begin=limited(60.0), until=59.0)) == [45.0]


def test_the_service_itself_may_say_when_it_ends() -> None:
    created_session = SessionCreated(session={"type": "realtime", "expires_at": int(UNIX + 120)})
    talk = script(at(0.1, wire(created_session)), begin=limited(3600.0), until=119.0)
    assert rolled(talk) == [90.0]


def test_a_wall_clock_that_is_wrong_ends_nothing() -> None:
    for expires_at in (UNIX - 5_000, UNIX + 2, UNIX + 1e9):
        session = SessionCreated(session={"type": "realtime", "expires_at": int(expires_at)})
        talk = script(at(0.1, wire(session)), begin=limited(None), until=3000.0)
        assert rolled(talk) == []


def test_nobody_is_cut_off_who_speaks() -> None:
    speaks = (at(40.0, VoiceBegan(40.0)), at(50.0, VoiceEnded(50.0, 10.0)))
    assert rolled(script(*speaks, begin=limited(60.0), until=59.0)) == [51.0]


def test_an_answer_is_heard_to_its_end() -> None:
    (after,) = rolled(script(*answer(since=40.0, until=52.0), begin=limited(60.0), until=59.0))
    assert 52.6 <= after <= 54.0


def test_a_press_is_no_pause() -> None:
    held = (at(44.0, TalkPressed()), at(50.0, TalkReleased()), at(50.5, UplinkDrained()), at(50.6, committed("u1")))
    reply = (at(50.8, transcribed("u1", "hello")), at(50.9, created()), at(51.5, done()))
    (after,) = rolled(script(*held, *reply, begin=limited(60.0, turn_mode="push-to-talk"), until=59.0))
    assert after > 50.0


def test_typed_text_is_answered_first() -> None:
    events = (at(44.9, TextEntered("a question")), at(45.2, created("r1")), at(45.5, heard()))
    assert rolled(script(*events, begin=limited(60.0), until=46.0)) == []


def test_a_session_that_expires_all_the_same_is_a_roll_over_and_loses_nothing() -> None:
    speaks = (at(58.0, VoiceBegan(58.0)), at(60.0, refused("session_expired", message="Your session hit its limit.")))
    talk = script(*speaks, at(60.2, LineOpened(2, configured=True)), begin=limited(None), until=60.2)
    assert rolled(talk) == [60.0]
    assert talk.state.microphone.is_open
    assert "session_rolled" in talk.notices and "session_expired" not in talk.notices


def test_r14_a_roll_over_asks_for_nothing_and_remembers() -> None:
    talk = script(at(1.0, TextEntered("hello")), *answer(since=1.5, until=4.0), begin=limited(60.0), until=46.0)
    asked = len(talk.of(CreateResponse))
    talk.at(46.1).tell(LineOpened(2, configured=True)).at(80.0)
    assert len(talk.of(CreateResponse)) == asked == 1
    assert [one.what.item.role for one in talk.of(RememberItem)] == ["user"]

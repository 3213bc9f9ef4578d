"""What the deck promises: whether you are heard, and if not, who closed the mic and what opens it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tests.support.each import each
from tests.support.script import (
    SESSION,
    Talk,
    committed,
    connected,
    created,
    done,
    item,
    silence,
    speech,
    transcribed,
    words,
)
from voicechat.core import events as on
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.state import Choices, State, Wishes
from voicechat.core.view import ReplyState, TurnView, still_wrong
from voicechat.core.viewing import view
from voicechat.protocol import server_events as wire
from voicechat.protocol.items import Item

PUSH_TO_TALK = Choices(turn_mode="push-to-talk")
SERVER_REPLIES = TurnPolicy()


def mic(talk: Talk) -> tuple[str, str, bool]:
    shown = talk.view.mic
    return shown.state, shown.reason, shown.is_on_air


def reply(talk: Talk) -> ReplyState:
    return talk.view.reply.state


def asked(talk: Talk) -> Talk:
    return talk.hear(speech("u1"), silence("u1"), committed("u1"))


def speaking(talk: Talk) -> Talk:
    """The answer to a question has been audible for a second; all of its words came."""
    asked(talk).hear(created("r1"), words("r1", "a1", "Good evening to you."))
    return talk.tell(on.AssistantHeard()).at(talk.now + 1.0)


def test_nothing_is_on_air_before_there_is_a_line() -> None:
    shown = view(State(wishes=Wishes()), 5.0, SERVER_REPLIES)
    assert (shown.mic.state, shown.mic.reason, shown.mic.is_on_air) == ("no-line", "not connected", False)
    assert shown.mic.lamps == ("no", "no", "no")
    assert (shown.reply.state, shown.connection.phase) == ("no-session", "idle")


def pressed(at: float = 0.0, press: on.TalkPressed | None = None) -> Talk:
    """A press at a time, its clearing confirmed."""
    talk = connected(choices=PUSH_TO_TALK).at(at).tell(press or on.TalkPressed())
    return talk.hear(wire.InputAudioBufferCleared())


GONE = on.LineLost(1, "gone")
IDLE = "push-to-talk idle"
MICS: list[tuple[str, Callable[[], Talk], tuple[str, str, bool], dict[str, object]]] = [
    ("open", lambda: connected().at(3.0), ("hands-free", "", True), {"seconds": 3.0, "name": "mic", "echo": "AEC3"}),
    ("muted: wins over the assistant", lambda: speaking(connected()).tell(on.MuteChosen(True)),
     ("muted", "muted by you", False), {"lamps": ("yes", "no", "no")}),
    ("missing: wins over muted", lambda: connected().tell(on.MuteChosen(True), on.DeviceMissing("none", "plug one")),
     ("no-microphone", "muted by you", False), {"detail": "none", "hint": "plug one"}),
    ("ready for barge-in", lambda: speaking(connected()),
     ("barge-in-ready", "assistant speaking, talk over it to cut in", False), {"lamps": ("yes", "no", "no")}),
    ("quick stays on air", lambda: speaking(connected(policy_for(PRESETS["quick"]))), ("hands-free", "", True), {}),
    ("a tap latches and says when it ends", lambda: pressed(1.0).at(1.1).tell(on.TalkReleased()),
     ("latched", "", True), {"remaining": 8.0}),
    ("control press with its lease", lambda: pressed(0.0, on.TalkPressed("control", lease=20.0)).at(5.0),
     ("remote", "", True), {"remaining": 15.0}),
    ("assistant thinks", lambda: connected(choices=PUSH_TO_TALK).hear(committed("u1"), created("r1")),
     ("thinking", IDLE, False), {}),
    ("words kept for the connection",
     lambda: connected(choices=PUSH_TO_TALK).tell(GONE, on.AgainPressed(), on.TalkPressed()).at(2.1),
     ("keeping", "not connected", False), {"seconds": 2.1, "lamps": ("yes", "waiting", "no")}),
    ("not configured yet", lambda: connected().tell(GONE, on.AgainPressed(), on.LineOpened(2, configured=False)),
     ("configuring", "configuring", False), {}),
    ("lost device", lambda: connected().at(1.0).tell(on.DeviceLost("mic", "unplugged")).at(3.0),
     ("device-lost", "device lost", False),
     {"detail": "unplugged", "seconds": 2.0, "lamps": ("broken", "no", "no")}),
    ("zeros, although on air", lambda: connected().at(6.0).tell(on.MicFlat(5.0)),
     ("flat", "", True), {"seconds": 5.0, "lamps": ("broken", "yes", "no")}),
    ("paused is not muted", lambda: connected().tell(on.PauseToggled()),
     ("paused", "muted by you", False), {"muted": False}),
    ("ended", lambda: connected().tell(on.EndAsked()), ("ended", "not connected", False), {}),
]  # fmt: skip


@each(("name", "talk", "shown", "more"), MICS)
def test_the_mic_says_whether_it_is_on_air_and_who_closed_it(
    name: str, talk: Callable[[], Talk], shown: tuple[str, str, bool], more: dict[str, object]
) -> None:
    now = talk()
    assert mic(now) == shown
    assert {field: getattr(now.view.mic, field) for field in more} == more


def test_the_third_lamp_takes_the_first_words_without_server_voice_detection() -> None:
    talk = connected(choices=PUSH_TO_TALK).at(1.0).tell(on.TalkPressed())
    talk.hear(wire.InputAudioBufferCleared()).at(2.0)
    assert talk.view.mic.lamps == ("yes", "yes", "waiting")
    talk.hear(wire.ConversationItemInputAudioTranscriptionDelta(item_id="u1", delta="Hel"))
    assert talk.view.mic.lamps == ("yes", "yes", "yes")


def test_without_barge_in_the_mic_is_closed_then_reopens_in_a_moment() -> None:
    talk = speaking(connected(choices=Choices(barge_in=False)))
    assert mic(talk) == ("half-duplex", "assistant speaking", False)
    talk.hear(done("r1")).tell(on.AssistantFellSilent(talk.now))
    talk.hear(wire.OutputAudioBufferStopped(response_id="r1"))
    assert mic(talk) == ("restoring", "reopening", False)
    assert talk.view.mic.remaining == 0.3
    assert mic(talk.at(talk.now + 0.3)) == ("hands-free", "", True)


def test_push_to_talk_shows_idle_held_tail_and_idle_again() -> None:
    talk = connected(choices=PUSH_TO_TALK).at(1.0)
    assert mic(talk) == ("idle", "push-to-talk idle", False)
    talk.tell(on.TalkPressed()).hear(wire.InputAudioBufferCleared())
    assert mic(talk.at(2.0)) == ("held", "", True)
    assert talk.view.mic.seconds == 1.0
    talk.tell(on.TalkReleased())
    assert mic(talk) == ("tail", "", True)
    assert talk.view.mic.remaining == 0.2
    assert mic(talk.at(4.0)) == ("idle", "push-to-talk idle", False)


def test_a_lost_line_is_named_and_the_sent_lamp_is_broken() -> None:
    talk = connected().at(2.0).tell(on.LineLost(1, "no route")).at(5.0)
    assert mic(talk) == ("line-lost", "not connected", False)
    assert talk.view.mic.lamps == ("yes", "broken", "no")
    line = talk.view.connection
    assert (line.phase, line.lost_for, line.attempts) == ("connecting", 3.0, 1)
    talk.tell(on.LineFailed(2, "no route", retryable=True, code="unreachable"))
    line = talk.view.connection
    assert (line.phase, line.lost_for, line.reason) == ("lost", 3.0, "no route")
    assert reply(talk) == "no-session"


def test_clipping_is_told_where_the_meters_know() -> None:
    talk = connected()
    assert view(talk.state, talk.now, talk.policy, 0.09).mic.state == "too-loud"
    assert view(talk.state, talk.now, talk.policy, 0.001).mic.state == "hands-free"


def test_the_reply_goes_from_listening_over_thinking_and_speaking_to_ready() -> None:
    talk = connected().at(1.0)
    seen = [reply(talk)]
    talk.hear(speech("u1")).at(2.0)
    assert talk.view.reply.seconds == 1.0
    seen.append(reply(talk))
    talk.hear(silence("u1"), committed("u1"))
    seen.append(reply(talk))
    talk.hear(created("r1"), transcribed("u1", "Hello?"))
    seen.append(reply(talk.at(2.5)))
    talk.hear(words("r1", "a1", "Good evening.")).tell(on.AssistantHeard())
    seen.append(reply(talk.at(3.5)))
    talk.hear(done("r1", output=(item("a1", "assistant", transcript="Good evening."),)))
    seen.append(reply(talk))
    talk.at(4.0).tell(on.AssistantFellSilent(4.0)).at(5.0)
    seen.append(reply(talk))
    assert talk.view.reply.seconds == 1.5
    seen.append(reply(talk.at(8.0)))
    assert seen == ["ready", "listening", "waiting", "thinking", "speaking", "finishing", "finished", "ready"]


def test_a_pause_between_the_sentences_of_an_answer_is_not_shown_as_thinking() -> None:
    talk = connected().hear(created("r1"), words("r1", "a1", "Good evening. How are you?"))
    talk.at(2.0).tell(on.AssistantHeard()).at(3.0).tell(on.AssistantFellSilent(3.0))
    assert reply(talk.at(3.6)) == "speaking"
    assert talk.view.reply.seconds == 1.0
    assert reply(talk.at(3.9)) == "thinking"


@each(
    ("interruption", "state", "detail"),
    [(on.StopPressed(), "stopped", "you stopped it"), (on.BargeInHappened(1.0), "cut", "you cut in")],
)
def test_a_cut_answer_says_who_cut_it_for_three_seconds(interruption: on.Event, state: str, detail: str) -> None:
    talk = speaking(connected()).tell(interruption)
    talk.hear(done("r1", status="cancelled", reason="client_cancelled"))
    shown = talk.at(talk.now + 2.0).view.reply
    assert (shown.state, shown.detail, shown.seconds) == (state, detail, 1.0)
    assert reply(talk.at(talk.now + 1.5)) == "ready"


def test_a_missing_answer_is_told() -> None:
    talk = connected().tell(on.TextEntered("Hello"))
    assert (reply(talk.at(1.5)), talk.view.reply.seconds) == ("thinking", 1.5)
    assert reply(talk.at(9.0)) == "no-answer"


def test_a_running_tool_is_named_with_its_seconds() -> None:
    call = Item(id="f1", type="function_call", name="get_weather", call_id="c1")
    talk = asked(connected()).hear(created("r1"), wire.ResponseOutputItemAdded(response_id="r1", item=call))
    assert talk.at(0.4).view.reply.detail == "get_weather 0.4 s"


def test_the_connection_shows_the_session_the_service_returned() -> None:
    talk = connected()
    assert (talk.view.connection.model, talk.view.connection.voice) == ("some-model", "marin")
    talk.hear(wire.SessionUpdated(session={**SESSION, "model": "other"}))
    assert talk.view.connection.model == "other"
    assert talk.at(61.0).view.connection.session_seconds == 61.0


def test_turns_show_the_clock_that_the_header_shows() -> None:
    talk = connected().at(241.0).hear(speech("u1"))
    assert talk.views[0].at == talk.view.connection.session_seconds == 241.0


def test_equal_states_give_equal_views() -> None:
    talk = connected()
    assert view(talk.state, 3.01, talk.policy) == view(talk.state, 3.04, talk.policy)


def test_a_trouble_that_is_over_is_no_longer_among_what_is_wrong() -> None:
    def note(key: str, code: str, level: Literal["info", "warning"] = "warning", count: int = 1) -> TurnView:
        return TurnView(key, "note", detail=code, level=level, count=count)

    silent, live = note("a", "mic_flat"), note("b", "mic_live", "info")
    lost, back, other = note("c", "device_lost", count=2), note("d", "device_back", "info"), note("e", "too_loud")
    assert still_wrong([silent]) == [silent]
    assert still_wrong([silent, other, live]) == [other]
    assert still_wrong([live, silent]) == [silent]
    assert still_wrong([lost, back]) == [lost]
    assert still_wrong([lost, back, back]) == []

"""What the deck promises: whether you are heard, and if not, who closed the mic and what opens it."""

from __future__ import annotations

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


def test_an_open_mic_is_on_air_and_needs_no_reason() -> None:
    talk = connected().at(3.0)
    assert mic(talk) == ("hands-free", "", True)
    assert talk.view.mic.seconds == 3.0
    assert (talk.view.mic.name, talk.view.mic.echo) == ("mic", "AEC3")


def test_the_third_lamp_waits_until_the_server_hears_you() -> None:
    talk = connected().at(1.0)
    assert talk.view.mic.lamps == ("yes", "yes", "waiting")
    talk.hear(speech("u1"))
    assert talk.view.mic.lamps == ("yes", "yes", "yes")


def test_the_third_lamp_takes_the_first_words_where_the_server_has_no_voice_detector() -> None:
    talk = connected(choices=PUSH_TO_TALK).at(1.0).tell(on.TalkPressed())
    talk.hear(wire.InputAudioBufferCleared()).at(2.0)
    assert talk.view.mic.lamps == ("yes", "yes", "waiting")
    talk.hear(wire.ConversationItemInputAudioTranscriptionDelta(item_id="u1", delta="Hel"))
    assert talk.view.mic.lamps == ("yes", "yes", "yes")


def test_mute_says_that_it_was_you_and_wins_over_everything_but_a_missing_mic() -> None:
    talk = speaking(connected()).tell(on.MuteChosen(True))
    assert mic(talk) == ("muted", "muted by you", False)
    assert talk.view.mic.lamps == ("yes", "no", "no")
    talk.tell(on.DeviceMissing("no input device", "plug one in"))
    assert mic(talk)[0] == "no-microphone"
    assert (talk.view.mic.detail, talk.view.mic.hint) == ("no input device", "plug one in")


def test_with_barge_in_the_mic_is_ready_while_the_assistant_speaks() -> None:
    talk = speaking(connected())
    assert mic(talk) == ("barge-in-ready", "assistant speaking, talk over it to cut in", False)
    assert talk.view.mic.lamps == ("yes", "no", "no")


def test_without_barge_in_the_mic_is_closed_then_reopens_in_a_moment() -> None:
    talk = speaking(connected(choices=Choices(barge_in=False)))
    assert mic(talk) == ("half-duplex", "assistant speaking", False)
    talk.hear(done("r1")).tell(on.AssistantFellSilent(talk.now))
    talk.hear(wire.OutputAudioBufferStopped(response_id="r1"))
    assert mic(talk) == ("restoring", "reopening", False)
    assert talk.view.mic.remaining == 0.3
    assert mic(talk.at(talk.now + 0.3)) == ("hands-free", "", True)


def test_the_quick_preset_stays_on_air_while_the_assistant_speaks() -> None:
    talk = speaking(connected(policy_for(PRESETS["quick"])))
    assert mic(talk) == ("hands-free", "", True)


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


def test_a_tap_latches_and_says_when_it_ends_by_itself() -> None:
    talk = connected(choices=PUSH_TO_TALK).at(1.0).tell(on.TalkPressed()).hear(wire.InputAudioBufferCleared())
    talk.at(1.1).tell(on.TalkReleased())
    assert mic(talk)[0] == "latched"
    assert talk.view.mic.remaining == 8.0


def test_a_press_from_the_control_socket_says_so_with_its_lease() -> None:
    talk = connected(choices=PUSH_TO_TALK).tell(on.TalkPressed("control", lease=20.0))
    talk.hear(wire.InputAudioBufferCleared()).at(5.0)
    assert mic(talk) == ("remote", "", True)
    assert talk.view.mic.remaining == 15.0


def test_push_to_talk_shows_that_the_assistant_thinks() -> None:
    talk = connected(choices=PUSH_TO_TALK).hear(committed("u1"), created("r1"))
    assert mic(talk)[0] == "thinking"


def test_words_spoken_before_the_line_is_up_are_kept() -> None:
    talk = connected(choices=PUSH_TO_TALK)
    talk.tell(on.LineLost(1, "gone"), on.AgainPressed(), on.TalkPressed()).at(2.1)
    assert mic(talk) == ("keeping", "not connected", False)
    assert (talk.view.mic.seconds, talk.view.mic.lamps[1]) == (2.1, "waiting")


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


def test_no_sound_leaves_before_the_configuration_is_in_force() -> None:
    talk = connected().tell(on.LineLost(1, "gone"), on.AgainPressed(), on.LineOpened(2, configured=False))
    assert mic(talk) == ("configuring", "configuring", False)


def test_a_lost_device_is_named() -> None:
    talk = connected().at(1.0).tell(on.DeviceLost("mic", "unplugged")).at(3.0)
    assert mic(talk) == ("device-lost", "device lost", False)
    assert (talk.view.mic.detail, talk.view.mic.seconds, talk.view.mic.lamps[0]) == ("unplugged", 2.0, "broken")


def test_zeros_from_an_open_mic_are_told_although_it_is_on_air() -> None:
    talk = connected().at(6.0).tell(on.MicFlat(5.0))
    assert mic(talk) == ("flat", "", True)
    assert (talk.view.mic.seconds, talk.view.mic.lamps) == (5.0, ("broken", "yes", "no"))


def test_a_paused_mic_is_paused_and_not_muted() -> None:
    talk = connected().tell(on.PauseToggled())
    assert (mic(talk)[0], talk.view.mic.is_on_air, talk.view.mic.muted) == ("paused", False, False)


def test_clipping_is_told_where_the_meters_know() -> None:
    talk = connected()
    assert view(talk.state, talk.now, talk.policy, 0.09).mic.state == "too-loud"
    assert view(talk.state, talk.now, talk.policy, 0.001).mic.state == "hands-free"


def test_an_ended_session_says_so() -> None:
    assert mic(connected().tell(on.EndAsked()))[0] == "ended"


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


@each(
    ("interruption", "state", "detail"),
    [
        (on.StopPressed(), "stopped", "you stopped it"),
        (on.BargeInHappened(1.0), "cut", "you cut in"),
    ],
)
def test_a_cut_answer_says_who_cut_it_for_three_seconds(interruption: on.Event, state: str, detail: str) -> None:
    talk = speaking(connected()).tell(interruption)
    talk.hear(done("r1", status="cancelled", reason="client_cancelled"))
    shown = talk.at(talk.now + 2.0).view.reply
    assert (shown.state, shown.detail, shown.seconds) == (state, detail, 1.0)
    assert reply(talk.at(talk.now + 1.5)) == "ready"


def test_an_answer_cancelled_before_it_said_anything_is_told_apart() -> None:
    talk = asked(connected()).hear(created("r1"), done("r1", status="cancelled", reason="turn_detected"))
    assert reply(talk) == "cancelled-at-birth"
    assert talk.view.reply.detail == "server cut it"


def test_a_failed_answer_stays_until_the_next_and_says_why() -> None:
    talk = asked(connected()).hear(created("r1"), transcribed("u1", "Hello"))
    talk.hear(done("r1", status="failed", error="rate limit"))
    shown = talk.at(60.0).view.reply
    assert (shown.state, shown.detail) == ("failed", "rate limit")
    assert reply(talk.hear(created("r2"))) == "thinking"


def test_a_missing_answer_is_told() -> None:
    talk = connected().tell(on.TextEntered("Hello"))
    assert reply(talk) == "thinking"
    assert reply(talk.at(9.0)) == "no-answer"


def test_a_running_tool_is_named_with_its_seconds() -> None:
    call = Item(id="f1", type="function_call", name="get_weather", call_id="c1")
    talk = asked(connected()).hear(created("r1"), wire.ResponseOutputItemAdded(response_id="r1", item=call))
    assert talk.at(0.4).view.reply.detail == "get_weather 0.4 s"


def test_the_line_shows_what_the_service_uses_not_what_was_wished() -> None:
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

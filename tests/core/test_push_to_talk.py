"""R6, R18: a press opens at once, a release sends the turn, a tap latches, and no accident leaves the mic open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.nearly import nearly
from tests.support.script import At, at, created, done, heard, opened, refused, script, wire
from voicechat.core.effects import (
    CancelResponse,
    ClearInput,
    ClearOutputAudio,
    CloseMic,
    CommitInput,
    OpenMic,
    SilencePlayback,
)
from voicechat.core.events import (
    ConnectWanted,
    DeviceMissing,
    Event,
    FocusLost,
    LineLost,
    LineOpened,
    MuteChosen,
    TalkPressed,
    TalkRejoined,
    TalkReleased,
    TalkTapped,
    TurnModeChosen,
    TurnSpoken,
    UplinkDrained,
    VoiceBegan,
    VoiceEnded,
)
from voicechat.core.state import Choices, State
from voicechat.core.viewing import mic_view
from voicechat.protocol.server_events import InputAudioBufferCleared

WEBRTC = opened(turn_mode="push-to-talk")
WEBSOCKET = opened(turn_mode="push-to-talk", transport="WebSocket")


def hold(pressed: float, released: float, drained: float) -> list[At[Event]]:
    """A press, a release, and the report that the last sample has left."""
    return [at(pressed, TalkPressed()), at(released, TalkReleased()), at(drained, UplinkDrained())]


def test_r6_a_press_clears_what_the_server_heard_and_opens_with_the_pre_roll() -> None:
    talk = script(at(1.0, TalkPressed()), begin=WEBSOCKET, until=2.0)
    assert [one.what for one in talk.effects] == [ClearInput("audio-1-1"), OpenMic(pre_roll=nearly(0.3))]
    assert talk.effects[1].time == 1.0


def test_r6_on_webrtc_the_pre_roll_waits_until_the_server_has_cleared() -> None:
    talk = script(at(1.0, TalkPressed()), at(1.12, wire(InputAudioBufferCleared())), begin=WEBRTC, until=2.0)
    assert talk.of(ClearInput) == [at(1.0, ClearInput("audio-1-1"))]
    assert talk.of(OpenMic) == [at(1.12, OpenMic(pre_roll=nearly(0.42)))]


def test_r6_on_webrtc_the_pre_roll_waits_300_ms_at_most() -> None:
    talk = script(at(1.0, TalkPressed()), begin=WEBRTC, until=2.0)
    assert talk.of(OpenMic) == [at(1.3, OpenMic(pre_roll=nearly(0.6)))]


def test_r6_nothing_to_clear_is_an_answer_too() -> None:
    answer = refused("input_audio_buffer_clear_empty")
    talk = script(at(1.0, TalkPressed()), at(1.1, answer), begin=WEBRTC, until=2.0)
    assert [one.time for one in talk.of(OpenMic)] == [1.1]
    assert talk.notices == []


def test_r6_release_closes_after_the_tail_and_commits_when_the_last_sample_has_left() -> None:
    talk = script(*hold(1.0, 3.0, 3.35), begin=WEBSOCKET, until=9.0)
    assert talk.of(CloseMic) == [at(3.2, CloseMic())]
    assert talk.of(CommitInput) == [at(3.35, CommitInput("audio-1-2"))]
    assert talk.news(TurnSpoken) == [at(3.35, TurnSpoken("push-to-talk"))]


def test_r6_a_commit_does_not_wait_for_ever_for_the_last_sample() -> None:
    talk = script(at(1.0, TalkPressed()), at(3.0, TalkReleased()), begin=WEBSOCKET, until=9.0)
    assert [one.time for one in talk.of(CommitInput)] == [4.5]


def test_r6_a_press_interrupts_the_assistant_and_opens_during_its_sound() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(1.0, TalkPressed()))
    talk = script(*events, begin=WEBSOCKET, until=1.5)
    assert [type(one.what) for one in talk.effects][1:] == [SilencePlayback, CancelResponse, ClearInput, OpenMic]
    assert {one.time for one in talk.effects[1:]} == {1.0}


def test_r6_on_webrtc_the_servers_sound_is_cleared_too() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(0.5, done()), at(1.0, TalkPressed()))
    talk = script(*events, begin=WEBRTC, until=1.0)
    assert [type(one.what) for one in talk.effects][1:] == [SilencePlayback, ClearOutputAudio, ClearInput]


def test_r6_a_tap_latches_and_a_second_press_ends_the_latch() -> None:
    events = (at(1.0, TalkPressed()), at(1.1, TalkReleased()), at(4.0, TalkPressed()), at(4.1, TalkReleased()))
    talk = script(*events, at(4.3, UplinkDrained()), begin=WEBSOCKET, until=60.0)
    assert [one.time for one in talk.of(CloseMic)] == [4.2]
    assert [one.time for one in talk.of(CommitInput)] == [4.3]


def test_r6_no_repeat_within_800_ms_latches() -> None:
    talk = script(at(1.0, TalkPressed()), at(1.8, TalkTapped()), begin=WEBSOCKET, until=5.0)
    assert talk.state.talk.latched_at == 1.8
    assert talk.reason == ""


def test_r6_a_latch_ends_by_itself_after_8_seconds_of_silence() -> None:
    talk = script(at(1.0, TalkPressed()), at(1.1, TalkReleased()), begin=WEBSOCKET, until=20.0)
    assert [one.time for one in talk.of(CloseMic)] == [9.3]


def test_r6_voice_keeps_a_latch_open_for_two_minutes_at_most() -> None:
    events = (at(1.0, TalkPressed()), at(1.1, TalkReleased()), at(2.0, VoiceBegan(2.0)))
    talk = script(*events, begin=WEBSOCKET, until=200.0)
    assert [one.time for one in talk.of(CloseMic)] == [121.2]


def test_r6_the_silence_of_a_latch_counts_from_the_last_voice() -> None:
    events = (at(1.0, TalkPressed()), at(1.1, TalkReleased()), at(5.0, VoiceBegan(5.0)), at(7.0, VoiceEnded(7.0, 2.0)))
    talk = script(*events, begin=WEBSOCKET, until=30.0)
    assert [one.time for one in talk.of(CloseMic)] == [15.2]


def test_r6_repeats_of_a_held_key_change_nothing() -> None:
    repeats = [at(1.0 + 0.03 * count, TalkPressed()) for count in range(20)]
    talk = script(*repeats, begin=WEBSOCKET, until=3.0)
    assert len(talk.of(OpenMic)) == 1
    assert talk.state.talk.pressed_at == 1.0


def test_r6_an_inferred_release_keeps_the_mic_open_for_its_grace() -> None:
    talk = script(at(1.0, TalkPressed()), at(3.0, TalkReleased(inferred=True)), begin=WEBSOCKET, until=9.0)
    assert [one.time for one in talk.of(CloseMic)] == [3.25]


def test_r6_an_inferred_release_may_be_taken_back() -> None:
    events = (at(1.0, TalkPressed()), at(3.0, TalkReleased(inferred=True)), at(3.2, TalkRejoined()))
    talk = script(*events, at(6.0, TalkReleased()), begin=WEBSOCKET, until=6.1)
    assert talk.of(CloseMic) == []
    assert talk.of(CommitInput) == []


def test_r6_after_the_grace_nothing_is_taken_back() -> None:
    events = (at(1.0, TalkPressed()), at(3.0, TalkReleased(inferred=True)), at(3.3, TalkRejoined()))
    talk = script(*events, begin=WEBSOCKET, until=9.0)
    assert len(talk.of(CommitInput)) == 1


def test_r6_a_press_in_the_tail_continues_the_turn() -> None:
    events = (at(1.0, TalkPressed()), at(3.0, TalkReleased()), at(3.1, TalkPressed()), *hold(3.1, 5.0, 5.4)[1:])
    talk = script(*events, begin=WEBSOCKET, until=9.0)
    assert [one.time for one in talk.of(OpenMic, CloseMic)] == [1.0, 5.2]
    assert len(talk.of(CommitInput)) == 1


def test_r6_a_press_before_the_last_turn_has_left_sends_that_turn_first() -> None:
    events = (at(1.0, TalkPressed()), at(3.0, TalkReleased()), at(3.3, TalkPressed()))
    talk = script(*events, begin=WEBSOCKET, until=4.0)
    late = [type(one.what) for one in talk.effects if one.time == 3.3]
    assert late == [CommitInput, ClearInput, OpenMic]


def test_r6_a_lost_focus_counts_as_a_release_even_of_a_short_press() -> None:
    talk = script(at(1.0, TalkPressed()), at(1.2, FocusLost()), begin=WEBSOCKET, until=9.0)
    assert [one.time for one in talk.of(CloseMic)] == [1.4]


def test_r6_a_latch_survives_a_lost_focus() -> None:
    events = (at(1.0, TalkPressed()), at(1.1, TalkReleased()), at(2.0, FocusLost()))
    assert script(*events, begin=WEBSOCKET, until=5.0).of(CloseMic) == []


def test_r6_a_press_with_a_lease_ends_when_the_lease_does() -> None:
    talk = script(at(1.0, TalkPressed("control", lease=5.0)), begin=WEBSOCKET, until=60.0)
    assert [one.time for one in talk.of(CloseMic)] == [6.2]


def test_r6_repeating_down_renews_the_lease() -> None:
    events = [at(time, TalkPressed("control", lease=5.0)) for time in (1.0, 5.0, 9.0)]
    talk = script(*events, begin=WEBSOCKET, until=60.0)
    assert [one.time for one in talk.of(CloseMic)] == [14.2]


def test_r6_a_control_press_without_a_lease_gets_the_longest() -> None:
    talk = script(at(1.0, TalkPressed("control")), begin=WEBSOCKET, until=60.0)
    assert [one.time for one in talk.of(CloseMic)] == [31.2]


def test_r6_a_short_control_press_does_not_latch() -> None:
    events = (at(1.0, TalkPressed("control")), at(1.15, TalkReleased("control")))
    talk = script(*events, begin=WEBSOCKET, until=5.0)
    assert [one.time for one in talk.of(CloseMic)] == [1.35]


def test_r6_the_release_of_another_hand_does_not_end_a_hold() -> None:
    events = (at(1.0, TalkPressed("key")), at(2.0, TalkReleased("mouse")))
    assert script(*events, begin=WEBSOCKET, until=5.0).of(CloseMic) == []


def test_r6_the_key_takes_over_from_the_control_socket() -> None:
    events = (at(1.0, TalkPressed("control", 3.0)), at(2.0, TalkPressed("key")), at(3.0, TalkReleased("control")))
    assert script(*events, begin=WEBSOCKET, until=10.0).of(CloseMic) == []


def test_r6_speech_before_the_line_is_kept_and_sent_first() -> None:
    begin = State(choices=Choices(turn_mode="push-to-talk"))
    events = (at(0.0, ConnectWanted()), at(1.0, TalkPressed()), at(3.0, LineOpened(1, "WebSocket", configured=True)))
    talk = script(*events, begin=begin, until=4.0)
    assert talk.of(OpenMic) == [at(3.0, OpenMic(pre_roll=nearly(2.3)))]
    assert talk.of(ClearInput) == []


def test_r6_speech_released_before_the_line_is_up_is_sent_all_the_same() -> None:
    begin = State(choices=Choices(turn_mode="push-to-talk"))
    events = (at(0.0, ConnectWanted()), at(1.0, TalkPressed()), at(2.5, TalkReleased()))
    opening = at(3.0, LineOpened(1, "WebRTC", configured=True))
    talk = script(*events, opening, at(5.5, UplinkDrained()), begin=begin, until=9.0)
    assert [one.time for one in talk.of(OpenMic, CloseMic)] == [3.0, 3.2]
    assert [one.time for one in talk.of(CommitInput)] == [5.5]


def test_r6_turn_behind_a_backlog_is_committed_after_its_last_sample() -> None:
    """9 s of kept speech leave as slowly as they were spoken: the next turn leaves 7 s late."""
    begin = State(choices=Choices(turn_mode="push-to-talk"))
    first = (at(0.0, ConnectWanted()), at(1.0, TalkPressed()), at(10.0, LineOpened(1, "WebRTC", configured=True)))
    second = (at(12.0, TalkReleased()), at(14.0, TalkPressed()), at(15.0, TalkReleased()))
    talk = script(*first, *second, begin=begin, until=20.0)
    assert [one.time for one in talk.of(OpenMic, CloseMic)] == [10.0, 12.2, 14.3, 15.2]
    assert [one.time for one in talk.of(CommitInput)] == [14.0]
    assert mic_view(talk.state, 20.0, talk.policy).state == "tail"
    talk.at(22.7).tell(UplinkDrained())
    assert [one.time for one in talk.of(CommitInput)] == [14.0, 22.7]
    after = mic_view(talk.state, 22.8, talk.policy)
    assert (after.state, after.is_on_air) == ("idle", False)


def test_r6_speech_without_a_line_is_given_up_with_a_word() -> None:
    begin = State(choices=Choices(turn_mode="push-to-talk"))
    events = (at(0.0, ConnectWanted()), at(1.0, TalkPressed()), at(2.5, TalkReleased()))
    talk = script(*events, begin=begin, until=30.0)
    assert talk.notices == ["not_sent"]
    assert talk.state.talk.pressed_at is None


def test_r6_a_press_while_muted_says_so_and_opens_nothing() -> None:
    events = (at(0.0, MuteChosen(True)), at(1.0, TalkPressed()), at(2.0, MuteChosen(False)))
    talk = script(*events, begin=WEBSOCKET, until=3.0)
    assert talk.of(OpenMic) == []
    assert talk.notices == ["muted"]


def test_r6_a_press_without_a_microphone_says_so() -> None:
    talk = script(at(0.0, DeviceMissing("no input device")), at(1.0, TalkPressed()), begin=WEBSOCKET, until=3.0)
    assert talk.notices == ["no_microphone"]
    assert talk.state.talk.pressed_at is None


def test_r6_a_mute_during_a_hold_gives_the_turn_up() -> None:
    events = (at(1.0, TalkPressed()), at(2.0, MuteChosen(True)), at(3.0, TalkReleased()), at(3.5, UplinkDrained()))
    talk = script(*events, begin=WEBSOCKET, until=9.0)
    assert talk.of(CommitInput) == []
    assert [one.time for one in talk.of(ClearInput)] == [1.0, 2.0]


def test_r6_another_turn_mode_ends_the_press() -> None:
    events = (at(1.0, TalkPressed()), at(2.0, TurnModeChosen("hands-free")), at(3.0, TalkReleased()))
    talk = script(*events, begin=WEBSOCKET, until=9.0)
    assert talk.state.talk.pressed_at is None
    assert talk.of(CommitInput) == []


def test_r27_a_press_outlives_the_line_and_all_of_it_goes_over_the_next_one() -> None:
    lost = (at(1.0, TalkPressed()), at(2.0, LineLost(1, "gone")), at(3.0, TalkReleased()))
    talk = script(*lost, at(4.0, LineOpened(2, "WebSocket", configured=True)), begin=WEBSOCKET, until=20.0)
    assert talk.of(OpenMic)[-1] == at(4.0, OpenMic(3.3, again=True))
    assert len(talk.of(CommitInput)) == 1
    assert talk.of(CommitInput)[0].time > 4.0


def test_r27_a_turn_that_was_committed_into_a_dead_line_is_sent_again() -> None:
    spoken = (at(1.0, TalkPressed()), at(2.0, TalkReleased()), at(2.3, UplinkDrained()))
    lost = (at(3.5, LineLost(1, "gone")), at(3.7, LineOpened(2, "WebSocket", configured=True)))
    talk = script(*spoken, *lost, begin=WEBSOCKET, until=20.0)
    assert [one.what.again for one in talk.of(OpenMic)] == [False, True]
    assert talk.of(OpenMic)[-1].what.pre_roll == pytest.approx(3.0)
    assert len(talk.of(CommitInput)) == 2


def test_r6_in_hands_free_a_press_interrupts_and_opens_but_the_server_decides_on_turns() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(1.0, TalkPressed()), at(3.0, TalkReleased()))
    talk = script(*events, begin=opened(), until=9.0)
    assert talk.of(ClearInput, CommitInput) == []
    assert [one.time for one in talk.of(OpenMic)] == [1.0]
    assert talk.reason == ""


def test_r6_what_a_press_kept_is_not_sent_by_a_later_opening() -> None:
    events = (at(1.0, TalkPressed()), at(2.0, TalkReleased()), at(5.0, created()), at(5.1, heard()))
    talk = script(*events, at(5.2, done()), begin=opened(), until=5.5)
    talk.at(9.0)
    assert [one for one in talk.of(OpenMic) if one.what.pre_roll] == []


def test_r18_a_latch_that_is_ended_at_once_is_cleared() -> None:
    events = (at(1.0, TalkPressed()), at(1.1, TalkReleased()), at(1.18, TalkPressed()))
    talk = script(*events, at(1.5, UplinkDrained()), begin=WEBSOCKET, until=9.0)
    assert talk.of(CommitInput) == []
    assert [one.time for one in talk.of(ClearInput)] == [1.0, 1.5]


def test_r18_a_hold_too_short_for_a_word_is_cleared() -> None:
    events = (at(1.0, TalkPressed("control")), at(1.05, TalkReleased("control")), at(1.4, UplinkDrained()))
    talk = script(*events, begin=WEBSOCKET, until=9.0)
    assert talk.of(CommitInput) == []


def test_r18_a_hold_is_committed() -> None:
    events = (at(1.0, TalkPressed("control")), at(1.15, TalkReleased("control")), at(1.5, UplinkDrained()))
    assert len(script(*events, begin=WEBSOCKET, until=9.0).of(CommitInput)) == 1


def test_r18_a_turn_that_no_open_mic_heard_is_not_committed() -> None:
    begin = replace(WEBSOCKET, microphone=replace(WEBSOCKET.microphone, lost_at=0.0))
    talk = script(*hold(1.0, 3.0, 3.4), begin=begin, until=60.0)
    assert talk.of(CommitInput) == []
    assert talk.state.talk.pressed_at is None

"""R1-R5, R26: the mic closes while the assistant is heard, reopens by the first sign of its end, and says why."""

from __future__ import annotations

from tests.support.each import each
from tests.support.nearly import nearly
from tests.support.script import (
    At,
    Talk,
    at,
    created,
    done,
    fell_silent,
    heard,
    opened,
    script,
    sound_cleared,
    sound_started,
    sound_stopped,
    voice,
)
from voicechat.core.effects import CloseMic, CreateResponse, OpenMic, SetVolume, UpdateSession
from voicechat.core.events import (
    AnswerInterrupted,
    AttendanceChanged,
    BargeInChosen,
    ConnectWanted,
    DeafenChosen,
    DeviceLost,
    DeviceMissing,
    DeviceOpened,
    Event,
    LineLost,
    LineOpened,
    MicFlat,
    MicLive,
    MuteChosen,
    PauseToggled,
    PlaybackEmptied,
    TalkPressed,
    TimePassed,
    TurnModeChosen,
    VoiceBegan,
    VoiceEnded,
    VolumeChosen,
)
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.state import State
from voicechat.core.step import step

HALF_DUPLEX = opened(barge_in=False)
QUICK = policy_for(PRESETS["quick"])


def test_r1_the_gate_closes_when_the_assistant_becomes_audible() -> None:
    talk = script(at(0.4, heard()), at(0.5, sound_started()), begin=HALF_DUPLEX, until=1.0)
    assert talk.of(CloseMic) == [at(0.4, CloseMic())]
    assert talk.reason == "assistant speaking"


def test_r1_the_gate_closes_with_the_started_event_where_that_comes_first() -> None:
    talk = script(at(0.4, sound_started()), at(0.5, heard()), begin=HALF_DUPLEX, until=1.0)
    assert talk.of(CloseMic) == [at(0.4, CloseMic())]


def test_r1_with_barge_in_the_reason_says_that_one_may_talk_over_it() -> None:
    talk = script(at(0.4, heard()), until=1.0)
    assert talk.of(CloseMic) == [at(0.4, CloseMic())]
    assert talk.reason == "assistant speaking, talk over it to cut in"


def test_r1_the_quick_preset_alone_keeps_the_mic_open() -> None:
    talk = script(at(0.4, sound_started()), at(0.5, heard()), begin=opened(policy=QUICK), policy=QUICK, until=2.0)
    assert talk.of(CloseMic) == []
    assert talk.reason == ""


def test_r1_barge_in_off_means_off_under_quick_too() -> None:
    events = (at(0.0, BargeInChosen(False)), at(0.5, heard()))
    talk = script(*events, begin=opened(policy=QUICK), policy=QUICK, until=1.0)
    assert talk.reason == "assistant speaking"


def spoken(*last: At[Event], start: bool = True) -> list[At[Event]]:
    """An answer audible from 0.2 to 1.9 with what is said about its end."""
    begun: list[At[Event]] = [at(0.1, sound_started())] if start else []
    return [at(0.0, created()), *begun, at(0.2, heard()), at(1.9, fell_silent(1.9)), *last]


def test_r2_stopped_alone_reopens_300_ms_after_the_last_audible_sample() -> None:
    talk = script(*spoken(at(2.0, sound_stopped())), until=2.2)
    assert talk.of(OpenMic) == [at(2.2, OpenMic())]


def test_who_answers_within_the_reopening_delay_keeps_the_first_word() -> None:
    talk = script(*spoken(at(2.0, sound_stopped()), voice(2.05, 4.0)[0]), until=3.0)
    assert talk.of(OpenMic) == [at(2.2, OpenMic(pre_roll=nearly(0.3)))]


def test_nothing_from_before_the_last_sample_of_the_assistant_goes_with_it() -> None:
    talk = script(*spoken(at(2.0, sound_stopped())), begin=opened(barge_in=False), until=2.19)
    talk.state = step(talk.state, VoiceBegan(1.95), 2.19, talk.policy).state
    opening = step(talk.state, TimePassed(), 2.2, talk.policy).effects
    assert opening == (OpenMic(pre_roll=nearly(0.3)),)


def test_a_voice_that_began_under_the_assistant_is_not_sent_without_a_grant() -> None:
    talk = script(*spoken(at(2.0, sound_stopped())), begin=opened(barge_in=False), until=2.19)
    talk.state = step(talk.state, VoiceBegan(1.85), 2.19, talk.policy).state
    assert step(talk.state, TimePassed(), 2.2, talk.policy).effects == (OpenMic(),)


def test_r2_cleared_alone_reopens() -> None:
    talk = script(*spoken(at(2.0, sound_cleared())), until=4.0)
    assert [one.time for one in talk.of(OpenMic)] == [2.2]


def test_r2_on_webrtc_done_needs_600_ms_of_silence() -> None:
    talk = script(*spoken(at(2.0, done()), start=False), until=4.0)
    assert talk.of(OpenMic) == [at(2.5, OpenMic())]


def test_r2_on_websocket_done_and_an_empty_queue_reopen() -> None:
    begin = opened(transport="WebSocket", barge_in=False)
    talk = script(*spoken(at(1.95, PlaybackEmptied(1)), at(2.0, done()), start=False), begin=begin, until=4.0)
    assert talk.of(OpenMic) == [at(2.2, OpenMic())]


def test_r2_two_seconds_without_a_sample_reopen_whatever_was_said() -> None:
    talk = script(*spoken(start=False), until=5.0)
    assert talk.of(OpenMic) == [at(3.9, OpenMic())]


def test_r2_a_started_that_nothing_follows_does_not_keep_the_mic_closed() -> None:
    talk = script(at(1.0, sound_started()), until=9.0)
    assert talk.of(OpenMic) == [at(3.3, OpenMic())]


def test_r2_the_answer_may_pause_without_losing_the_floor() -> None:
    events = (at(0.0, created()), at(0.2, heard()), at(1.0, fell_silent(1.0)), at(2.5, heard()), at(4.0, done()))
    talk = script(*events, at(5.0, fell_silent(5.0)), until=9.0)
    assert [one.time for one in talk.of(OpenMic, CloseMic)] == [0.2, 5.6]


def test_r2_done_while_audible_does_not_reopen() -> None:
    talk = script(at(0.0, created()), at(0.2, heard()), at(0.5, done()), until=60.0)
    assert talk.of(OpenMic) == []
    assert talk.reason.startswith("assistant speaking")


def test_r2_sound_that_comes_back_closes_it_again() -> None:
    talk = script(*spoken(start=False), at(4.5, heard()), at(5.0, fell_silent(5.0)), until=8.0)
    assert [(one.time, type(one.what)) for one in talk.of(OpenMic, CloseMic)] == [
        (0.2, CloseMic),
        (3.9, OpenMic),
        (4.5, CloseMic),
        (7.0, OpenMic),
    ]


def test_r2_the_tail_of_the_jitter_buffer_after_stopped_delays_the_reopening() -> None:
    events = (at(0.0, sound_started()), at(0.2, heard()), at(2.0, sound_stopped()), at(2.2, fell_silent(2.15)))
    talk = script(*events, until=4.0)
    assert talk.of(OpenMic) == [at(2.45, OpenMic())]


def test_r2_the_next_answer_takes_back_the_end_of_the_one_before() -> None:
    events = (*spoken(at(2.0, sound_stopped())), at(2.05, created("r2")), at(2.1, heard()), at(3.0, fell_silent(3.0)))
    talk = script(*events, at(3.9, heard()), at(9.0, fell_silent(9.0)), at(9.0, done("r2")), until=12.0)
    assert [one.time for one in talk.of(OpenMic)] == [9.6]


def test_r2_stopped_of_an_older_answer_says_nothing_about_this_one() -> None:
    events = (at(0.0, created("r2")), at(0.1, sound_started("r2")), at(0.5, heard()), at(0.8, fell_silent(0.8)))
    talk = script(*events, at(0.9, sound_stopped("r1")), until=2.0)
    assert talk.of(OpenMic) == []


def test_r2_the_lost_line_ends_the_closing_for_the_assistant() -> None:
    talk = script(at(0.2, heard()), at(1.0, LineLost(1, "gone")), until=1.0)
    assert talk.reason == "not connected"
    assert talk.state.playback.begun_at is None or talk.state.playback.is_flushed


def test_r2_no_reopen_delay_means_none() -> None:
    policy = TurnPolicy(reopen_delay=0.0)
    talk = script(*spoken(at(2.0, sound_stopped())), policy=policy, until=4.0)
    assert talk.of(OpenMic) == [at(2.0, OpenMic())]


def test_r3_reopening_only_opens() -> None:
    talk = script(*spoken(at(2.0, sound_stopped()), at(2.1, done())), until=20.0)
    assert talk.of(OpenMic) == [at(2.2, OpenMic())]
    assert talk.of(CreateResponse) == []
    assert talk.of(UpdateSession) == []


@each(
    ("begin", "events", "reason"),
    [
        (State(), [], "not connected"),
        (opened(), [at(0.0, MuteChosen(True))], "muted by you"),
        (opened(), [at(0.0, PauseToggled())], "muted by you"),
        (opened(barge_in=False), [at(0.0, heard())], "assistant speaking"),
        (opened(turn_mode="push-to-talk"), [], "push-to-talk idle"),
        (opened(), [at(0.0, heard()), at(1.0, fell_silent(1.0)), at(1.05, sound_stopped())], "reopening"),
        (opened(), [at(0.0, DeviceLost("Mic", "unplugged"))], "device lost"),
        (opened(), [at(0.0, DeviceMissing("no input device"))], "no microphone"),
        (State(), [at(0.0, ConnectWanted()), at(0.5, LineOpened(1))], "configuring"),
    ],
)
def test_r4_every_closed_mic_has_one_visible_reason(begin: State, events: list[At[Event]], reason: str) -> None:
    talk = script(*events, begin=begin, until=1.1)
    assert talk.reason == reason
    assert not talk.state.microphone.is_open


def test_r4_a_found_device_opens_the_mic_again() -> None:
    talk = script(at(0.0, DeviceLost("Mic", "unplugged")), at(2.0, DeviceOpened("Other", "Loudspeaker")), until=3.0)
    assert talk.of(CloseMic, OpenMic) == [at(0.0, CloseMic()), at(2.0, OpenMic())]


EVERYTHING: list[list[At[Event]]] = [
    [at(1.0, heard()), at(2.0, fell_silent(2.0))],
    [at(1.0, TurnModeChosen("push-to-talk")), at(2.0, TalkPressed()), at(3.0, TurnModeChosen("hands-free"))],
    [at(1.0, PauseToggled()), at(2.0, PauseToggled())],
    [at(1.0, DeviceLost("Mic", "")), at(2.0, DeviceOpened("Mic", "Loudspeaker"))],
    [at(1.0, TalkPressed("mouse")), at(1.1, TalkPressed("control", 5.0))],
    [at(1.0, created()), at(1.1, sound_started()), at(1.5, sound_cleared())],
]


@each("events", EVERYTHING)
def test_r5_nothing_but_the_user_opens_a_muted_mic(events: list[At[Event]]) -> None:
    talk = script(at(0.0, MuteChosen(True)), *events)
    assert talk.of(OpenMic) == []
    assert talk.of(CloseMic)[0] == at(0.0, CloseMic(drop=True))
    assert talk.reason == "muted by you"


@each("events", EVERYTHING)
def test_r5_mute_closes_at_once_during_every_state(events: list[At[Event]]) -> None:
    talk = script(*events, at(3.5, MuteChosen(True)))
    assert not talk.state.microphone.is_open
    assert [one for one in talk.of(OpenMic) if one.time >= 3.5] == []


def test_r5_unmuting_opens_without_a_word_of_what_was_said_while_muted() -> None:
    events = (at(0.0, MuteChosen(True)), at(5.0, MuteChosen(False)), at(5.1, TalkPressed()))
    talk = script(*events, begin=opened(turn_mode="push-to-talk", transport="WebSocket"), until=6.0)
    assert talk.of(OpenMic) == [at(5.1, OpenMic(pre_roll=nearly(0.1)))]


def test_r5_what_a_closed_mic_still_has_on_its_way_out_is_dropped_by_a_mute() -> None:
    from voicechat.core.events import TalkReleased

    events = (at(0.0, TalkPressed()), at(1.0, TalkReleased()), at(1.25, MuteChosen(True)))
    talk = script(*events, begin=opened(turn_mode="push-to-talk", transport="WebSocket"), until=3.0)
    assert talk.of(CloseMic) == [at(1.2, CloseMic()), at(1.25, CloseMic(drop=True))]


def test_r5_nothing_said_with_nobody_at_the_screen_is_ever_sent() -> None:
    events = (at(1.0, TalkPressed()), at(2.0, AttendanceChanged(False)), at(5.0, AttendanceChanged(True)))
    again = at(5.1, TalkPressed())
    talk = script(*events, again, begin=opened(turn_mode="push-to-talk", transport="WebSocket"), until=6.0)
    assert talk.of(CloseMic) == [at(2.0, CloseMic(drop=True))]
    assert [one.what.pre_roll for one in talk.of(OpenMic)] == [nearly(0.3), nearly(0.1)]


def test_r26_a_flat_mic_is_told_once_per_device_and_so_is_its_end() -> None:
    events = (at(6.0, MicFlat(5.0)), at(7.0, MicLive()), at(20.0, MicFlat(5.0)), at(25.0, MicLive()))
    talk = script(*events, at(30.0, DeviceOpened("Other", "Loudspeaker")), at(40.0, MicFlat(5.0)))
    assert talk.notices == ["mic_flat", "mic_live", "mic_flat"]
    assert talk.state.microphone.told_flat == ("Mic", "Other")
    assert talk.state.microphone.flat_since == 35.0


def test_r26_a_silent_mic_that_is_lost_is_told_as_lost_and_back_and_not_as_live_too() -> None:
    events = (at(6.0, MicFlat(5.0)), at(7.0, DeviceLost("Mic", "")), at(7.5, MicLive()))
    talk = script(*events, at(8.0, DeviceOpened("Mic", "Loudspeaker")))
    assert talk.notices == ["mic_flat", "device_lost", "device_back"]


def test_r26_a_lost_device_closes_the_mic_and_keeps_the_session() -> None:
    talk = script(at(1.0, DeviceLost("Mic", "no callback for 500 ms")), until=2.0)
    assert talk.kinds == ["CloseMic"]
    assert talk.state.connection.phase == "open"


def test_a_lost_device_makes_no_sound() -> None:
    talk = script(at(1.0, heard()), at(2.0, DeviceLost("Mic", "")), at(3.0, DeviceOpened("Mic", "L")), until=9.0)
    assert not talk.state.playback.is_audible
    assert talk.reason == ""


def test_volume_is_kept_within_what_the_loudspeaker_can_do() -> None:
    talk = script(at(0.0, VolumeChosen(9.0)), at(1.0, VolumeChosen(float("nan"))), at(2.0, DeafenChosen(True)))
    assert [one.what for one in talk.of(SetVolume)] == [SetVolume(1.5), SetVolume(1.0), SetVolume(1.0, True)]


def test_an_interruption_by_the_user_reopens_after_the_usual_echo() -> None:
    from voicechat.core.events import StopPressed

    talk = script(at(0.0, created()), at(0.2, heard()), at(1.0, StopPressed()), until=3.0)
    assert talk.news(AnswerInterrupted) == [at(1.0, AnswerInterrupted("you"))]
    assert [one.time for one in talk.of(OpenMic)] == [1.3]


def test_pause_belongs_to_hands_free() -> None:
    talk = script(at(0.0, PauseToggled()), begin=opened(turn_mode="push-to-talk"))
    assert not talk.state.microphone.paused


SPOKE = (at(0.4, VoiceBegan(0.4)), at(1.0, VoiceEnded(0.9, 0.5, near_end=True)))
"""The user speaks over the first second of a response: too early to interrupt it."""


def spoken_over(seconds: float, *more: At[Event], speech: tuple[At[Event], ...] = SPOKE) -> Talk:
    """A response that is audible from 0.1 s for so long, spoken over."""
    ended = 0.1 + seconds
    response = (at(0.0, created()), at(0.1, heard()), at(ended - 0.2, done()), at(ended, fell_silent(ended)))
    return script(*sorted([*response, *speech, *more], key=lambda one: one.time), until=ended + 4.0)


def test_speech_over_a_short_response_is_sent_when_the_mic_opens() -> None:
    talk = spoken_over(0.9)
    (opening,) = talk.of(OpenMic)
    assert opening.what.pre_roll == nearly(opening.time - 0.4 + talk.policy.pre_roll)
    assert talk.notices == []


def test_speech_over_a_long_response_that_interrupts_nothing_is_told() -> None:
    talk = spoken_over(9.0)
    assert talk.notices == ["speech_not_sent"]
    assert "You spoke for 0.5 s" in talk.state.conversation.turns[-1].text
    assert [one.what.pre_roll for one in talk.of(OpenMic)] == [0.0]


def test_speech_without_barge_in_is_told_at_once_and_never_sent_later() -> None:
    talk = spoken_over(0.9, at(0.0, BargeInChosen(False)))
    assert talk.notices == ["speech_not_sent"]
    assert [one.what.pre_roll for one in talk.of(OpenMic)] == [0.0]


def test_speech_that_the_echo_explains_is_neither_sent_nor_told() -> None:
    talk = spoken_over(9.0, speech=(at(0.4, VoiceBegan(0.4)), at(1.0, VoiceEnded(0.9, 0.5))))
    assert talk.notices == [] and [one.what.pre_roll for one in talk.of(OpenMic)] == [0.0]

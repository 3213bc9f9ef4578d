"""R6, R18: a press opens at once, a release sends the turn, a tap latches, and no accident leaves the mic open."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.each import each
from tests.support.nearly import nearly
from tests.support.script import At, at, created, done, heard, opened, refused, script, wire
from voicechat.core import effects as do, events as on
from voicechat.core.effects import ClearInput, CloseMic, CommitInput, OpenMic
from voicechat.core.events import Event, TalkSource
from voicechat.core.state import Choices, State
from voicechat.core.viewing import mic_view
from voicechat.protocol.server_events import InputAudioBufferCleared

WEBRTC = opened(turn_mode="push-to-talk")
WEBSOCKET = opened(turn_mode="push-to-talk", transport="WebSocket")
CONNECTING = State(choices=Choices(turn_mode="push-to-talk"))
Events = tuple[At[Event], ...]


def press(time: float, source: TalkSource = "key", lease: float | None = None) -> At[Event]:
    return at(time, on.TalkPressed(source, lease))


def release(time: float, source: TalkSource = "key", *, inferred: bool = False) -> At[Event]:
    return at(time, on.TalkReleased(source, inferred))


def drained(time: float) -> At[Event]:
    """The last sample has left."""
    return at(time, on.UplinkDrained())


def line(time: float, transport: str = "WebSocket", number: int = 1) -> At[Event]:
    opening = on.LineOpened(number, "WebRTC" if transport == "WebRTC" else "WebSocket", configured=True)
    return at(time, opening)


TAP = (press(1.0), release(1.1))
ANSWER = (at(0.0, created()), at(0.1, heard()))


def test_r6_a_press_clears_what_the_server_heard_and_opens_with_the_pre_roll() -> None:
    talk = script(press(1.0), begin=WEBSOCKET, until=2.0)
    assert talk.effects == [at(1.0, ClearInput("audio-1-1")), at(1.0, OpenMic(pre_roll=nearly(0.3)))]


@each(
    ("answer", "opens_at", "pre_roll"),
    [
        ((at(1.12, wire(InputAudioBufferCleared())),), 1.12, 0.42),
        ((at(1.1, refused("input_audio_buffer_clear_empty")),), 1.1, 0.4),
        ((), 1.3, 0.6),
    ],
    ids=["cleared", "nothing to clear", "no answer: 300 ms at most"],
)
def test_r6_on_webrtc_the_pre_roll_waits_until_the_server_has_cleared(
    answer: Events, opens_at: float, pre_roll: float
) -> None:
    talk = script(press(1.0), *answer, begin=WEBRTC, until=2.0)
    assert talk.of(ClearInput) == [at(1.0, ClearInput("audio-1-1"))]
    assert talk.of(OpenMic) == [at(opens_at, OpenMic(pre_roll=nearly(pre_roll)))]
    assert talk.notices == []


def test_r6_release_closes_after_the_tail_and_commits_when_the_last_sample_has_left() -> None:
    talk = script(press(1.0), release(3.0), drained(3.35), begin=WEBSOCKET, until=9.0)
    assert talk.of(CloseMic) == [at(3.2, CloseMic())]
    assert talk.of(CommitInput) == [at(3.35, CommitInput("audio-1-2"))]
    assert talk.news(on.TurnSpoken) == [at(3.35, on.TurnSpoken("push-to-talk"))]


PRESSES: list[tuple[str, float, list[float], list[float], Events]] = [
    ("a commit does not wait for ever for the last sample", 9, [1.0, 3.2], [4.5], (press(1.0), release(3.0))),
    ("a second press ends a latch", 60, [1.0, 4.2], [4.3], (*TAP, press(4.0), release(4.1), drained(4.3))),
    ("a latch ends after 8 s of silence", 20, [1.0, 9.3], [10.6], TAP),
    ("voice keeps a latch for 2 min at most", 200, [1.0, 121.2], [122.5], (*TAP, at(2.0, on.VoiceBegan(2.0)))),
    ("the silence of a latch counts from the last voice", 30, [1.0, 15.2], [16.5],
     (*TAP, at(5.0, on.VoiceBegan(5.0)), at(7.0, on.VoiceEnded(7.0, 2.0)))),
    ("an inferred release has its grace", 9, [1.0, 3.25], [4.55], (press(1.0), release(3.0, inferred=True))),
    ("an inferred release is taken back", 6.1, [1.0], [],
     (press(1.0), release(3.0, inferred=True), at(3.2, on.TalkRejoined()), release(6.0))),
    ("after the grace nothing is taken back", 9, [1.0, 3.25], [4.55],
     (press(1.0), release(3.0, inferred=True), at(3.3, on.TalkRejoined()))),
    ("a press in the tail continues the turn", 9, [1.0, 5.2], [5.4],
     (press(1.0), release(3.0), press(3.1), release(5.0), drained(5.4))),
    ("a lost focus releases even a short press", 9, [1.0, 1.4], [2.7], (press(1.0), at(1.2, on.FocusLost()))),
    ("a latch survives a lost focus", 5, [1.0], [], (*TAP, at(2.0, on.FocusLost()))),
    ("a press ends with its lease", 60, [1.0, 6.2], [7.5], (press(1.0, "control", 5.0),)),
    ("pressing again renews the lease", 60, [1.0, 14.2], [15.5],
     (press(1.0, "control", 5.0), press(5.0, "control", 5.0), press(9.0, "control", 5.0))),
    ("a control press without a lease gets the longest", 60, [1.0, 31.2], [32.5], (press(1.0, "control"),)),
    ("a short control press does not latch", 5, [1.0, 1.35], [1.5],
     (press(1.0, "control"), release(1.15, "control"), drained(1.5))),
    ("R18: a hold too short for a word is not committed", 9, [1.0, 1.25], [],
     (press(1.0, "control"), release(1.05, "control"), drained(1.4))),
    ("another hand does not release", 5, [1.0], [], (press(1.0, "key"), release(2.0, "mouse"))),
    ("the key takes over from the control socket", 10, [1.0], [],
     (press(1.0, "control", 3.0), press(2.0, "key"), release(3.0, "control"))),
]  # fmt: skip


@each(("name", "until", "mic", "commits", "events"), PRESSES)
def test_r6_r18_when_the_mic_opens_and_closes_and_the_turn_is_committed(
    name: str, until: float, mic: list[float], commits: list[float], events: Events
) -> None:
    talk = script(*events, begin=WEBSOCKET, until=until)
    assert (talk.times(OpenMic, CloseMic), talk.times(CommitInput)) == (mic, commits)


def test_r6_a_press_interrupts_the_assistant_and_opens_during_its_sound() -> None:
    talk = script(*ANSWER, press(1.0), begin=WEBSOCKET, until=1.5)
    assert [type(one.what) for one in talk.effects][1:] == [do.SilencePlayback, do.CancelResponse, ClearInput, OpenMic]
    assert {one.time for one in talk.effects[1:]} == {1.0}
    on_webrtc = script(*ANSWER, at(0.5, done()), press(1.0), begin=WEBRTC, until=1.0)
    assert [type(one.what) for one in on_webrtc.effects][1:] == [do.SilencePlayback, do.ClearOutputAudio, ClearInput]


def test_r6_no_repeat_within_800_ms_latches() -> None:
    talk = script(press(1.0), at(1.8, on.TalkTapped()), begin=WEBSOCKET, until=5.0)
    assert (talk.state.talk.latched_at, talk.reason) == (1.8, "")


def test_r6_repeats_of_a_held_key_change_nothing() -> None:
    talk = script(*(press(1.0 + 0.03 * count) for count in range(20)), begin=WEBSOCKET, until=3.0)
    assert len(talk.of(OpenMic)) == 1
    assert talk.state.talk.pressed_at == 1.0


def test_r6_a_press_before_the_last_turn_has_left_sends_that_turn_first() -> None:
    talk = script(press(1.0), release(3.0), press(3.3), begin=WEBSOCKET, until=4.0)
    assert [type(one.what) for one in talk.effects if one.time == 3.3] == [CommitInput, ClearInput, OpenMic]


def test_r6_speech_before_the_line_is_kept_and_sent_first() -> None:
    talk = script(at(0.0, on.ConnectWanted()), press(1.0), line(3.0), begin=CONNECTING, until=4.0)
    assert talk.of(OpenMic) == [at(3.0, OpenMic(pre_roll=nearly(2.3)))]
    assert talk.of(ClearInput) == []


def test_r6_speech_released_before_the_line_is_up_is_sent_all_the_same() -> None:
    events = (at(0.0, on.ConnectWanted()), press(1.0), release(2.5), line(3.0, "WebRTC"), drained(5.5))
    talk = script(*events, begin=CONNECTING, until=9.0)
    assert talk.times(OpenMic, CloseMic) == [3.0, 3.2]
    assert talk.times(CommitInput) == [5.5]


def test_r6_turn_behind_a_backlog_is_committed_after_its_last_sample() -> None:
    """9 s of kept speech leave as slowly as they were spoken: the next turn leaves 7 s late."""
    first = (at(0.0, on.ConnectWanted()), press(1.0), line(10.0, "WebRTC"))
    talk = script(*first, release(12.0), press(14.0), release(15.0), begin=CONNECTING, until=20.0)
    assert talk.times(OpenMic, CloseMic) == [10.0, 12.2, 14.3, 15.2]
    assert talk.times(CommitInput) == [14.0]
    assert mic_view(talk.state, 20.0, talk.policy).state == "tail"
    talk.at(22.7).tell(on.UplinkDrained())
    assert talk.times(CommitInput) == [14.0, 22.7]
    after = mic_view(talk.state, 22.8, talk.policy)
    assert (after.state, after.is_on_air) == ("idle", False)


@each(
    ("events", "begin", "notice"),
    [
        ((at(0.0, on.ConnectWanted()), press(1.0), release(2.5)), CONNECTING, "not_sent"),
        ((at(0.0, on.MuteChosen(True)), press(1.0), at(2.0, on.MuteChosen(False))), WEBSOCKET, "muted"),
        ((at(0.0, on.DeviceMissing("no input device")), press(1.0)), WEBSOCKET, "no_microphone"),
    ],
)
def test_r6_a_press_that_sends_nothing_says_so(events: Events, begin: State, notice: str) -> None:
    talk = script(*events, begin=begin, until=30.0)
    assert (talk.notices, talk.of(OpenMic), talk.state.talk.pressed_at) == ([notice], [], None)


def test_r6_a_mute_during_a_hold_drops_the_turn() -> None:
    talk = script(press(1.0), at(2.0, on.MuteChosen(True)), release(3.0), drained(3.5), begin=WEBSOCKET, until=9.0)
    assert talk.of(CommitInput) == []
    assert talk.times(ClearInput) == [1.0, 2.0]


def test_r6_another_turn_mode_ends_the_press() -> None:
    talk = script(press(1.0), at(2.0, on.TurnModeChosen("hands-free")), release(3.0), begin=WEBSOCKET, until=9.0)
    assert (talk.state.talk.pressed_at, talk.of(CommitInput)) == (None, [])


def test_r27_a_press_outlives_the_line_and_all_of_it_goes_over_the_next_one() -> None:
    lost = at(2.0, on.LineLost(1, "gone"))
    talk = script(press(1.0), lost, release(3.0), line(4.0, number=2), begin=WEBSOCKET, until=20.0)
    assert talk.of(OpenMic)[-1] == at(4.0, OpenMic(3.3, again=True))
    (committed_at,) = talk.times(CommitInput)
    assert committed_at > 4.0


def test_r27_a_turn_that_was_committed_into_a_dead_line_is_sent_again() -> None:
    lost = at(3.5, on.LineLost(1, "gone"))
    talk = script(press(1.0), release(2.0), drained(2.3), lost, line(3.7, number=2), begin=WEBSOCKET, until=20.0)
    assert [one.what.again for one in talk.of(OpenMic)] == [False, True]
    assert talk.of(OpenMic)[-1].what.pre_roll == pytest.approx(3.0)
    assert len(talk.of(CommitInput)) == 2


def test_r6_in_hands_free_a_press_interrupts_and_opens_and_commits_nothing() -> None:
    talk = script(*ANSWER, press(1.0), release(3.0), begin=opened(), until=9.0)
    assert talk.of(ClearInput, CommitInput) == []
    assert (talk.times(OpenMic), talk.reason) == ([1.0], "")


def test_r6_what_a_press_kept_is_not_sent_by_a_later_opening() -> None:
    events = (press(1.0), release(2.0), at(5.0, created()), at(5.1, heard()), at(5.2, done()))
    assert [one for one in script(*events, begin=opened(), until=9.0).of(OpenMic) if one.what.pre_roll] == []


def test_r18_a_latch_that_is_ended_at_once_is_cleared() -> None:
    talk = script(*TAP, press(1.18), drained(1.5), begin=WEBSOCKET, until=9.0)
    assert talk.of(CommitInput) == []
    assert talk.times(ClearInput) == [1.0, 1.5]


def test_r18_a_turn_that_no_open_mic_heard_is_not_committed() -> None:
    begin = replace(WEBSOCKET, microphone=replace(WEBSOCKET.microphone, lost_at=0.0))
    talk = script(press(1.0), release(3.0), drained(3.4), begin=begin, until=60.0)
    assert (talk.of(CommitInput), talk.state.talk.pressed_at) == ([], None)

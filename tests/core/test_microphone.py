"""R1-R5, R26: the mic closes while the assistant is heard, reopens by the first sign of its end, and says why."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

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
    refused,
    script,
    sound_cleared,
    sound_started,
    sound_stopped,
    voice,
    wire,
)
from voicechat.core import effects as do, events as on
from voicechat.core.effects import CloseMic, OpenDevices, OpenMic, SetVolume
from voicechat.core.events import Event, TalkSource
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.state import Choices, State
from voicechat.core.step import step
from voicechat.core.viewing import mic_view
from voicechat.protocol import client_events as say
from voicechat.protocol.client_events import (
    InputAudioBufferClear,
    InputAudioBufferCommit,
    ResponseCreate,
    SessionUpdate,
)
from voicechat.protocol.server_events import InputAudioBufferCleared

HALF_DUPLEX = opened(barge_in=False)
Events = tuple[At[on.Event], ...]
QUICK = policy_for(PRESETS["quick"])


OVER_IT = "assistant speaking, talk over it to cut in"


@each(
    ("begin", "policy", "events", "closes", "reason"),
    [
        (HALF_DUPLEX, TurnPolicy(), (at(0.4, heard()), at(0.5, sound_started())), [0.4], "assistant speaking"),
        (HALF_DUPLEX, TurnPolicy(), (at(0.4, sound_started()), at(0.5, heard())), [0.4], "assistant speaking"),
        (opened(), TurnPolicy(), (at(0.4, heard()),), [0.4], OVER_IT),
        (opened(policy=QUICK), QUICK, (at(0.4, sound_started()), at(0.5, heard())), [], ""),
        (
            opened(policy=QUICK),
            QUICK,
            (at(0.0, on.BargeInChosen(False)), at(0.5, heard())),
            [0.5],
            "assistant speaking",
        ),
    ],
    ids=["sound first", "event first", "with barge-in", "quick alone stays open", "quick without barge-in"],
)
def test_r1_the_mic_closes_at_the_first_sign_of_the_assistant_and_says_why(
    begin: State, policy: TurnPolicy, events: Events, closes: list[float], reason: str
) -> None:
    talk = script(*events, begin=begin, policy=policy, until=1.0)
    assert (talk.of(CloseMic), talk.reason) == ([at(time, CloseMic()) for time in closes], reason)


def test_sound_that_still_leaves_behind_a_close_is_shown_as_on_air_until_it_has_left() -> None:
    events = (at(0.4, heard()), at(0.41, on.UplinkDrained(2.0)))
    talk = script(*events, begin=HALF_DUPLEX, until=1.0)
    shown = talk.view.mic
    assert (shown.is_on_air, shown.state, shown.reason) == (True, "tail", "")
    for end, until in ((at(2.4, on.UplinkDrained()), 2.5), (at(1.2, on.MuteChosen(True)), 1.3), (None, 3.5)):
        talk = script(*events, *((end,) if end else ()), begin=HALF_DUPLEX, until=until)
        assert not talk.view.mic.is_on_air, end
        is_muted = end is not None and isinstance(end.what, on.MuteChosen)
        assert talk.of(CloseMic) == [at(0.4, CloseMic()), *([at(1.2, CloseMic(drop=True))] if is_muted else [])]


def spoken(*last: At[on.Event], start: bool = True) -> Events:
    """An answer audible from 0.2 to 1.9 with what is said about its end."""
    begun = (at(0.1, sound_started()),) if start else ()
    return (at(0.0, created()), *begun, at(0.2, heard()), at(1.9, fell_silent(1.9)), *last)


STOPPED = at(2.0, sound_stopped())
NEXT = (
    at(2.05, created("r2")),
    at(2.1, heard()),
    at(3.0, fell_silent(3.0)),
    at(3.9, heard()),
    at(9.0, fell_silent(9.0)),
)
REOPENINGS: list[tuple[str, list[float], float, Events]] = [
    ("stopped alone: 300 ms after the last audible sample", [2.2], 4, spoken(STOPPED)),
    ("cleared alone", [2.2], 4, spoken(at(2.0, sound_cleared()))),
    ("on WebRTC done needs 600 ms of silence", [2.5], 4, spoken(at(2.0, done()), start=False)),
    ("2 s without a sample, whatever was said", [3.9], 5, spoken(start=False)),
    ("a started that nothing follows", [3.3], 9, (at(1.0, sound_started()),)),
    ("a pause within the answer keeps the floor", [5.6], 9,
     (at(0.0, created()), at(0.2, heard()), at(1.0, fell_silent(1.0)), at(2.5, heard()), at(4.0, done()),
      at(5.0, fell_silent(5.0)))),
    ("done while audible opens nothing", [], 60, (at(0.0, created()), at(0.2, heard()), at(0.5, done()))),
    ("sound that comes back closes it again", [3.9, 7.0], 8,
     (*spoken(start=False), at(4.5, heard()), at(5.0, fell_silent(5.0)))),
    ("the tail of the jitter buffer after stopped delays it", [2.45], 4,
     (at(0.0, sound_started()), at(0.2, heard()), STOPPED, at(2.2, fell_silent(2.15)))),
    ("the next answer takes back the end of the one before", [9.6], 12,
     (*spoken(STOPPED), *NEXT, at(9.0, fell_silent(9.0)), at(9.0, done("r2")))),
    ("stopped of an older answer says nothing about this one", [], 2,
     (at(0.0, created("r2")), at(0.1, sound_started("r2")), at(0.5, heard()), at(0.8, fell_silent(0.8)),
      at(0.9, sound_stopped("r1")))),
    ("a stop key: after the usual echo", [1.3], 3, (at(0.0, created()), at(0.2, heard()), at(1.0, on.StopPressed()))),
]  # fmt: skip


@each(("name", "times", "until", "events"), REOPENINGS)
def test_r2_r3_when_the_mic_opens_again_and_that_nothing_else_happens(
    name: str, times: list[float], until: float, events: Events
) -> None:
    talk = script(*events, until=until)
    assert talk.of(OpenMic) == [at(time, OpenMic()) for time in times]
    assert talk.of(ResponseCreate, SessionUpdate) == []
    if not talk.state.microphone.is_open:
        assert talk.reason == OVER_IT


def test_r2_on_websocket_done_and_an_empty_queue_reopen() -> None:
    begin = opened(transport="WebSocket", barge_in=False)
    talk = script(*spoken(at(1.95, on.PlaybackEmptied(1)), at(2.0, done()), start=False), begin=begin, until=4.0)
    assert talk.of(OpenMic) == [at(2.2, OpenMic())]


def test_r2_no_reopen_delay_means_none() -> None:
    talk = script(*spoken(STOPPED), policy=TurnPolicy(reopen_delay=0.0), until=4.0)
    assert talk.of(OpenMic) == [at(2.0, OpenMic())]


def test_speech_within_the_reopening_delay_keeps_its_first_word() -> None:
    talk = script(*spoken(STOPPED), voice(2.05, 4.0)[0], until=3.0)
    assert talk.of(OpenMic) == [at(2.2, OpenMic(pre_roll=nearly(0.3)))]


@each(("began", "pre_roll"), [(1.95, 0.3), (1.85, 0.0)], ids=["after the last sample", "under the assistant"])
def test_the_pre_roll_begins_after_the_last_audible_sample_without_a_grant(began: float, pre_roll: float) -> None:
    talk = script(*spoken(STOPPED), begin=HALF_DUPLEX, until=2.19)
    talk.state = step(talk.state, on.VoiceBegan(began), 2.19, talk.policy).state
    assert step(talk.state, on.TimePassed(), 2.2, talk.policy).effects == (OpenMic(pre_roll=nearly(pre_roll)),)


@each(
    ("begin", "events", "reason"),
    [
        (State(), [], "not connected"),
        (opened(), [at(0.0, on.MuteChosen(True))], "muted by you"),
        (opened(), [at(0.0, on.PauseToggled())], "muted by you"),
        (opened(barge_in=False), [at(0.0, heard())], "assistant speaking"),
        (opened(turn_mode="push-to-talk"), [], "push-to-talk idle"),
        (opened(), [at(0.0, heard()), at(1.0, fell_silent(1.0)), at(1.05, sound_stopped())], "reopening"),
        (opened(), [at(0.0, on.DeviceLost("Mic", "unplugged"))], "device lost"),
        (opened(), [at(0.0, on.DeviceMissing("no input device"))], "no microphone"),
        (State(), [at(0.0, on.ConnectWanted()), at(0.5, on.LineOpened(1))], "configuring"),
    ],
)
def test_r4_every_closed_mic_has_one_visible_reason(begin: State, events: list[At[on.Event]], reason: str) -> None:
    talk = script(*events, begin=begin, until=1.1)
    assert talk.reason == reason
    assert not talk.state.microphone.is_open


EVERYTHING: list[list[At[on.Event]]] = [
    [at(1.0, heard()), at(2.0, fell_silent(2.0))],
    [at(1.0, on.TurnModeChosen("push-to-talk")), at(2.0, on.TalkPressed()), at(3.0, on.TurnModeChosen("hands-free"))],
    [at(1.0, on.PauseToggled()), at(2.0, on.PauseToggled())],
    [at(1.0, on.DeviceLost("Mic", "")), at(2.0, on.DeviceOpened("Mic", "Loudspeaker"))],
    [at(1.0, on.TalkPressed("mouse")), at(1.1, on.TalkPressed("control", 5.0))],
    [at(1.0, created()), at(1.1, sound_started()), at(1.5, sound_cleared())],
]


@each("events", EVERYTHING)
def test_r5_a_mute_closes_at_once_in_every_state_and_only_the_user_ends_it(events: list[At[on.Event]]) -> None:
    talk = script(at(0.0, on.MuteChosen(True)), *events)
    assert talk.of(OpenMic) == []
    assert talk.of(CloseMic)[0] == at(0.0, CloseMic(drop=True))
    assert talk.reason == "muted by you"
    late = script(*events, at(3.5, on.MuteChosen(True)))
    assert not late.state.microphone.is_open
    assert [one for one in late.of(OpenMic) if one.time >= 3.5] == []


def test_r5_unmuting_opens_without_a_word_of_what_was_said_while_muted() -> None:
    events = (at(0.0, on.MuteChosen(True)), at(5.0, on.MuteChosen(False)), at(5.1, on.TalkPressed()))
    talk = script(*events, begin=opened(turn_mode="push-to-talk", transport="WebSocket"), until=6.0)
    assert talk.of(OpenMic) == [at(5.1, OpenMic(pre_roll=nearly(0.1)))]


def test_r5_what_a_closed_mic_still_has_on_its_way_out_is_dropped_by_a_mute() -> None:
    events = (at(0.0, on.TalkPressed()), at(1.0, on.TalkReleased()), at(1.25, on.MuteChosen(True)))
    talk = script(*events, begin=opened(turn_mode="push-to-talk", transport="WebSocket"), until=3.0)
    assert talk.of(CloseMic) == [at(1.2, CloseMic()), at(1.25, CloseMic(drop=True))]


def test_r5_nothing_said_while_no_screen_is_attached_is_ever_sent() -> None:
    events = (at(1.0, on.TalkPressed()), at(2.0, on.AttendanceChanged(False)), at(5.0, on.AttendanceChanged(True)))
    again = at(5.1, on.TalkPressed())
    talk = script(*events, again, begin=opened(turn_mode="push-to-talk", transport="WebSocket"), until=6.0)
    assert talk.of(CloseMic) == [at(2.0, CloseMic(drop=True))]
    assert [one.what.pre_roll for one in talk.of(OpenMic)] == [nearly(0.3), nearly(0.1)]


def test_r26_a_flat_mic_is_told_once_per_device_and_so_is_its_end() -> None:
    events = (at(6.0, on.MicFlat(5.0)), at(7.0, on.MicLive()), at(20.0, on.MicFlat(5.0)), at(25.0, on.MicLive()))
    talk = script(*events, at(30.0, on.DeviceOpened("Other", "Loudspeaker")), at(40.0, on.MicFlat(5.0)))
    assert talk.notices == ["mic_flat", "mic_live", "mic_flat"]
    assert talk.state.microphone.told_flat == ("Mic", "Other")
    assert talk.state.microphone.flat_since == 35.0


def test_r26_a_silent_mic_that_is_lost_is_told_as_lost_and_back_and_not_as_live_too() -> None:
    events = (at(6.0, on.MicFlat(5.0)), at(7.0, on.DeviceLost("Mic", "")), at(7.5, on.MicLive()))
    talk = script(*events, at(8.0, on.DeviceOpened("Mic", "Loudspeaker")))
    assert talk.notices == ["mic_flat", "device_lost", "device_back"]


def test_a_lost_device_makes_no_sound() -> None:
    talk = script(at(1.0, heard()), at(2.0, on.DeviceLost("Mic", "")), at(3.0, on.DeviceOpened("Mic", "L")), until=9.0)
    assert not talk.state.playback.is_audible
    assert talk.reason == ""


def test_volume_is_kept_within_what_the_loudspeaker_can_do() -> None:
    talk = script(at(0.0, on.VolumeChosen(9.0)), at(1.0, on.VolumeChosen(float("nan"))), at(2.0, on.DeafenChosen(True)))
    assert [one.what for one in talk.of(SetVolume)] == [SetVolume(1.5), SetVolume(1.0), SetVolume(1.0, True)]


def test_pause_belongs_to_hands_free() -> None:
    talk = script(at(0.0, on.PauseToggled()), begin=opened(turn_mode="push-to-talk"))
    assert not talk.state.microphone.paused


SPOKE = (at(0.4, on.VoiceBegan(0.4)), at(1.0, on.VoiceEnded(0.9, 0.5, near_end=True)))
"""The user speaks over the first second of a response: too early to interrupt it."""


def spoken_over(seconds: float, *more: At[on.Event], speech: tuple[At[on.Event], ...] = SPOKE) -> Talk:
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
    talk = spoken_over(0.9, at(0.0, on.BargeInChosen(False)))
    assert talk.notices == ["speech_not_sent"]
    assert [one.what.pre_roll for one in talk.of(OpenMic)] == [0.0]


def test_speech_that_the_echo_explains_is_neither_sent_nor_told() -> None:
    talk = spoken_over(9.0, speech=(at(0.4, on.VoiceBegan(0.4)), at(1.0, on.VoiceEnded(0.9, 0.5))))
    assert talk.notices == [] and [one.what.pre_roll for one in talk.of(OpenMic)] == [0.0]


# The devices: told when they are lost or found, looking for it again when the user asks


MISSING, FOUND = on.DeviceMissing("no input device"), on.DeviceOpened("Yeti", "Speakers")
MOVED = on.DeviceOpened("Headset", "Headset", why="the system's default changed")
LOST = on.DeviceLost("Speakers", "the sound device stopped answering")
REMARK = on.SoundNoted("AirPods is the microphone. It sounds like a telephone · --mic chooses another", code="note")
DEVICES: list[tuple[str, Events, str, list[float], list[str]]] = [
    ("without a microphone r looks again", (at(0.0, MISSING), at(1.0, on.AgainPressed())), "no microphone", [1.0], []),
    ("r leaves a microphone that works alone", (at(1.0, on.AgainPressed()),), "", [], []),
    ("a microphone that turned up is used", (at(0.0, MISSING), at(1.0, FOUND)), "", [], []),
    ("a missing loudspeaker leaves the mic open", (at(0.0, on.DeviceMissing("no output device", "", "loudspeaker")),),
     "", [], ["Answers cannot be heard"]),
    ("a lost device is told once, and when sound is back", (at(1.0, LOST), at(1.1, LOST), at(1.5, FOUND)), "", [],
     ["Sound stopped: the sound device stopped answering .*you can choose another device.",
      "Sound is back: microphone Yeti, loudspeaker Speakers."]),
    ("a device that was chosen is not told", (at(1.0, FOUND),), "", [], []),
    ("devices that changed by themselves are told", (at(1.0, FOUND), at(1.5, MOVED)), "", [],
     ["The system's default changed: microphone Headset, loudspeaker Headset."]),
    ("a remark about a device", (at(1.0, REMARK),), "", [], [REMARK.text]),
]  # fmt: skip


@each(("name", "events", "reason", "looks", "notes"), DEVICES)
def test_device_changes_close_the_microphone_and_show_a_notice(
    name: str, events: Events, reason: str, looks: list[float], notes: list[str]
) -> None:
    talk = script(*events, until=2.0)
    assert (talk.reason, talk.times(OpenDevices), talk.state.microphone.is_open) == (reason, looks, not reason)
    told = [turn.text for turn in talk.turns if turn.who == "note"]
    assert len(told) == len(notes), told
    assert all(re.search(note, text) for note, text in zip(notes, told, strict=True)), told


def test_the_deck_is_told_how_echo_is_treated_from_now_on() -> None:
    changed = on.EchoChanged("echo cancelling off: half duplex", hears_over_playback=False)
    assert script(at(1.0, changed), until=2.0).state.microphone.echo == "echo cancelling off: half duplex"


# R6, R18: a press opens at once, a release sends the turn, a tap latches, and no accident leaves the mic open


WEBRTC = opened(turn_mode="push-to-talk")
WEBSOCKET = opened(turn_mode="push-to-talk", transport="WebSocket")
CONNECTING = State(choices=Choices(turn_mode="push-to-talk"))


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
    assert talk.effects == [
        at(1.0, InputAudioBufferClear(event_id="audio-1-1")),
        at(1.0, OpenMic(pre_roll=nearly(0.3))),
    ]


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
    assert talk.of(InputAudioBufferClear) == [at(1.0, InputAudioBufferClear(event_id="audio-1-1"))]
    assert talk.of(OpenMic) == [at(opens_at, OpenMic(pre_roll=nearly(pre_roll)))]
    assert talk.notices == []


def test_r6_release_closes_after_the_tail_and_commits_when_the_last_sample_has_left() -> None:
    talk = script(press(1.0), release(3.0), drained(3.35), begin=WEBSOCKET, until=9.0)
    assert talk.of(CloseMic) == [at(3.2, CloseMic())]
    assert talk.of(InputAudioBufferCommit) == [at(3.35, InputAudioBufferCommit(event_id="audio-1-2"))]
    assert talk.news(on.TurnSpoken) == [at(3.35, on.TurnSpoken("push-to-talk"))]


PRESSES: list[tuple[str, float, list[float], list[float], Events]] = [
    ("a commit does not wait for ever for the last sample", 9, [1.0, 3.2], [4.5], (press(1.0), release(3.0))),
    ("a second press ends a latch", 60, [1.0, 4.2], [4.3], (*TAP, press(4.0), release(4.1), drained(4.3))),
    ("a latch without a voice ends after 8 s and sends nothing", 20, [1.0, 9.1], [], TAP),
    ("a voice in the pre-roll of a latch is sent", 20, [1.0, 9.3], [10.6],
     (at(0.3, on.VoiceBegan(0.3)), at(0.9, on.VoiceEnded(0.8, 0.5)), *TAP)),
    ("a latch ended by hand is sent, voice or not", 20, [1.0, 4.2], [5.5], (*TAP, press(4.0))),
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
    assert (talk.times(OpenMic, CloseMic), talk.times(InputAudioBufferCommit)) == (mic, commits)


def test_r6_a_latch_without_a_voice_is_cleared_and_says_that_nothing_was_sent() -> None:
    talk = script(*TAP, begin=WEBSOCKET, until=20)
    assert talk.times(InputAudioBufferClear) == [1.0, 9.1]
    assert talk.news(on.TurnSpoken) == []
    assert [turn.text for turn in talk.turns] == [
        "No voice was detected for 8 s: the microphone closed, and nothing was sent."
    ]


def test_r6_a_press_interrupts_the_assistant_and_opens_during_its_sound() -> None:
    talk = script(*ANSWER, press(1.0), begin=WEBSOCKET, until=1.5)
    assert [type(one.what) for one in talk.effects][1:] == [
        do.SilencePlayback,
        say.ResponseCancel,
        InputAudioBufferClear,
        OpenMic,
    ]
    assert {one.time for one in talk.effects[1:]} == {1.0}
    on_webrtc = script(*ANSWER, at(0.5, done()), press(1.0), begin=WEBRTC, until=1.0)
    assert [type(one.what) for one in on_webrtc.effects][1:] == [
        do.SilencePlayback,
        say.OutputAudioBufferClear,
        InputAudioBufferClear,
    ]


def test_r6_no_repeat_within_800_ms_latches() -> None:
    talk = script(press(1.0), at(1.8, on.TalkTapped()), begin=WEBSOCKET, until=5.0)
    assert (talk.state.talk.latched_at, talk.reason) == (1.8, "")


def test_r6_repeats_of_a_held_key_change_nothing() -> None:
    talk = script(*(press(1.0 + 0.03 * count) for count in range(20)), begin=WEBSOCKET, until=3.0)
    assert len(talk.of(OpenMic)) == 1
    assert talk.state.talk.pressed_at == 1.0


def test_r6_a_press_before_the_last_turn_has_left_sends_that_turn_first() -> None:
    talk = script(press(1.0), release(3.0), press(3.3), begin=WEBSOCKET, until=4.0)
    assert [type(one.what) for one in talk.effects if one.time == 3.3] == [
        InputAudioBufferCommit,
        InputAudioBufferClear,
        OpenMic,
    ]


def test_r6_speech_before_the_line_is_kept_and_sent_first() -> None:
    talk = script(at(0.0, on.ConnectWanted()), press(1.0), line(3.0), begin=CONNECTING, until=4.0)
    assert talk.of(OpenMic) == [at(3.0, OpenMic(pre_roll=nearly(2.3)))]
    assert talk.of(InputAudioBufferClear) == []


def test_r6_speech_released_before_the_line_is_up_is_sent_all_the_same() -> None:
    events = (at(0.0, on.ConnectWanted()), press(1.0), release(2.5), line(3.0, "WebRTC"), drained(5.5))
    talk = script(*events, begin=CONNECTING, until=9.0)
    assert talk.times(OpenMic, CloseMic) == [3.0, 3.2]
    assert talk.times(InputAudioBufferCommit) == [5.5]


def test_r6_turn_behind_a_backlog_is_committed_after_its_last_sample() -> None:
    """9 s of kept speech leave as slowly as they were spoken: the next turn leaves 7 s late."""
    first = (at(0.0, on.ConnectWanted()), press(1.0), line(10.0, "WebRTC"))
    talk = script(*first, release(12.0), press(14.0), release(15.0), begin=CONNECTING, until=20.0)
    assert talk.times(OpenMic, CloseMic) == [10.0, 12.2, 14.3, 15.2]
    assert talk.times(InputAudioBufferCommit) == [14.0]
    assert mic_view(talk.state, 20.0, talk.policy).state == "tail"
    talk.at(22.7).tell(on.UplinkDrained())
    assert talk.times(InputAudioBufferCommit) == [14.0, 22.7]
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
    assert talk.of(InputAudioBufferCommit) == []
    assert talk.times(InputAudioBufferClear) == [1.0, 2.0]


def test_r6_another_turn_mode_ends_the_press() -> None:
    talk = script(press(1.0), at(2.0, on.TurnModeChosen("hands-free")), release(3.0), begin=WEBSOCKET, until=9.0)
    assert (talk.state.talk.pressed_at, talk.of(InputAudioBufferCommit)) == (None, [])


def test_r27_a_press_outlives_the_line_and_all_of_it_goes_over_the_next_one() -> None:
    lost = at(2.0, on.LineLost(1, "gone"))
    talk = script(press(1.0), lost, release(3.0), line(4.0, number=2), begin=WEBSOCKET, until=20.0)
    assert talk.of(OpenMic)[-1] == at(4.0, OpenMic(3.3, again=True))
    (committed_at,) = talk.times(InputAudioBufferCommit)
    assert committed_at > 4.0


def test_r27_a_turn_that_was_committed_into_a_dead_line_is_sent_again() -> None:
    lost = at(3.5, on.LineLost(1, "gone"))
    talk = script(press(1.0), release(2.0), drained(2.3), lost, line(3.7, number=2), begin=WEBSOCKET, until=20.0)
    assert [one.what.again for one in talk.of(OpenMic)] == [False, True]
    assert talk.of(OpenMic)[-1].what.pre_roll == pytest.approx(3.0)
    assert len(talk.of(InputAudioBufferCommit)) == 2


def test_r6_in_hands_free_a_press_interrupts_and_opens_and_commits_nothing() -> None:
    talk = script(*ANSWER, press(1.0), release(3.0), begin=opened(), until=9.0)
    assert talk.of(InputAudioBufferClear, InputAudioBufferCommit) == []
    assert (talk.times(OpenMic), talk.reason) == ([1.0], "")


def test_r6_what_a_press_kept_is_not_sent_by_a_later_opening() -> None:
    events = (press(1.0), release(2.0), at(5.0, created()), at(5.1, heard()), at(5.2, done()))
    assert [one for one in script(*events, begin=opened(), until=9.0).of(OpenMic) if one.what.pre_roll] == []


def test_r18_a_latch_that_is_ended_at_once_is_cleared() -> None:
    talk = script(*TAP, press(1.18), drained(1.5), begin=WEBSOCKET, until=9.0)
    assert talk.of(InputAudioBufferCommit) == []
    assert talk.times(InputAudioBufferClear) == [1.0, 1.5]


def test_r18_a_turn_that_no_open_mic_heard_is_not_committed() -> None:
    begin = replace(WEBSOCKET, microphone=replace(WEBSOCKET.microphone, lost_at=0.0))
    talk = script(press(1.0), release(3.0), drained(3.4), begin=begin, until=60.0)
    assert (talk.of(InputAudioBufferCommit), talk.state.talk.pressed_at) == ([], None)

"""R7, R9, R11: talking over the assistant cuts in, a cough does not, and noise that did is called noise."""

from __future__ import annotations

from tests.support.each import each
from tests.support.nearly import nearly
from tests.support.script import (
    At,
    Talk,
    answer,
    at,
    audio,
    committed,
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
    transcribed,
    voice,
    wire,
)
from voicechat.core import events as on
from voicechat.core.effects import AllowBargeIn, BeginPlayback, OpenMic, SilencePlayback
from voicechat.core.policy import PRESETS, TurnPolicy, policy_for
from voicechat.core.state import State
from voicechat.core.step import step
from voicechat.protocol.client_events import (
    ConversationItemTruncate,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
)
from voicechat.protocol.server_events import InputAudioBufferSpeechStarted, InputAudioBufferSpeechStopped

QUICK = policy_for(PRESETS["quick"])


def talk_over(began: float, ended: float, *more: At[on.Event], begin: State | None = None, until: float = 20.0) -> Talk:
    """A long answer, audible from 0.1 on, with somebody's voice over it."""
    events = sorted([*answer(until=15.0), *voice(began, ended), *more], key=lambda one: one.time)
    return script(*events, begin=begin, until=until)


def grants(talk: Talk) -> list[At[on.AnswerInterrupted]]:
    """When voice interrupted."""
    return [one for one in talk.news(on.AnswerInterrupted) if one.what.by == "barge-in"]


PUSH_TO_TALK = opened(turn_mode="push-to-talk")
GRANTS: list[tuple[str, float, float, list[float], tuple[At[on.Event], ...], State]] = [
    ("a cough is not an interruption", 3.0, 3.2, [], (), opened()),
    ("nobody interrupts a first syllable", 0.3, 1.25, [], (), opened()),
    ("a voice from before the response, once that has lasted", 0.05, 5.0, [1.3], (), opened()),
    ("not when barge-in is off", 3.0, 6.0, [], (at(1.0, on.BargeInChosen(False)),), opened()),
    ("not with a muted mic", 3.0, 6.0, [], (at(1.0, on.MuteChosen(True)),), opened()),
    ("not with a paused mic", 3.0, 6.0, [], (at(1.0, on.PauseToggled()),), opened()),
    ("not in push-to-talk", 3.0, 6.0, [], (), PUSH_TO_TALK),
    ("not by the voice of a held key", 3.0, 6.0, [], (at(3.1, on.TalkPressed()),), PUSH_TO_TALK),
]


@each(("name", "began", "ended", "granted", "more", "begin"), GRANTS)
def test_r7_when_a_voice_over_the_response_interrupts_it(
    name: str, began: float, ended: float, granted: list[float], more: tuple[At[on.Event], ...], begin: State
) -> None:
    talk = talk_over(began, ended, *more, begin=begin)
    assert [one.time for one in grants(talk)] == granted
    if more or begin is PUSH_TO_TALK:
        assert AllowBargeIn(True) not in [one.what for one in talk.effects]


def test_r7_a_sentence_cuts_in_after_250_ms_with_everything_from_before_it() -> None:
    talk = talk_over(3.0, 5.0)
    assert grants(talk) == [at(3.25, on.AnswerInterrupted("barge-in", nearly(0.55)))]
    assert talk.of(OpenMic) == [at(3.25, OpenMic(pre_roll=nearly(0.55 + talk.policy.late_notice)))]
    assert talk.of(SilencePlayback) == [at(3.25, SilencePlayback(1))]


def test_r7_the_core_grants_no_interruption_by_itself_for_a_short_voice() -> None:
    talk = script(*answer(until=15.0)[:3], until=3.0)
    talk.state = step(talk.state, on.VoiceBegan(2.9), 3.0, talk.policy).state
    for now in (3.15, 3.2, 3.5):
        result = step(talk.state, on.TimePassed(), now, talk.policy)
        assert result.announced == ()
        talk.state = result.state


def test_r7_without_an_echo_canceller_voice_cannot_cut_in_and_the_mic_says_so() -> None:
    deaf = at(0.0, on.EchoChanged("no echo canceller here: half duplex", hears_over_playback=False))
    talk = script(deaf, *answer(until=15.0), *voice(3.0, 5.0), until=6.0)
    assert grants(talk) == []
    assert AllowBargeIn(True) not in [one.what for one in talk.effects]
    assert talk.reason == "assistant speaking"


@each(
    ("heard_echo", "cure"),
    [
        (on.SelfEchoHeard(-18.2, 0.14, 0.0, "headphones"), "turn echo cancelling on"),
        (on.SelfEchoHeard(-18.2, 0.14, 0.0, "shut"), "turn echo cancelling on"),
        (
            on.SelfEchoHeard(-18.2, 0.14, 12.0, "cancelled"),
            "turn the loudspeaker down, use headphones, or half duplex (b)",
        ),
        (on.SelfEchoHeard(-18.2, 0.55, 3.0, "cancelled"), "too long for echo cancelling"),
    ],
)
def test_a_loudspeaker_that_triggers_the_voice_detection_is_named_with_its_cure(
    heard_echo: on.SelfEchoHeard, cure: str
) -> None:
    talk = script(at(1.0, heard_echo))
    (notice,) = talk.news(on.Noticed)
    assert cure in notice.what.text
    assert "\N{MINUS SIGN}18 dB" in notice.what.text
    assert "ms late" in notice.what.text
    assert talk.effects == []


def test_r7_the_audio_callback_may_grant_once_the_answer_has_lasted() -> None:
    talk = script(*answer(until=3.0), until=9.0)
    assert talk.of(AllowBargeIn) == [at(1.3, AllowBargeIn(True)), at(3.6, AllowBargeIn(False))]


def test_r7_an_answer_that_goes_on_after_a_long_pause_may_be_interrupted_at_once() -> None:
    events = [at(0.0, created()), at(0.1, heard()), at(3.0, fell_silent(3.0)), at(6.0, heard()), at(9.0, created("r2"))]
    allowed = [(1.3, True), (5.0, False), (6.0, True)]
    talk = script(*events, until=8.0)
    assert talk.of(AllowBargeIn) == [at(time, AllowBargeIn(is_allowed)) for time, is_allowed in allowed]


def test_r7_the_first_syllable_of_the_next_answer_is_not_interrupted() -> None:
    events = [*answer(until=3.0), *answer("r2", since=6.0, until=9.0)]
    talk = script(*events, until=12.0)
    assert [one.time for one in talk.of(AllowBargeIn) if one.what.allowed] == [1.3, nearly(7.3)]


def test_r7_what_the_callback_granted_is_carried_out_once() -> None:
    events = (*answer(until=15.0)[:3], at(3.0, on.VoiceBegan(3.0)), at(3.2, on.BargeInHappened(2.95)))
    talk = script(*events, until=6.0)
    assert grants(talk) == [at(3.2, on.AnswerInterrupted("barge-in", nearly(0.55)))]
    assert talk.of(AllowBargeIn)[-1] == at(3.2, AllowBargeIn(False))


def test_r7_a_grant_just_after_the_end_keeps_the_next_response_audible() -> None:
    events = (
        at(0.0, created()),
        at(0.1, heard()),
        at(1.9, done()),
        at(2.0, fell_silent(2.0)),
        at(2.0, sound_stopped()),
    )
    granted = (at(2.2, on.BargeInHappened(1.9)), at(2.2, on.PlaybackFlushed(1)))
    talk = script(*events, *granted, at(3.0, created("r2")), at(3.1, heard()), until=4.0)
    assert talk.times(OpenMic)[:1] == [2.2]
    assert talk.of(BeginPlayback) == [at(0.0, BeginPlayback(1)), at(2.2, BeginPlayback(2)), at(3.0, BeginPlayback(3))]
    assert talk.state.playback.is_audible and talk.of(ResponseCancel) == []


def test_stop_while_idle_keeps_the_next_response_audible() -> None:
    idle = (at(3.0, on.StopPressed()), at(3.01, on.PlaybackFlushed(1)))
    talk = script(*answer(until=2.0), *idle, at(4.0, created("r2")), at(4.1, heard()), until=5.0)
    assert talk.of(SilencePlayback) == []
    assert talk.of(BeginPlayback)[-2:] == [at(3.01, BeginPlayback(2)), at(4.0, BeginPlayback(3))]
    assert talk.state.playback.is_audible


def test_a_flush_applied_before_the_key_is_known_ends_the_answer_once() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(1.0, on.PlaybackFlushed(1)), at(1.02, on.StopPressed()))
    talk = script(*events, until=2.0)
    assert [one.what.by for one in talk.news(on.AnswerInterrupted)] == ["you"]
    assert len(talk.of(ResponseCancel)) == 1


def test_r7_under_quick_the_server_interrupts() -> None:
    events = (*answer(until=9.0)[:3], *voice(3.0, 6.0))
    assert grants(script(*events, begin=opened(policy=QUICK), policy=QUICK)) == []


def test_r8_a_grant_or_the_stop_key_silences_then_cancels_then_clears() -> None:
    events = (at(0.0, created()), at(0.1, heard()), *voice(3.0, 5.0), at(5.1, done(status="cancelled")))
    talk = script(*events, until=9.0)
    kinds = [type(one.what) for one in talk.effects if one.time == 3.25]
    assert kinds[:3] == [SilencePlayback, ResponseCancel, OutputAudioBufferClear]
    assert OpenMic in kinds[3:]
    assert talk.state.responses.last_ended_by == "barge-in"  # R16
    stopped = script(at(0.0, created()), at(0.1, heard()), at(0.3, on.StopPressed()), until=1.0)
    assert [type(one.what) for one in stopped.effects if one.time == 0.3] == kinds[:3]


def test_r8_stop_with_nothing_to_stop_does_nothing() -> None:
    assert script(at(1.0, on.StopPressed())).effects == []


def test_r8_late_sound_of_the_cancelled_answer_does_not_close_the_mic_again() -> None:
    talk = talk_over(3.0, 5.0, at(3.3, heard()), at(3.4, fell_silent(3.35)))
    assert talk.times(OpenMic) == [3.25]
    assert talk.state.microphone.is_open


def test_r8_the_loudspeaker_plays_again_when_the_next_answer_begins() -> None:
    talk = talk_over(3.0, 5.0, at(7.0, created("r2")), at(7.2, heard()))
    assert talk.of(BeginPlayback)[-1] == at(7.0, BeginPlayback(2))
    assert not talk.state.playback.is_flushed


def test_r9_cleared_by_the_server_flushes_at_once_on_webrtc() -> None:
    talk = script(at(0.0, created()), at(0.1, heard()), at(2.0, sound_cleared()), at(2.1, done(status="cancelled")))
    assert talk.news(on.AnswerInterrupted) == [at(2.0, on.AnswerInterrupted("server"))]
    assert [type(one.what) for one in talk.effects if one.time == 2.0][:1] == [SilencePlayback]
    assert talk.of(ResponseCancel) == []


def test_r9_cancelled_by_turn_detection_flushes_and_truncates_on_websocket() -> None:
    events = (at(0.0, created()), at(0.0, audio("i1", 5.0)), at(0.1, heard()))
    end = at(2.1, done(status="cancelled", reason="turn_detected"))
    talk = script(*events, end, begin=opened(transport="WebSocket"), until=3.0)
    assert talk.news(on.AnswerInterrupted) == [at(2.1, on.AnswerInterrupted("server"))]
    assert talk.of(SilencePlayback) == [at(2.1, SilencePlayback(1))]
    assert [one.what.audio_end_ms for one in talk.of(ConversationItemTruncate)] == [2000]
    assert talk.state.responses.last_ended_by == "server"


def test_r9_speech_started_flushes_under_quick_only() -> None:
    events = (at(0.0, created()), at(0.1, sound_started()), at(0.2, heard()))
    speech = at(2.0, wire(InputAudioBufferSpeechStarted(item_id="u1")))
    quick = script(*events, speech, begin=opened(policy=QUICK), policy=QUICK, until=3.0)
    assert quick.of(SilencePlayback) == [at(2.0, SilencePlayback(1))]
    assert script(*events, speech, until=3.0).of(SilencePlayback) == []


def test_r9_the_answer_to_our_own_clear_is_no_second_interruption() -> None:
    events = (at(0.0, created()), at(0.1, heard()), at(2.0, on.StopPressed()), at(2.1, sound_cleared()))
    talk = script(*events, at(2.15, done(status="cancelled", reason="turn_detected")))
    assert [one.what.by for one in talk.news(on.AnswerInterrupted)] == ["you"]
    assert talk.state.responses.last_ended_by == "you"


def test_r11_a_grant_without_words_or_further_voice_is_called_noise() -> None:
    talk = talk_over(3.0, 3.3)
    assert talk.news(on.FalseAlarm) == [at(4.3, on.FalseAlarm(3.25))]
    assert talk.notices == ["false_alarm"]
    assert talk.state.voice.false_alarms == 1
    cut = [turn for turn in talk.state.conversation.turns if turn.cut is not None]
    assert cut and cut[0].false_alarm


@each(
    ("ended", "more", "alarms"),
    [
        (3.3, (at(4.0, transcribed("u1", "stop")),), 0),
        (3.3, (at(4.0, transcribed("u1", " .")),), 1),
        (4.5, (), 0),
        (3.6, (), 0),
        (3.3, (at(4.0, on.VoiceBegan(4.0)), at(4.8, on.VoiceEnded(4.8, 0.8))), 0),
    ],
    ids=["words", "no words", "voice goes on", "voice goes on a little", "further voice within a second"],
)
def test_r11_words_or_further_voice_make_it_an_interruption(
    ended: float, more: tuple[At[on.Event], ...], alarms: int
) -> None:
    assert len(talk_over(3.0, ended, *more).news(on.FalseAlarm)) == alarms


def test_the_numbers_are_the_policys() -> None:
    policy = TurnPolicy(min_playback=0.0, min_voice=0.5, pre_roll=0.2)
    events = (*answer(until=9.0)[:3], *voice(0.3, 3.0))
    talk = script(*events, policy=policy, until=2.0)
    assert grants(talk) == [at(0.8, on.AnswerInterrupted("barge-in", nearly(0.7)))]


# R17, R19: fragments become one turn, a lone "yes" is a turn, a click is none, and the server's turns are its own


LOCAL = opened(local_detection=True)
WAITS_FOR_US = TurnPolicy(commit_after_stop=2.0)


def test_r17_fragments_make_one_commit() -> None:
    events = (*voice(1.0, 1.3), *voice(1.8, 2.1), *voice(2.6, 3.0))
    talk = script(*events, begin=LOCAL)
    assert talk.of(InputAudioBufferCommit) == [at(3.5, InputAudioBufferCommit(event_id="audio-1-1"))]
    assert talk.news(on.TurnSpoken) == [at(3.5, on.TurnSpoken("local"))]
    assert talk.of(InputAudioBufferClear) == []


@each(
    ("events", "commits", "clears"),
    [
        (voice(1.0, 3.0), [3.5], []),
        (voice(1.0, 1.4), [2.6], []),
        (voice(1.0, 1.1), [], [1.6]),
        ((*voice(1.0, 3.0), *voice(10.0, 10.1)), [3.5], [10.6]),
        ((at(0.0, created()), at(0.5, heard()), *voice(3.0, 5.0)), [5.5], []),
    ],
    ids=["a sentence", "a lone yes", "a click", "each turn begins anew", "a barge-in"],
)
def test_r17_a_turn_is_committed_after_its_silence_and_a_click_is_cleared(
    events: tuple[At[on.Event], ...], commits: list[float], clears: list[float]
) -> None:
    talk = script(*events, begin=LOCAL)
    assert (talk.times(InputAudioBufferCommit), talk.times(InputAudioBufferClear)) == (commits, clears)


def test_r17_voice_that_the_closed_mic_kept_is_no_turn() -> None:
    begin = opened(local_detection=True, barge_in=False)
    talk = script(at(0.0, created()), at(0.5, heard()), *voice(1.0, 3.0), begin=begin)
    assert talk.of(InputAudioBufferCommit) == []


def test_r19_when_the_server_detects_turns_nothing_is_committed() -> None:
    events = (
        *voice(1.0, 3.0),
        at(3.1, wire(InputAudioBufferSpeechStarted(item_id="u1"))),
        at(3.5, wire(InputAudioBufferSpeechStopped(item_id="u1"))),
        at(3.6, committed("u1")),
        at(4.0, transcribed("u1", "hello")),
    )
    assert script(*events).of(InputAudioBufferCommit, InputAudioBufferClear) == []


def test_r19_a_provider_that_waits_for_the_client_gets_one_commit() -> None:
    stopped = at(3.0, wire(InputAudioBufferSpeechStopped(item_id="u1")))
    talk = script(stopped, policy=WAITS_FOR_US)
    assert talk.of(InputAudioBufferCommit) == [at(5.0, InputAudioBufferCommit(event_id="audio-1-1"))]


def test_r19_speech_that_stopped_before_the_settings_are_in_force_is_committed_then() -> None:
    stopped = at(0.2, wire(InputAudioBufferSpeechStopped(item_id="u1")))
    line = (at(0.0, on.ConnectWanted()), at(0.1, on.LineOpened(1)), stopped)
    talk = script(*line, policy=WAITS_FOR_US, begin=State(), until=20.0)  # raises for a deadline that comes again
    assert talk.times(InputAudioBufferCommit) == [7.1]  # when the settings count as in force


def test_r19_not_when_it_commits_or_hears_more() -> None:
    stopped = at(3.0, wire(InputAudioBufferSpeechStopped(item_id="u1")))
    assert script(stopped, at(4.0, committed("u1")), policy=WAITS_FOR_US).of(InputAudioBufferCommit) == []
    more = at(4.0, wire(InputAudioBufferSpeechStarted(item_id="u1")))
    assert script(stopped, more, policy=WAITS_FOR_US).of(InputAudioBufferCommit) == []


def test_r15_an_empty_commit_is_no_turn_to_wait_for() -> None:
    events = (*voice(1.0, 3.0), at(3.7, refused("input_audio_buffer_commit_empty")))
    talk = script(*events, begin=LOCAL)
    assert not talk.state.segment.awaiting_item
    assert talk.notices == []


LOST, BACK = at(1.0, on.LineLost(1, "gone")), on.LineOpened(2, configured=True)
GAPS: list[tuple[str, tuple[At[on.Event], ...], float, float]] = [
    # The voice began 3 s before the line was up and leaves as fast as it was spoken: its end, so much later.
    ("said in the gap", (LOST, *voice(2.0, 4.0), at(5.0, BACK)), 5.0 + 2.0 + 0.5, 4.0 + 3.0 + 1.0),
    ("heard half by the lost line",
     (at(1.0, on.VoiceBegan(1.0)), at(2.0, LOST.what), at(2.4, on.VoiceEnded(2.4, 1.4)), at(3.0, BACK)),
      3.0 + 1.4 + 0.5, 40.0),
    ("goes on when the line is back: one turn",
     (LOST, at(2.0, on.VoiceBegan(2.0)), at(3.0, BACK), at(5.0, on.VoiceEnded(5.0, 3.0))), 5.0 + 1.0 + 0.5, 40.0),
    ("before a mute in the gap", (LOST, *voice(2.0, 4.0), at(4.2, on.MuteChosen(True)), at(6.0, BACK)), 6.0 + 2.0 + 0.5,
     40.0),
]  # fmt: skip


def commits(*events: At[on.Event]) -> list[float]:
    return script(*events, begin=LOCAL, until=40.0).times(InputAudioBufferCommit)


@each(("name", "events", "earliest", "latest"), GAPS)
def test_r27_speech_a_lost_connection_missed_is_committed_once_after_it_was_sent(
    name: str, events: tuple[At[on.Event], ...], earliest: float, latest: float
) -> None:
    (committed_at,) = commits(*events)
    assert earliest <= committed_at <= latest


def test_r27_a_turn_that_was_committed_to_the_dead_line_is_committed_again() -> None:
    first, again = commits(*voice(1.0, 2.0), at(2.9, LOST.what), at(3.4, BACK))
    assert first == 2.5 and again >= 3.4 + 1.0 + 0.5


def test_r27_turns_after_a_gap_commit_in_time_and_a_silent_gap_commits_nothing() -> None:
    assert commits(LOST, *voice(2.0, 4.0), at(5.0, BACK), *voice(20.0, 22.0))[1] == 22.5
    assert commits(LOST, at(5.0, BACK)) == []

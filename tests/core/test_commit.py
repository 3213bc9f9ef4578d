"""R17, R19: fragments become one turn, a lone "yes" is a turn, a click is none, and the server's turns are its own."""

from __future__ import annotations

from tests.support.each import each
from tests.support.script import At, at, committed, created, heard, opened, refused, script, transcribed, voice, wire
from voicechat.core import events as on
from voicechat.core.effects import ClearInput, CommitInput
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import State
from voicechat.protocol.server_events import InputAudioBufferSpeechStarted, InputAudioBufferSpeechStopped

LOCAL = opened(local_detection=True)
WAITS_FOR_US = TurnPolicy(commit_after_stop=2.0)


def test_r17_fragments_make_one_commit() -> None:
    events = (*voice(1.0, 1.3), *voice(1.8, 2.1), *voice(2.6, 3.0))
    talk = script(*events, begin=LOCAL)
    assert talk.of(CommitInput) == [at(3.5, CommitInput("audio-1-1"))]
    assert talk.news(on.TurnSpoken) == [at(3.5, on.TurnSpoken("local"))]
    assert talk.of(ClearInput) == []


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
    assert (talk.times(CommitInput), talk.times(ClearInput)) == (commits, clears)


def test_r17_voice_that_the_closed_mic_kept_is_no_turn() -> None:
    begin = opened(local_detection=True, barge_in=False)
    talk = script(at(0.0, created()), at(0.5, heard()), *voice(1.0, 3.0), begin=begin)
    assert talk.of(CommitInput) == []


def test_r19_when_the_server_detects_turns_nothing_is_committed() -> None:
    events = (
        *voice(1.0, 3.0),
        at(3.1, wire(InputAudioBufferSpeechStarted(item_id="u1"))),
        at(3.5, wire(InputAudioBufferSpeechStopped(item_id="u1"))),
        at(3.6, committed("u1")),
        at(4.0, transcribed("u1", "hello")),
    )
    assert script(*events).of(CommitInput, ClearInput) == []


def test_r19_a_provider_that_waits_for_the_client_gets_one_commit() -> None:
    stopped = at(3.0, wire(InputAudioBufferSpeechStopped(item_id="u1")))
    talk = script(stopped, policy=WAITS_FOR_US)
    assert talk.of(CommitInput) == [at(5.0, CommitInput("audio-1-1"))]


def test_r19_speech_that_stopped_before_the_settings_are_in_force_is_committed_then() -> None:
    stopped = at(0.2, wire(InputAudioBufferSpeechStopped(item_id="u1")))
    line = (at(0.0, on.ConnectWanted()), at(0.1, on.LineOpened(1)), stopped)
    talk = script(*line, policy=WAITS_FOR_US, begin=State(), until=20.0)  # raises for a deadline that comes again
    assert talk.times(CommitInput) == [7.1]  # when the settings count as in force


def test_r19_not_when_it_commits_or_hears_more() -> None:
    stopped = at(3.0, wire(InputAudioBufferSpeechStopped(item_id="u1")))
    assert script(stopped, at(4.0, committed("u1")), policy=WAITS_FOR_US).of(CommitInput) == []
    more = at(4.0, wire(InputAudioBufferSpeechStarted(item_id="u1")))
    assert script(stopped, more, policy=WAITS_FOR_US).of(CommitInput) == []


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
    return script(*events, begin=LOCAL, until=40.0).times(CommitInput)


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

"""R17, R19: fragments become one turn, a lone "yes" is a turn, a click is none, and the server's turns are its own."""

from __future__ import annotations

from tests.support.script import at, committed, created, heard, opened, refused, script, transcribed, voice, wire
from voicechat.core.effects import ClearInput, CommitInput
from voicechat.core.events import TurnSpoken
from voicechat.core.policy import TurnPolicy
from voicechat.protocol.server_events import InputAudioBufferSpeechStarted, InputAudioBufferSpeechStopped

LOCAL = opened(local_detection=True)
WAITS_FOR_US = TurnPolicy(commit_after_stop=2.0)


def test_r17_fragments_make_one_commit() -> None:
    events = (*voice(1.0, 1.3), *voice(1.8, 2.1), *voice(2.6, 3.0))
    talk = script(*events, begin=LOCAL)
    assert talk.of(CommitInput) == [at(3.5, CommitInput("audio-1-1"))]
    assert talk.said(TurnSpoken) == [at(3.5, TurnSpoken("local"))]
    assert talk.of(ClearInput) == []


def test_r17_a_sentence_is_committed_after_half_a_second_of_silence() -> None:
    assert [one.time for one in script(*voice(1.0, 3.0), begin=LOCAL).of(CommitInput)] == [3.5]


def test_r17_a_lone_yes_is_a_turn_when_nothing_follows() -> None:
    assert [one.time for one in script(*voice(1.0, 1.4), begin=LOCAL).of(CommitInput)] == [2.6]


def test_r17_a_click_is_cleared() -> None:
    talk = script(*voice(1.0, 1.1), begin=LOCAL)
    assert talk.of(CommitInput) == []
    assert [one.time for one in talk.of(ClearInput)] == [1.6]


def test_r17_each_turn_begins_anew() -> None:
    talk = script(*voice(1.0, 3.0), *voice(10.0, 10.1), begin=LOCAL)
    assert len(talk.of(CommitInput)) == 1
    assert len(talk.of(ClearInput)) == 1


def test_r17_voice_that_the_closed_mic_kept_is_no_turn() -> None:
    begin = opened(local_detection=True, barge_in=False)
    talk = script(at(0.0, created()), at(0.5, heard()), *voice(1.0, 3.0), begin=begin)
    assert talk.of(CommitInput) == []


def test_r17_a_barge_in_is_a_turn() -> None:
    talk = script(at(0.0, created()), at(0.5, heard()), *voice(3.0, 5.0), begin=LOCAL)
    assert [one.time for one in talk.of(CommitInput)] == [5.5]


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

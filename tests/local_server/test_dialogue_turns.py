"""A user's turn, from voice to a committed item with its words, and the answer that follows."""

from __future__ import annotations

from tests.local_server.dialogue_talk import Talk, code_of, events, names
from voicechat.local_server.answer import Finished
from voicechat.local_server.conversation import Recognise, Reply
from voicechat.local_server.responses import STILL_THERE
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    ResponseCreated,
    SessionCreated,
)

TURN = [
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
MANUAL = {"turn_detection": None}


def test_a_session_begins_with_its_whole_configuration() -> None:
    talk = Talk()
    session = talk.one(SessionCreated, talk.outs).session
    assert session["object"] == "realtime.session" and session["model"] == "test"
    audio = session["audio"]
    assert isinstance(audio, dict) and isinstance(heard := audio["input"], dict)
    assert heard["transcription"] is None
    assert heard["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


def test_a_spoken_turn_is_committed_transcribed_and_answered_in_that_order() -> None:
    talk = Talk()
    talk.listen()
    outs = talk.user_says("What time is it?")
    completed = "conversation.item.input_audio_transcription.completed"
    delta = "conversation.item.input_audio_transcription.delta"
    assert events(outs) == ["input_audio_buffer.speech_started", *TURN, delta, completed, "response.created"]
    ids = {
        talk.last(InputAudioBufferSpeechStarted).item_id,
        talk.last(InputAudioBufferSpeechStopped).item_id,
        talk.last(InputAudioBufferCommitted).item_id,
        talk.last(ConversationItemInputAudioTranscriptionCompleted).item_id,
    }
    assert len(ids) == 1
    assert talk.last(Reply).turn is not None and talk.last(Reply).turn.text == "What time is it?"  # type: ignore[union-attr]


def test_the_times_of_a_turn_are_positions_in_the_sound_with_padding_and_silence() -> None:
    talk = Talk()
    talk.silence(2.0)
    talk.voice(1.0)
    talk.silence(0.6)
    start, end = talk.last(InputAudioBufferSpeechStarted), talk.last(InputAudioBufferSpeechStopped)
    assert start.audio_start_ms is not None and end.audio_end_ms is not None
    assert abs(start.audio_start_ms - (2000 - 300)) <= 64
    assert abs(end.audio_end_ms - (3000 + 500)) <= 64


def test_recognition_starts_before_the_turn_is_over() -> None:
    talk = Talk()
    talk.voice(1.0)
    assert "Recognise" in names(talk.silence(0.25))
    talk.recognise("Hello.")
    assert "Reply" in names(talk.silence(0.35))
    assert len(talk.all(Recognise)) == 1


def test_words_said_after_a_short_pause_are_recognised_again_with_the_rest() -> None:
    talk = Talk()
    talk.voice(0.5)
    talk.silence(0.25)
    talk.recognise("Twelve times")
    talk.voice(0.5)
    talk.silence(0.6)
    assert len(talk.all(Recognise)) == 2
    assert not talk.all(Reply)
    talk.recognise("Twelve times seven.")
    turn = talk.last(Reply).turn
    assert turn and turn.text == "Twelve times seven."


def test_no_transcription_is_sent_unless_it_was_asked_for() -> None:
    talk = Talk()
    outs = talk.user_says("Hello.")
    assert not [name for name in events(outs) if "transcription" in name]
    assert "Reply" in names(outs)


def test_a_cough_makes_an_item_but_no_answer() -> None:
    talk = Talk()
    talk.listen()
    outs = talk.user_says("")
    assert talk.one(ConversationItemInputAudioTranscriptionCompleted, outs).transcript == ""
    assert not talk.all(ResponseCreated)


def test_live_captions_show_what_two_guesses_agree_on_then_the_transcript() -> None:
    talk = Talk()
    talk.listen()
    talk.voice(1.0)
    wanted = talk.dialogue.listening.wants_partial()
    assert wanted and len(wanted.samples) >= 15_000
    for guess in ("What", "What time", "What time is it"):
        talk.dialogue.listening.recognised_partly(wanted.item_id, guess)
        talk.take()
    talk.silence(0.25)
    talk.recognise("What time is it in Rome?")
    talk.silence(0.35)
    deltas = [delta.delta for delta in talk.all(ConversationItemInputAudioTranscriptionDelta)]
    assert deltas == ["What", " time", " is it in Rome?"]
    assert talk.last(ConversationItemInputAudioTranscriptionCompleted).transcript == "".join(deltas)


def test_a_failed_recognition_is_told_in_its_place_and_not_as_an_error() -> None:
    talk = Talk()
    talk.listen()
    talk.voice(1.0)
    talk.silence(0.6)
    asked = talk.last(Recognise)
    talk.dialogue.listening.recognition_failed(asked.item_id, "broken")
    outs = talk.take()
    assert talk.one(ConversationItemInputAudioTranscriptionFailed, outs).item_id == asked.item_id
    assert "error" not in events(outs)


def test_without_create_response_a_turn_is_only_written_down() -> None:
    talk = Talk()
    talk.listen(turn_detection={"type": "server_vad", "create_response": False})
    talk.user_says("Hello.")
    assert not talk.all(ResponseCreated)
    talk.send("response.create")
    assert talk.last(Reply).turn.text == "Hello."  # type: ignore[union-attr]


def test_a_longer_silence_setting_waits_longer() -> None:
    talk = Talk()
    talk.listen(turn_detection={"type": "server_vad", "silence_duration_ms": 1200})
    talk.voice(1.0)
    assert "input_audio_buffer.speech_stopped" not in events(talk.silence(1.0))
    assert "input_audio_buffer.speech_stopped" in events(talk.silence(0.3))


def test_an_eager_semantic_detection_ends_a_turn_sooner_than_a_patient_one() -> None:
    ends = []
    for eagerness in ("high", "low"):
        talk = Talk()
        talk.listen(turn_detection={"type": "semantic_vad", "eagerness": eagerness})
        talk.voice(1.0)
        talk.silence(3.0)
        ends.append(talk.last(InputAudioBufferSpeechStopped).audio_end_ms or 0)
    assert ends[0] < ends[1]


def test_a_manual_commit_makes_the_item_and_a_later_create_waits_for_its_words() -> None:
    talk = Talk()
    talk.listen(**MANUAL)
    assert not events([*talk.voice(1.0), *talk.silence(0.1)])
    outs = talk.send("input_audio_buffer.commit")
    assert events(outs) == TURN[1:]
    assert "Reply" not in names(talk.send("response.create"))
    outs = talk.recognise("Hello.")
    assert "conversation.item.input_audio_transcription.completed" in events(outs)
    assert talk.one(Reply, outs).turn.text == "Hello."  # type: ignore[union-attr]


def test_words_recognised_in_a_pause_need_no_second_recognition_at_a_manual_commit() -> None:
    talk = Talk()
    talk.listen(**MANUAL)
    talk.voice(1.0)
    talk.silence(1.0)
    talk.recognise("Hello.")
    outs = talk.send("input_audio_buffer.commit")
    assert talk.one(ConversationItemInputAudioTranscriptionCompleted, outs).transcript == "Hello."
    assert len(talk.all(Recognise)) == 1


def test_a_commit_of_less_than_100_ms_is_refused_with_the_clients_event_id() -> None:
    talk = Talk()
    talk.listen(**MANUAL)
    talk.voice(0.064)
    outs = talk.send("input_audio_buffer.commit", event_id="tap")
    assert code_of(outs) == "input_audio_buffer_commit_empty"
    assert outs[0].error.event_id == "tap"  # type: ignore[union-attr]


def test_a_clear_forgets_what_was_heard() -> None:
    talk = Talk()
    talk.listen(**MANUAL)
    talk.voice(1.0)
    assert events(talk.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert code_of(talk.send("input_audio_buffer.commit")) == "input_audio_buffer_commit_empty"


def test_with_turn_detection_a_commit_between_turns_finds_an_empty_buffer() -> None:
    talk = Talk()
    talk.silence(3.0)
    assert code_of(talk.send("input_audio_buffer.commit")) == "input_audio_buffer_commit_empty"


def test_items_are_chained_by_the_item_before_them() -> None:
    talk = Talk()
    talk.user_says("One.")
    talk.answer("Two.")
    talk.user_says("Three.")
    added = talk.all(ConversationItemAdded)
    assert added[0].previous_item_id is None
    assert [item.previous_item_id for item in added[1:]] == [item.item.id for item in added[:-1]]


def test_the_idle_timeout_speaks_once_after_the_last_answer_has_been_heard() -> None:
    talk = Talk()
    talk.listen(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000})
    assert not talk.wait(60.0)
    talk.user_says("Hello.")
    talk.answer("Hi there.", seconds=2.0)
    assert not talk.wait(6.5)
    outs = talk.wait(0.6)
    assert events(outs)[:2] == ["input_audio_buffer.timeout_triggered", "input_audio_buffer.committed"]
    assert talk.one(InputAudioBufferTimeoutTriggered, outs).item_id == talk.last(InputAudioBufferCommitted).item_id
    assert talk.one(Reply, outs).preamble == STILL_THERE
    assert not talk.wait(10.0)


def test_a_transcription_session_writes_down_and_never_answers() -> None:
    talk = Talk(session={"type": "transcription", "audio": {"input": {"transcription": {"model": "m"}}}})
    outs = talk.user_says("Hello.")
    assert "conversation.item.input_audio_transcription.completed" in events(outs)
    assert not talk.all(Reply)
    assert code_of(talk.send("response.create")) == "invalid_value"


def test_an_interrupted_users_sentence_is_answered_together_with_what_follows() -> None:
    talk = Talk()
    talk.user_says("Twelve times")
    talk.voice(0.5)
    talk.silence(0.25)
    talk.recognise("seven.")
    talk.silence(0.35)
    turn = talk.last(Reply).turn
    assert turn and turn.text == "Twelve times seven."


def test_another_language_is_answered_with_one_sentence_and_the_cure_once() -> None:
    talk = Talk()
    for _ in range(2):
        talk.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "今天天气怎么样"}]},
        )
        talk.send("response.create", response={"output_modalities": ["text"]})
        talk.made(Finished())
    first, second = talk.all(Reply)
    assert "only English" in first.preamble and first.turn is None
    assert not second.preamble and second.turn is not None


def test_words_that_were_answered_by_silence_are_no_part_of_the_next_turn() -> None:
    talk = Talk()
    talk.listen()
    talk.user_says("Stop, please.")
    talk.made(Finished())
    talk.user_says("What is twelve times seven?")
    turn = talk.last(Reply).turn
    assert turn is not None and turn.text == "What is twelve times seven?"
    assert turn.history[-1] == ("user", "Stop, please.")

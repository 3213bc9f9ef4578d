"""Answers: their events in order, their pace, what ends them, and what of them counts as heard."""

from __future__ import annotations

import base64

import numpy as np

from tests.local_server.dialogue_talk import Talk, code_of, events, names
from voicechat.local_server.answer import Finished
from voicechat.local_server.brain import CallTool
from voicechat.local_server.conversation import Reply, StopReply
from voicechat.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemTruncated,
    OutputAudioBufferCleared,
    ResponseContentPartAdded,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
)

SENTENCE = "One two three four five six seven eight nine ten."
CLOSING = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
TOOL = {"type": "function", "name": "lamp", "parameters": {"type": "object"}}


def typed(talk: Talk, text: str = "Hello.", **response: object) -> list[str]:
    """A typed question and the wish for an answer."""
    content = [{"type": "input_text", "text": text}]
    outs = talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    return names([*outs, *talk.send("response.create", response=response)])


def test_over_websocket_sound_and_words_come_together_and_then_the_end() -> None:
    talk = Talk()
    typed(talk)
    outs = talk.answer(SENTENCE, seconds=2.0)
    assert events(outs)[:3] == ["response.output_item.added", "conversation.item.added", "response.content_part.added"]
    assert events(outs)[-6:] == CLOSING
    assert talk.one(ResponseContentPartAdded, outs).part.type == "audio"
    sound = b"".join(base64.b64decode(delta.delta) for delta in talk.all(ResponseOutputAudioDelta, outs))
    assert len(sound) == 2 * 24_000 * 2
    words = "".join(delta.delta for delta in talk.all(ResponseOutputAudioTranscriptDelta, outs))
    done = talk.one(ResponseDone, outs).response
    assert words == SENTENCE and done.status == "completed"
    assert done.output[0].content[0].type == "output_audio" and done.output[0].content[0].transcript == SENTENCE
    assert done.usage and done.usage.output_token_details and done.usage.output_token_details.audio_tokens == 40
    assert not [name for name in events(talk.outs) if name.startswith("output_audio_buffer")]


def test_a_text_answer_has_text_and_no_sound() -> None:
    talk = Talk()
    typed(talk, output_modalities=["text"])
    outs = [*talk.answer("Hello there.", complete=False), *talk.answer("How are you?")]
    assert [delta.delta for delta in talk.all(ResponseOutputTextDelta, outs)] == ["Hello there.", " How are you?"]
    done = talk.one(ResponseDone, outs).response
    assert done.output_modalities == ("text",)
    assert done.output[0].content[0].text == "Hello there. How are you?"
    assert not talk.all(ResponseOutputAudioDelta)


def test_over_webrtc_words_come_as_they_are_made_and_done_long_before_the_end_of_the_sound() -> None:
    talk = Talk("webrtc")
    typed(talk)
    outs = talk.answer(SENTENCE, seconds=10.0, complete=False)
    deltas = [delta.delta for delta in talk.all(ResponseOutputAudioTranscriptDelta, outs)]
    assert "".join(deltas) == SENTENCE and len(deltas) > 5
    assert not talk.all(ResponseOutputAudioDelta)
    talk.play(0.2)
    assert "output_audio_buffer.started" in events(talk.outs) and not talk.all(ResponseDone)
    talk.made(Finished())
    assert talk.last(ResponseDone).response.status == "completed"
    assert "response.created" in typed(talk), "the next answer may be asked for"
    assert "output_audio_buffer.stopped" not in events(talk.outs)
    talk.play(10.0)
    assert events(talk.outs)[-1] == "output_audio_buffer.stopped"


def test_the_track_carries_silence_between_answers() -> None:
    talk = Talk("webrtc")
    assert not np.any(talk.play(0.5))
    typed(talk)
    talk.answer(SENTENCE, seconds=1.0)
    assert np.abs(talk.play(0.5)).max() > 5_000
    talk.play(1.0)
    assert not np.any(talk.play(0.5))


def test_speaking_over_an_answer_silences_truncates_and_cancels_it_in_that_order() -> None:
    talk = Talk("webrtc")
    typed(talk)
    talk.answer(SENTENCE, seconds=20.0, complete=False)
    talk.play(2.0)
    outs = talk.voice(0.2)
    assert events(outs)[0] == "input_audio_buffer.speech_started"
    assert events(outs)[1:3] == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    assert events(outs)[-1] == "response.done"
    cut = talk.one(ConversationItemTruncated, outs)
    assert cut.audio_end_ms is not None and abs(cut.audio_end_ms - 2000) <= 20
    done = talk.one(ResponseDone, outs).response
    assert done.status == "cancelled" and done.status_details and done.status_details.reason == "turn_detected"
    assert done.output[0].status == "incomplete"
    assert not np.any(talk.play(1.0)[480:])


def test_speech_after_done_still_silences_the_rest_of_the_sound() -> None:
    talk = Talk("webrtc")
    typed(talk)
    talk.answer(SENTENCE, seconds=2.0)
    talk.play(1.5)
    assert talk.all(ResponseDone)
    outs = talk.voice(0.2)
    assert "output_audio_buffer.cleared" in events(outs) and "conversation.item.truncated" in events(outs)
    assert "response.done" not in events(outs)


def test_an_answer_is_not_interrupted_when_the_client_does_not_want_that() -> None:
    talk = Talk("webrtc")
    talk.listen(turn_detection={"type": "server_vad", "interrupt_response": False})
    typed(talk)
    talk.answer(SENTENCE, seconds=5.0)
    talk.play(1.0)
    assert events(talk.voice(0.5)) == ["input_audio_buffer.speech_started"]
    assert np.any(talk.play(0.1))


def test_a_turn_during_an_uninterruptible_answer_is_answered_after_it() -> None:
    talk = Talk("webrtc")
    talk.listen(turn_detection={"type": "server_vad", "interrupt_response": False})
    typed(talk)
    talk.answer(SENTENCE, seconds=6.0, complete=False)
    talk.play(0.5)
    talk.user_says("And then?")
    assert len(talk.all(ResponseCreated)) == 1
    talk.made(Finished())
    assert len(talk.all(ResponseCreated)) == 2
    assert talk.last(Reply).turn.text == "And then?"  # type: ignore[union-attr]


def test_the_brain_learns_of_a_cut_answer_only_what_was_heard() -> None:
    talk = Talk("webrtc")
    typed(talk, "Count.")
    talk.answer(SENTENCE, seconds=10.0)
    talk.play(3.0)
    talk.user_says("Stop.")
    turn = talk.last(Reply).turn
    assert turn and turn.text == "Stop."
    assert turn.history[0] == ("user", "Count.")
    role, heard = turn.history[1]
    assert role == "assistant" and SENTENCE.startswith(heard) and 2 <= len(heard.split()) <= 5


def test_cancel_ends_generation_and_lets_what_was_generated_be_heard() -> None:
    talk = Talk("webrtc")
    typed(talk)
    talk.answer(SENTENCE, seconds=4.0, complete=False)
    talk.play(0.5)
    outs = talk.send("response.cancel")
    assert "StopReply" in names(outs)
    done = talk.one(ResponseDone, outs).response
    assert done.status == "cancelled" and done.status_details and done.status_details.reason == "client_cancelled"
    assert np.any(talk.play(3.3))
    assert not np.any(talk.play(1.0)[48_000 // 2 :])
    assert events(talk.outs)[-1] == "output_audio_buffer.stopped"


def test_cancel_and_clear_are_silent_at_once_and_truncate() -> None:
    talk = Talk("webrtc")
    typed(talk)
    talk.answer(SENTENCE, seconds=10.0, complete=False)
    talk.play(1.0)
    talk.send("response.cancel")
    outs = talk.send("output_audio_buffer.clear")
    assert events(outs) == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    assert talk.last(OutputAudioBufferCleared).response_id == talk.last(ResponseDone).response.id
    assert not np.any(talk.play(1.0)[480:])
    assert "output_audio_buffer.stopped" not in events(talk.outs)


def test_cancelling_nothing_is_an_error_that_says_so() -> None:
    talk = Talk()
    assert code_of(talk.send("response.cancel")) == "response_cancel_not_active"
    typed(talk)
    talk.answer("Done.")
    assert code_of(talk.send("response.cancel")) == "response_cancel_not_active"


def test_a_late_word_of_a_cancelled_answer_is_dropped() -> None:
    talk = Talk()
    typed(talk)
    reply = talk.last(Reply)
    talk.send("response.cancel")
    assert talk.last(StopReply).response_id == reply.response_id
    assert not talk.answer("Too late.")


def test_two_answers_at_once_are_refused_in_the_conversation_and_allowed_beside_it() -> None:
    talk = Talk()
    typed(talk)
    outs = talk.send("response.create", event_id="second")
    assert code_of(outs) == "conversation_already_has_active_response"
    outs = talk.send("response.create", response={"conversation": "none", "output_modalities": ["text"]})
    assert talk.one(ResponseCreated, outs).response.conversation_id is None
    added = len(talk.all(ConversationItemAdded))
    talk.answer("Aside.")
    assert len(talk.all(ConversationItemAdded)) == added
    assert talk.last(ResponseDone).response.output[0].content[0].text == "Aside."


def test_metadata_comes_back_in_created_and_done() -> None:
    talk = Talk()
    typed(talk, metadata={"purpose": "title"})
    talk.answer("Title.")
    assert talk.last(ResponseCreated).response.metadata == {"purpose": "title"}
    assert talk.last(ResponseDone).response.metadata == {"purpose": "title"}


def test_an_answer_can_be_made_of_its_own_input_and_instructions() -> None:
    talk = Talk()
    typed(talk, "Never mind.")
    talk.answer("Fine.")
    text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Only this."}]}
    talk.send("response.create", response={"conversation": "none", "input": [text], "instructions": "Be brief."})
    turn = talk.last(Reply).turn
    assert turn and turn.text == "Only this." and turn.history == () and turn.instructions == "Be brief."


def test_a_reference_to_an_unknown_item_is_refused() -> None:
    talk = Talk()
    outs = talk.send("response.create", response={"input": [{"type": "item_reference", "id": "item_99"}]})
    assert code_of(outs) == "invalid_value"


def test_a_tool_call_ends_the_response_and_its_output_reaches_the_brain() -> None:
    talk = Talk()
    talk.update(tools=[TOOL])
    typed(talk, "Light, please.")
    reply = talk.last(Reply)
    assert reply.turn and reply.turn.tools[0].name == "lamp"
    talk.answer("One moment.", complete=False)
    outs = [*talk.made(CallTool("lamp", '{"on": true}')), *talk.made(Finished())]
    assert events(outs)[-7:] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    call = talk.one(ResponseFunctionCallArgumentsDone, outs)
    assert [item.type for item in talk.last(ResponseDone).response.output] == ["message", "function_call"]
    talk.send(
        "conversation.item.create", item={"type": "function_call_output", "call_id": call.call_id, "output": "on"}
    )
    talk.send("response.create")
    turn = talk.last(Reply).turn
    assert turn and turn.text == "Light, please."
    assert [(done.name, done.arguments, done.output) for done in turn.tool_outputs] == [("lamp", '{"on": true}', "on")]


def test_a_failed_answer_says_why_in_its_status() -> None:
    talk = Talk()
    typed(talk)
    outs = talk.made(Finished("no voice"))
    done = talk.one(ResponseDone, outs).response
    assert done.status == "failed" and done.status_details and done.status_details.error
    assert done.status_details.error.message == "no voice"


def test_an_answer_stops_at_the_token_limit_and_is_incomplete() -> None:
    talk = Talk()
    typed(talk, output_modalities=["text"], max_output_tokens=3)
    outs = talk.answer("One two three four five six seven.", complete=False)
    done = talk.one(ResponseDone, outs).response
    assert done.status == "incomplete" and done.status_details and done.status_details.reason == "max_output_tokens"
    assert done.output[0].content[0].text == "One two"
    assert "StopReply" in names(outs)


def test_g711_sound_goes_out_at_8_khz() -> None:
    talk = Talk()
    talk.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    typed(talk)
    outs = talk.answer(SENTENCE, seconds=1.0)
    sound = b"".join(base64.b64decode(delta.delta) for delta in talk.all(ResponseOutputAudioDelta, outs))
    assert 0 <= 8_000 - len(sound) <= 24, "the filter holds back 3 ms, which are silent"


def test_the_final_item_is_the_same_in_every_event_that_shows_it() -> None:
    talk = Talk()
    typed(talk)
    outs = talk.answer(SENTENCE)
    assert talk.one(ResponseOutputItemDone, outs).item == talk.one(ResponseDone, outs).response.output[0]


def test_a_typed_message_that_was_never_answered_is_no_part_of_the_next_one() -> None:
    talk = Talk()
    content = [{"type": "input_text", "text": "Tell me a long story."}]
    talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    typed(talk, "What time is it?")
    turn = talk.last(Reply).turn
    assert turn is not None and turn.text == "What time is it?"
    assert turn.history == (("user", "Tell me a long story."),)

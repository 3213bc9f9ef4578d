"""What events are called."""

from __future__ import annotations

from tests.support.each import each
from voicechat.diagnose.readers.naming import direction_of, is_name, spelled_in


@each(
    ("text", "name"),
    [
        ("responseDone(", "response.done"),
        ("RealtimeServerEventResponseDone", "response.done"),
        ("InputAudioBufferSpeechStartedEvent(", "input_audio_buffer.speech_started"),
        ("ResponseAudioTranscriptDelta", "response.audio_transcript.delta"),
        ("sessionManager ready", ""),
    ],
)
def test_names_are_known_as_programs_spell_them(text: str, name: str) -> None:
    assert spelled_in(text) == name


def test_the_name_says_who_sent_it_whatever_the_log_says() -> None:
    assert direction_of("response.create", "in") == "out" and direction_of("response.created", "out") == "in"
    assert direction_of("response.of_tomorrow", "out") == "out"


def test_a_word_is_no_event() -> None:
    assert not is_name("error.log") and not is_name("response") and is_name("response.of_tomorrow")

"""`--live-translate LANG`: which services have it, what it asks for, and what it cannot be together with."""

from __future__ import annotations

from typing import Any

import pytest

from voicechat.config.load import load_settings
from voicechat.config.translation import language_code
from voicechat.config.wish import plan
from voicechat.errors import ConfigError


def planned(**flags: Any) -> Any:
    return plan(load_settings({"provider": "openai", "live_translate": "Spanish", **flags}, {}))


def test_the_session_names_a_language_code_and_who_writes_down_what_was_said() -> None:
    made = planned()
    assert made.wishes.session == {
        "type": "translation",
        "model": "gpt-realtime-translate",
        "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}, "output": {"language": "es"}},
    }
    assert made.provider.transport == "websocket" and made.provider.chunk == 0.2
    assert not made.choices.barge_in and made.policy.mic_open_during_playback


def test_azure_calls_models_by_names_of_the_users_own() -> None:
    flags = {"provider": "azure", "resource": "mine", "model": "my-translator"}
    session = planned(**flags).wishes.session
    assert session["model"] == "my-translator" and session["audio"]["input"] == {}
    named = planned(**flags, transcription_model="my-whisper").wishes.session
    assert named["audio"]["input"] == {"transcription": {"model": "my-whisper"}}


@pytest.mark.parametrize(
    ("said", "code"), [("es", "es"), ("German", "de"), ("pt-BR", "pt-BR"), ("pt_BR", "pt-BR"), ("japanese", "ja")]
)
def test_languages_by_name_or_code(said: str, code: str) -> None:
    assert language_code(said) == code


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"provider": "local"}, "local has no live translation sessions"),
        ({"provider": "stepfun"}, "StepFun has no live translation sessions"),
        ({"turn_mode": "push-to-talk"}, "no turns"),
        ({"turn_mode": "transcribe"}, "no turns"),
        ({"transport": "webrtc"}, "WebSocket"),
        ({"greet": "hello"}, "speak first"),
        ({"translate": "de"}, "its own translation"),
        ({"interpreter": "en:de"}, "no assistant"),
        ({"token_url": "http://127.0.0.1:1/session"}, "token server"),
        ({"live_translate": "Klingonish"}, "language code"),
        ({"live_translate": "", "model": "gpt-realtime-translate"}, "only translates"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_with_the_next_step(flags: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        planned(**flags)
    assert refused.value.hint and "\n" not in refused.value.message


def test_what_means_nothing_there_is_left_out_with_a_word() -> None:
    (remark,) = planned(voice="marin", instructions="Be brief.").remarks
    assert "instructions, voice" in remark
    assert planned().remarks == ()

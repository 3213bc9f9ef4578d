"""`voicechat run` against the real local server: what is said, heard, answered and left behind."""

from __future__ import annotations

import json
import signal
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.local_server.built_in_voice import spoken_words
from tests.support.command import ended, environ_for, started, voicechat
from tests.support.processes import left_after, needs_proc
from voicechat.exit_codes import DONE, INTERRUPTED
from voicechat.local_server.speech import engine_is_missing

pytestmark = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")
SILENT = ("--speaker", "none", "--json")


@pytest.fixture
def question(tmp_path: Path) -> str:
    """A recording of the built-in voice that asks for a product."""
    path = tmp_path / "question.wav"
    pcm = (np.clip(spoken_words("What is twelve times seven?"), -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(pcm.tobytes())
    return str(path)


async def test_texts_are_answered_in_order(tmp_path: Path, local_url: str) -> None:
    texts = ("--text", "What is twelve times seven?", "--text", "What is five plus four?")
    ran = await voicechat("run", *texts, *SILENT, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert [who for who, _ in ran.said] == ["you", "assistant", "you", "assistant"]
    assert "84" in ran.said[1][1] or "eighty" in ran.said[1][1]
    assert "9" in ran.said[3][1] or "nine" in ran.said[3][1]
    assert (ran.summary["turns"], ran.summary["completed"], ran.summary["problems"]) == (2, 2, [])
    assert len(ran.summary["latencies_ms"]) == 2
    assert ran.events.index(("in", "output_audio_buffer.stopped")) < len(ran.events) - 1
    assert {"in", "out", "local"} == {direction for direction, _ in ran.events}


async def test_a_recording_is_heard_and_its_answer_recorded(tmp_path: Path, local_url: str, question: str) -> None:
    answer = tmp_path / "answer.wav"
    flags = ("--mic", question, "--speaker", str(answer), "--json")
    ran = await voicechat("run", *flags, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    (you, heard), (assistant, said) = ran.said
    assert (you, assistant) == ("you", "assistant")
    assert "seven" in heard.lower() or "7" in heard
    assert "84" in said or "eighty" in said
    with wave.open(str(answer), "rb") as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    assert np.abs(samples).max() > 1000


async def test_push_to_talk_is_held_while_a_recording_plays(tmp_path: Path, local_url: str, question: str) -> None:
    flags = ("--mic", question, "--turn-mode", "push-to-talk", *SILENT)
    ran = await voicechat("run", *flags, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert "84" in ran.said[-1][1] or "eighty" in ran.said[-1][1]
    names = [name for _, name in ran.events]
    order = ["talk.pressed", "mic.opened", "mic.file_ended", "talk.released", "input_audio_buffer.commit"]
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)


async def test_an_answer_in_text_makes_no_sound(tmp_path: Path, local_url: str) -> None:
    flags = ("--text", "What is twelve times seven?", "--output", "text", *SILENT)
    ran = await voicechat("run", *flags, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert "84" in ran.said[-1][1] or "eighty" in ran.said[-1][1]
    assert ("local", "assistant.audible") not in ran.events


async def test_a_greeting_comes_before_the_first_text(tmp_path: Path, local_url: str) -> None:
    flags = ("--greet", "Say hello.", "--text", "What is five plus four?", "--output", "text", *SILENT)
    ran = await voicechat("run", *flags, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert [who for who, _ in ran.said] == ["assistant", "you", "assistant"]


async def test_turns_ends_it_sooner_than_the_texts(tmp_path: Path, local_url: str) -> None:
    flags = ("--text", "What is one plus one?", "--text", "Stop?", "--turns", "1", "--output", "text", *SILENT)
    ran = await voicechat("run", *flags, "--base-url", local_url, environ=environ_for(tmp_path))
    assert (ran.code, ran.summary["completed"], ran.summary["turns"]) == (DONE, 1, 1)


async def test_without_json_stdout_is_the_conversation(tmp_path: Path, local_url: str) -> None:
    flags = ("--text", "What is twelve times seven?", "--output", "text", "--speaker", "none")
    ran = await voicechat("run", *flags, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    first, second = ran.out.splitlines()
    assert first == "you: What is twelve times seven?"
    assert second.startswith("assistant: ")
    assert ran.err == ""


@needs_proc
async def test_ctrl_c_ends_it_with_a_summary_and_leaves_no_process(tmp_path: Path) -> None:
    environ = environ_for(tmp_path)
    async with started("run", "--text", "tell me a story", *SILENT, environ=environ) as process:
        assert process.stdout is not None
        while json.loads(await process.stdout.readline()).get("event", {}).get("type") != "assistant.audible":
            pass
        process.send_signal(signal.SIGINT)
        ran = await ended(process)
    assert ran.code == INTERRUPTED
    assert "interrupted" in ran.err
    assert ran.summary["turns"] == 1
    assert "Traceback" not in ran.err
    assert left_after(str(tmp_path)) == {}

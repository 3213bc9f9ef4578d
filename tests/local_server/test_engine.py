"""The offline engine is loaded whole, or says in one sentence what is missing and what to type."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from tests.local_server.built_in_voice import engine
from voicechat.errors import ConfigError
from voicechat.local_server.speech import engine_is_missing
from voicechat.local_server.speech.engine import load_engine


@pytest.mark.parametrize(
    ("module", "package"),
    [("onnxruntime", "onnxruntime"), ("moonshine_voice", "moonshine-voice"), ("hibari", "hibari-tts")],
)
def test_a_missing_part_is_named_with_the_cure(module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def find(name: str, within: str | None = None) -> ModuleSpec | None:
        return None if name == module else real(name, within)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    sentence = engine_is_missing()
    assert package in sentence
    with pytest.raises(ConfigError) as refused:
        load_engine()
    assert (
        refused.value.hint == 'run pip install ".[local]" in the folder of voicechat'
        and package in refused.value.message
    )


@pytest.mark.skipif(bool(engine_is_missing()), reason="the extra `local` is not installed")
def test_each_stream_has_a_voice_detector_of_its_own() -> None:
    assert engine().new_vad() is not engine().new_vad()


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, voicechat.local_server.speech.engine, voicechat.local_server.brain.partner\n"
        "voicechat.local_server.speech.engine_is_missing()\n"
        "print([m for m in ('onnxruntime', 'hibari', 'moonshine_voice', 'sounddevice', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(bool(engine_is_missing()), reason="the extra `local` is not installed")
def test_speech_models_contact_no_network_and_keep_no_device_id(tmp_path: Path) -> None:
    code = (
        "from voicechat.local_server.speech.engine import load_engine\n"
        "engine = load_engine()\n"
        "print(sum(len(piece) for piece in engine.voice.speak('Hello.')))"
    )
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=connect,sendto"] if shutil.which("strace") else []
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environ = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | home
    command = [*strace, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100, env=environ)
    assert int(done.stdout) > 0
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path != trace] == []
    calls = trace.read_text() if strace else ""
    assert "AF_INET" not in calls, calls

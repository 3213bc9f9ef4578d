"""Settings for real: the engine's own process and the local server, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.local_server import local_server
from voicechat.config.load import load_settings
from voicechat.core.user_events import PresetChosen, SettingChosen, SettingUndone, UserAct
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import FromEngine, Goodbye, SessionShown, Snapshot

PATIENCE = 30.0
VAD = "audio.input.turn_detection"
SILENCE = f"{VAD}.silence_duration_ms"
Step = tuple[UserAct, Callable[[SessionShown], bool]]


def detection(shown: SessionShown) -> dict[str, object]:
    """What the server returned about turn detection."""
    audio = json.loads(shown.document).get("audio", {})
    found = audio.get("input", {}).get("turn_detection")
    return found if isinstance(found, dict) else {}


def played(base_url: str, folder: Path, steps: list[Step]) -> list[SessionShown]:
    """Each act is done, and what it should lead to is awaited; what was shown at each of these moments."""
    (folder / "config.toml").write_text("")
    flags = {"base_url": base_url, "mic": "none", "speaker": "none"}
    environ = {**os.environ, "VOICECHAT_STATE_DIR": str(folder), "VOICECHAT_API_KEY": "sk-secret-123456"}
    engine = EngineProcess(load_settings(flags, {}, folder / "config.toml"), environ)
    heard: queue.SimpleQueue[FromEngine] = queue.SimpleQueue()
    engine.start(heard.put)
    shown, is_open, moments = SessionShown(), False, []
    deadline = time.monotonic() + PATIENCE
    todo: list[Step | None] = [None, *steps]
    try:
        while todo:
            match heard.get(timeout=max(0.1, deadline - time.monotonic())):
                case SessionShown() as shown:
                    pass
                case Snapshot(view=view):
                    is_open = view.connection.phase == "open"
                case Goodbye(cause=cause):
                    raise AssertionError(cause)
                case _:
                    continue
            awaited = todo[0]
            if is_open and (bool(detection(shown)) if awaited is None else awaited[1](shown)):
                moments.append(shown)
                todo.pop(0)
                if todo and (following := todo[0]) is not None:
                    engine.send(following[0])
    finally:
        engine.close()
    return moments


async def test_a_changed_silence_is_returned_by_the_server_shown_and_undone(tmp_path: Path) -> None:
    steps: list[Step] = [
        (SettingChosen(SILENCE, 250), lambda shown: detection(shown).get("silence_duration_ms") == 250),
        (PresetChosen("quick"), lambda shown: detection(shown).get("interrupt_response") is True),
        (SettingUndone(), lambda shown: detection(shown).get("interrupt_response") is False),
        (SettingUndone(), lambda shown: detection(shown).get("silence_duration_ms") == 500),
    ]
    async with local_server() as server:
        begun, changed, quick, _, back = await asyncio.to_thread(played, server.base_url, tmp_path, steps)
    assert detection(begun)["silence_duration_ms"] == 500
    assert begun.preset == "balanced"
    assert changed.was == ((SILENCE, "500"),)
    assert (quick.preset, detection(quick)["silence_duration_ms"]) == ("quick", 200)
    assert (back.preset, back.was) == ("balanced", ())


async def test_a_setting_the_server_refuses_goes_back_with_the_reason(tmp_path: Path) -> None:
    steps: list[Step] = [
        (SettingChosen("audio.output.speed", 1.2), lambda shown: bool(shown.refused)),
        (SettingChosen("audio.output.speed", 77), lambda shown: "out of range" in shown.refused[0][1]),
    ]
    async with local_server(fault="refuses-field=session.audio.output.speed") as server:
        _, refused, unsent = await asyncio.to_thread(played, server.base_url, tmp_path, steps)
    assert refused.refused[0][0] == "audio.output.speed"
    assert refused.pending == ()
    assert json.loads(refused.document)["audio"]["output"]["speed"] == 1.0
    assert "speed" not in json.loads(unsent.wish)["audio"]["output"]

"""Settings for real: the engine's own process and the local server, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from tests.engine.engine_client import EngineClient
from tests.support.local_server import local_server
from voicechat.core.user_events import PresetChosen, SettingChosen, SettingUndone, UserAct
from voicechat.engine.link import SessionShown, Snapshot

VAD = "audio.input.turn_detection"
SILENCE = f"{VAD}.silence_duration_ms"
Step = tuple[UserAct, Callable[[SessionShown], bool]]


def detection(shown: SessionShown) -> dict[str, object]:
    """What the server returned about turn detection."""
    audio = json.loads(shown.document).get("audio", {})
    found = audio.get("input", {}).get("turn_detection")
    return found if isinstance(found, dict) else {}


def played(client: EngineClient, steps: list[Step]) -> list[SessionShown]:
    """What was shown at the beginning and after each act, when it had led to what it should."""
    client.until(Snapshot, lambda shown: shown.view.connection.phase == "open")
    moments = [client.until(SessionShown, lambda shown: bool(detection(shown)))]
    for act, led_to in steps:
        since = client.now()
        client.engine.send(act)
        moments.append(client.until(SessionShown, led_to, since))
    return moments


async def test_a_changed_silence_is_returned_by_the_server_shown_and_undone(tmp_path: Path) -> None:
    steps: list[Step] = [
        (SettingChosen(SILENCE, 250), lambda shown: detection(shown).get("silence_duration_ms") == 250),
        (PresetChosen("quick"), lambda shown: detection(shown).get("interrupt_response") is True),
        (SettingUndone(), lambda shown: detection(shown).get("interrupt_response") is False),
        (SettingUndone(), lambda shown: detection(shown).get("silence_duration_ms") == 500),
    ]
    async with local_server() as server:
        with EngineClient(tmp_path, base_url=server.base_url) as client:
            begun, changed, quick, _, back = await asyncio.to_thread(played, client, steps)
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
        with EngineClient(tmp_path, base_url=server.base_url) as client:
            _, refused, unsent = await asyncio.to_thread(played, client, steps)
    assert refused.refused[0][0] == "audio.output.speed"
    assert refused.pending == ()
    assert json.loads(refused.document)["audio"]["output"]["speed"] == 1.0
    assert "speed" not in json.loads(unsent.wish)["audio"]["output"]

"""Moments of the settings drawer, as an engine would tell of them."""

from __future__ import annotations

import json

from tests.support.scene import Scene
from tests.support.talk_views import FREE, OPEN, PTT, TALK
from voicechat.core.view import ReplyView, View
from voicechat.engine.link import Meters, SessionShown

VAD = "audio.input.turn_detection"
SILENCE = f"{VAD}.silence_duration_ms"
LISTENING = ReplyView("listening", 1.0, last_latency=0.38)


def session_of(silence: int = 500, *, voice: str = "marin", detection: dict[str, object] | None = None) -> str:
    """A session as a service returns it."""
    fields: dict[str, object] = {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": silence,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": False,
    }
    transcription = {"model": "gpt-transcribe", "language": "en"}
    heard = {"noise_reduction": None, "transcription": transcription, "turn_detection": detection or fields}
    session: dict[str, object] = {
        "type": "realtime",
        "instructions": "You are a friendly travel companion. Keep it short and never read lists aloud.",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "tool_choice": "auto",
        "audio": {"input": heard, "output": {"voice": voice, "speed": 1.0}},
    }
    return json.dumps(session)


SESSION = SessionShown(document=session_of(), wish=session_of(), preset="balanced")
PENDING = SessionShown(
    document=session_of(), wish=session_of(200), pending=(SILENCE,), was=((SILENCE, "500"),), voice_fixed=True
)
IN_EFFECT = SessionShown(document=session_of(200), wish=session_of(200), was=((SILENCE, "500"),))
REFUSED = SessionShown(
    document=session_of(),
    wish=session_of(),
    refused=((f"{VAD}.threshold", "threshold 0.95 is higher than this service allows"),),
    preset="balanced",
)


def settings_scenes() -> dict[str, Scene]:
    """By name."""
    talk, still = View(FREE, LISTENING, OPEN), View(PTT, ReplyView("ready"), OPEN)
    loud = Meters(input=-14, output=-60, threshold=-38, rtt=0.038)

    def scene(view: View, session: SessionShown, *keys: str) -> Scene:
        return Scene(view, TALK, loud, keys=("f4", *keys), session=session)

    return {
        "settings": scene(talk, PENDING, *["down"] * 5),
        "settings-refused": scene(talk, REFUSED, *["down"] * 4),
        "settings-voice": scene(talk, PENDING, *["down"] * 18),
        "settings-end": scene(still, SESSION, *["pagedown"] * 9),
        "settings-edit": scene(talk, SESSION, *["down"] * 13, "enter"),
    }

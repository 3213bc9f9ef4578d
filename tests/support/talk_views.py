"""What the engine would show: every state of the microphone, and a talk as far as it has got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from voicechat.core.view import ConnectionView, MicView, ReplyView, TurnView, View
from voicechat.engine.link import Finding

OPEN = ConnectionView(
    phase="open",
    seconds=252,
    provider="OpenAI",
    model="gpt-realtime-2.1",
    voice="marin",
    session_seconds=252.0,
    session_limit=3600.0,
)
FREE = MicView(
    state="hands-free",
    is_on_air=True,
    reason="",
    name="Built-in Mic",
    speaker="Built-in Speakers",
    echo="webrtc aec+ns+agc",
    lamps=("yes", "yes", "yes"),
)
PTT = replace(
    FREE, state="idle", is_on_air=False, reason="push-to-talk idle", turn_mode="push-to-talk", lamps=("yes", "no", "no")
)
READY = ReplyView("ready", last_latency=0.38)
CALLING = replace(
    OPEN, phase="connecting", seconds=1.7, session_seconds=0, steps=(("devices", 0.09), ("signalling", 0.41))
)
LOST = replace(OPEN, phase="lost", seconds=3.1, attempts=1, next_try_in=1.4, reason="no packets for 5 s")
SPEAKING = ReplyView("speaking", 3.2, last_latency=0.38)
LISTENING = ReplyView("listening", 1.0, last_latency=0.38)
NO_SESSION = ReplyView()


def mic(state: str, lamps: str = "yes no no", *, on_air: bool = False, base: MicView = PTT, **more: object) -> MicView:
    return replace(base, state=state, is_on_air=on_air, lamps=tuple(lamps.split()), **more)  # type: ignore[arg-type]


def view(mic: MicView, reply: ReplyView = READY, connection: ConnectionView = OPEN) -> View:
    return View(mic, reply, connection)


MICS: dict[str, Callable[[], View]] = {
    "held": lambda: view(mic("held", "yes yes waiting", on_air=True, seconds=1.0), LISTENING),
    "latched": lambda: view(mic("latched", "yes yes waiting", on_air=True), LISTENING),
    "tail": lambda: view(mic("tail", "yes yes waiting", on_air=True), ReplyView("waiting", last_latency=0.38)),
    "hands-free": lambda: view(FREE, LISTENING),
    "remote": lambda: view(mic("remote", "yes yes waiting", on_air=True, remaining=27), LISTENING),
    "flat": lambda: view(mic("flat", "broken yes no", on_air=True, name="Blue Yeti", seconds=5)),
    "too-loud": lambda: view(mic("too-loud", "yes yes yes", on_air=True, name="Blue Yeti")),
    "muted": lambda: view(mic("muted", muted=True)),
    "paused": lambda: view(mic("paused", base=FREE)),
    "barge-in-ready": lambda: view(mic("barge-in-ready", base=FREE), SPEAKING),
    "half-duplex": lambda: view(mic("half-duplex", base=FREE, barge_in=False), SPEAKING),
    "restoring": lambda: view(mic("restoring", base=FREE, remaining=0.3), ReplyView("finished", 5.5, "", 0.38)),
    "idle": lambda: view(PTT),
    "thinking": lambda: view(mic("thinking"), ReplyView("thinking", 0.8, "get_weather 0.4 s", 0.38)),
    "no-line": lambda: view(mic("no-line"), NO_SESSION, CALLING),
    "keeping": lambda: view(mic("keeping", "yes waiting no", seconds=2.1), NO_SESSION, CALLING),
    "budget-spent": lambda: view(mic("budget-spent", base=FREE, detail="$2.00")),
    "configuring": lambda: view(mic("configuring", base=FREE)),
    "line-lost": lambda: view(mic("line-lost", "yes broken no"), NO_SESSION, LOST),
    "device-lost": lambda: view(mic("device-lost", "broken no no", name="Blue Yeti", detail="unplugged", remaining=2)),
    "no-microphone": lambda: view(mic("no-microphone", "broken no no", detail="the system refuses access")),
    "unfocused": lambda: view(mic("unfocused")),
    "unknown": lambda: view(mic("unknown", "waiting waiting waiting", seconds=4)),
    "ended": lambda: view(mic("ended", "no no no"), NO_SESSION, replace(OPEN, phase="ended")),
}


class _Data(msgspec.Struct):
    """What is said and found in the scenes."""

    talk: tuple[TurnView, ...]
    tools: tuple[TurnView, ...]
    german: dict[str, str]
    findings: tuple[Finding, ...]


_data = msgspec.json.decode((Path(__file__).parent / "data" / "scenes.json").read_bytes(), type=_Data)
TALK, TOOL_TURNS, GERMAN, FINDINGS = _data.talk, _data.tools, _data.german, _data.findings

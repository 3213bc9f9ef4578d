"""Realistic moments of a conversation as the records an engine would send; for tests, the demo and the README."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from tests.support.event_rows import talk_rows
from tests.support.numbers_talk import METERS as NUMBERS_METERS, free_numbers, numbers
from voicechat.core.view import ConnectionView, MicView, ReplyView, TurnView, View
from voicechat.engine.link import (
    DeviceRow,
    Devices,
    DeviceSide,
    EventRow,
    Finding,
    Meters,
    Numbers,
    Received,
    SessionShown,
    SoundFacts,
)
from voicechat.ui.options import WelcomeFacts

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
TALK = (
    TurnView("n1", "note", 184, "Session opened: gpt-realtime-2.1 at OpenAI over WebRTC, voice marin."),
    TurnView("u1", "you", 185, "Hello? Can you hear me?", vad="stopped", spoken=1.2, committed=True),
    TurnView("a1", "assistant", 186, "Loud and clear. What can I do for you?", latency=0.455),
    TurnView(
        "u2", "you", 192, "Hi. I'm flying to Tokyo this week and my Japanese is rusty.", vad="stopped", spoken=3.4
    ),
    TurnView(
        "a2",
        "assistant",
        196,
        "Lovely. Tell me when you land and what you would like to practise, and we will keep it short.",
        latency=0.52,
    ),
    TurnView(
        "u3",
        "you",
        208,
        "I land at Haneda at nine tonight. Do I need an umbrella tomorrow?",
        vad="stopped",
        spoken=4.1,
    ),
    TurnView(
        "t1",
        "tool",
        212,
        "get_weather",
        detail='city "Tokyo", day "tomorrow"  →  14 °C, cloudy, rain 30 % after 18:00',
    ),
    TurnView(
        "a3",
        "assistant",
        213,
        "Probably not during the day: it stays mostly cloudy, around fourteen degrees. There is a thirty percent"
        " chance of rain after six, so a small one won't hurt.",
        latency=1.31,
    ),
    TurnView("n2", "note", 230, "Nothing was sent: Space was down for only 60 ms. Hold it while you talk."),
    TurnView("u4", "you", 236, "Good. And how do I ask for a table for two by the window?", vad="stopped", spoken=2.8),
    TurnView(
        "a4",
        "assistant",
        239,
        "You can say: 窓際の席を二人で",
        rest="お願いします。 Madogiwa no seki o futari de onegai shimasu. If the host asks for a name, 田中 is easy to"
        " catch, or simply spell yours.",
        latency=0.412,
        cut_by="barge-in",
        cut_at=2.4,
    ),
    TurnView("u5", "you", 241, "Slower, please. Just the first half.", vad="stopped", spoken=3.0),
    TurnView(
        "a5",
        "assistant",
        245,
        "Of course. Madogiwa no seki o … that is “the seat by the window”. 窓際の席を。",
        latency=0.38,
    ),
    TurnView("u6", "you", 251, "And how would I ask for the bi", partial=True, vad="started"),
)
EVENTS = (
    ("in", "session.created", "sess_C4kP0x · gpt-realtime-2.1"),
    ("out", "session.update", "audio.input.turn_detection.silence_duration_ms 500"),
    ("in", "session.updated", "1 field changed"),
    ("in", "input_audio_buffer.speech_started", "from 236.40 s · item_u7"),
    ("in", "input_audio_buffer.speech_stopped", "to 239.20 s · 2.8 s of speech"),
    ("in", "input_audio_buffer.committed", "item_u7"),
    ("in", "conversation.item.added", "item_u7 · user · audio"),
    ("in", "response.created", "resp_7"),
    ("in", "response.output_item.added", "item_a7 · message"),
    ("in", "output_audio_buffer.started", "resp_7"),
    ("in", "response.output_audio_transcript.delta", "“You can say: 窓際の席を二人で…”"),
    ("in", "conversation.item.input_audio_transcription.completed", "“Good. And how do I ask for a table…”"),
    ("local", "mic.closed", "assistant speaking"),
    ("in", "response.done", "resp_7 · completed · 312 out (audio 268)"),
    ("out", "output_audio_buffer.clear", "you cut in"),
    ("in", "error", "unknown_parameter · session.audio.input.turn_detection.max_speech_ms"),
)


@dataclass(frozen=True)
class Scene:
    """One moment, and how its levels move."""

    view: View
    turns: tuple[TurnView, ...] = ()
    meters: Meters = field(default_factory=lambda: Meters(input=-14, output=-60, threshold=-38, rtt=0.038))
    welcome: WelcomeFacts = field(default_factory=lambda: WelcomeFacts("openai", "marin"))
    release: str = "true"
    keys: tuple[str, ...] = ()
    """Pressed after the scene is set."""
    rows: tuple[EventRow, ...] = ()
    """Events; empty: the usual ones."""
    devices: Devices | None = None
    session: SessionShown | None = None
    sound: SoundFacts = field(default_factory=SoundFacts)
    findings: tuple[Finding, ...] = ()
    numbers: Numbers | None = None
    t: float = 0.0
    """Session time; the timeline ends there."""


def hostile_rows() -> tuple[EventRow, ...]:
    """An event whose type, summary and payload are attacks."""
    payload = f'{{"x": "{HOSTILE}", "y": "\\u001b]52;c;UFdORUQ=\\u0007"}}'
    return (EventRow(0, 1.0, "in", f"x.{HOSTILE}", HOSTILE, len(payload), payload),)


def rows(count: int = 64) -> tuple[EventRow, ...]:
    """Events as they flow."""
    made = []
    for i in range(count):
        direction, type, summary = EVENTS[i % len(EVENTS)]
        content = {"type": type, "event_id": f"event_{i:04d}", "response": {"id": "resp_7", "output_tokens": 241}}
        payload = json.dumps(content)
        made.append(EventRow(i, 184 + i * 0.731, direction, type, summary, len(payload), payload))  # type: ignore[arg-type]
    return tuple(made)


def loudness(t: float, seed: float) -> float:
    """A level like uneven syllables, dBFS."""
    syllable = abs(math.sin(t * 7.3 + seed) * math.sin(t * 2.1 + seed * 2))
    return -42 + 32 * syllable


def levels(t: float) -> tuple[float, float, bool]:
    """Your level, the assistant's, and whether you are sent, in a rhythm of turns."""
    phase = t % 11.0
    if phase < 3.0:
        return loudness(t, 1.3), -60.0, True
    if 3.5 < phase < 9.5:
        return -55.0, loudness(t, 2.9), False
    return -55.0, -60.0, False


def _mic(state: str, lamps: str = "yes no no", *, on_air: bool = False, base: MicView = PTT, **more: object) -> MicView:
    return replace(base, state=state, is_on_air=on_air, lamps=tuple(lamps.split()), **more)  # type: ignore[arg-type]


def _view(mic: MicView, reply: ReplyView = READY, connection: ConnectionView = OPEN) -> View:
    return View(mic, reply, connection)


CALLING = replace(
    OPEN, phase="connecting", seconds=1.7, session_seconds=0, steps=(("devices", 0.09), ("signalling", 0.41))
)
LOST = replace(OPEN, phase="lost", seconds=3.1, attempts=1, next_try_in=1.4, reason="no packets for 5 s")
SPEAKING = ReplyView("speaking", 3.2, last_latency=0.38)
LISTENING = ReplyView("listening", 1.0, last_latency=0.38)
NO_SESSION = ReplyView()

MICS: dict[str, Callable[[], View]] = {
    "held": lambda: _view(_mic("held", "yes yes waiting", on_air=True, seconds=1.0), LISTENING),
    "latched": lambda: _view(_mic("latched", "yes yes waiting", on_air=True), LISTENING),
    "tail": lambda: _view(_mic("tail", "yes yes waiting", on_air=True), ReplyView("waiting", last_latency=0.38)),
    "hands-free": lambda: _view(FREE, LISTENING),
    "remote": lambda: _view(_mic("remote", "yes yes waiting", on_air=True, remaining=27), LISTENING),
    "flat": lambda: _view(_mic("flat", "broken yes no", on_air=True, name="Blue Yeti", seconds=5)),
    "too-loud": lambda: _view(_mic("too-loud", "yes yes yes", on_air=True, name="Blue Yeti")),
    "muted": lambda: _view(_mic("muted", muted=True)),
    "paused": lambda: _view(_mic("paused", base=FREE)),
    "barge-in-ready": lambda: _view(_mic("barge-in-ready", base=FREE), SPEAKING),
    "half-duplex": lambda: _view(_mic("half-duplex", base=FREE, barge_in=False), SPEAKING),
    "restoring": lambda: _view(_mic("restoring", base=FREE, remaining=0.3), ReplyView("finished", 5.5, "", 0.38)),
    "idle": lambda: _view(PTT),
    "thinking": lambda: _view(_mic("thinking"), ReplyView("thinking", 0.8, "get_weather 0.4 s", 0.38)),
    "no-line": lambda: _view(_mic("no-line"), NO_SESSION, CALLING),
    "keeping": lambda: _view(_mic("keeping", "yes waiting no", seconds=2.1), NO_SESSION, CALLING),
    "budget-spent": lambda: _view(_mic("budget-spent", base=FREE, detail="$2.00")),
    "configuring": lambda: _view(_mic("configuring", base=FREE)),
    "line-lost": lambda: _view(_mic("line-lost", "yes broken no"), NO_SESSION, LOST),
    "device-lost": lambda: _view(
        _mic("device-lost", "broken no no", name="Blue Yeti", detail="unplugged", remaining=2)
    ),
    "no-microphone": lambda: _view(_mic("no-microphone", "broken no no", detail="the system refuses access")),
    "unfocused": lambda: _view(_mic("unfocused")),
    "ended": lambda: _view(_mic("ended", "no no no"), NO_SESSION, replace(OPEN, phase="ended")),
}
_LOST_NOTE = TurnView(
    "n9", "note", 249, "Line lost at 4:09: no packets for 5 s (network). Reconnecting by itself.", level="warning"
)
_FRESH = replace(OPEN, session_seconds=1.0)
_LOCAL = replace(_FRESH, provider="local")
_REFUSED = replace(
    OPEN,
    phase="refused",
    reason="the key is not valid (401)",
    hint="Set OPENAI_API_KEY to a valid key.",
    session_seconds=0,
)
_NO_MIC_HINT = "Usual cause on this system: the terminal runs in a sandbox. flatpak override --user --socket=pulseaudio"
_QUIET_ROOM = Meters(input=-47, output=-60, threshold=-38, rtt=0.038)


_HEADSET = "Bluetooth: its microphone turns the headset to telephone quality; another mic sounds better"
DEVICES = Devices(
    DeviceSide(
        (DeviceRow("Built-in Mic"), DeviceRow("Blue Yeti"), DeviceRow("AirPods Pro", _HEADSET)),
        in_use="Built-in Mic",
        default="Built-in Mic",
    ),
    DeviceSide(
        (DeviceRow("Built-in Speakers"), DeviceRow("USB Audio Interface (4 channels)")),
        "USB Audio Interface (4 channels)",
        "remembered",
        "USB Audio Interface (4 channels)",
        "Built-in Speakers",
    ),
)
GONE = msgspec.structs.replace(
    DEVICES, mics=DeviceSide(DEVICES.mics.rows[::2], "Blue Yeti", "chosen", "none", "Built-in Mic")
)
WAITABLE = SoundFacts(can_wait=True)
_LOST_DEVICE = TurnView(
    "n9",
    "note",
    249,
    "Sound stopped: the sound device stopped answering (Blue Yeti and Built-in Speakers). It is looked for again by"
    " itself; d chooses another device.",
    level="warning",
)
SERVED = Meters(
    input=-14,
    threshold=-38,
    rtt=0.038,
    loss=0.008,
    buffer=0.046,
    concealed=0.002,
    underruns=1,
    late=3,
    restarts=2,
    lost=1,
    received=Received(12_060, 60, 24, 37, 2, 4, 0.046, 0.04),
)
_SELF_ECHO = TurnView(
    "n9",
    "note",
    249,
    "Your loudspeaker triggers the voice detection: −22 dB, 48 ms late; echo cancelling takes out only 9 dB: turn the"
    " loudspeaker down, use headphones, or half duplex (b).",
    level="warning",
)

HOSTILE = "\x1b]52;c;UFdORUQ=\x07\x1b[2J\x9b31m\x9d0;t\x9c[@click=app.quit]free[/] [/foo] [link='x] \u202egnp"


def hostile() -> Scene:
    """Every field that can hold text holds an attack."""
    mic = replace(FREE, name=HOSTILE, detail=HOSTILE, echo=HOSTILE, reason=HOSTILE, hint=HOSTILE)
    connection = replace(OPEN, voice=HOSTILE, model=HOSTILE, provider=HOSTILE, reason=HOSTILE, receive_fallback=HOSTILE)
    said = (
        TurnView("h1", "note", text=HOSTILE, level="error"),
        TurnView("h2", "tool", text=HOSTILE, detail=HOSTILE),
        TurnView("h3", "you", text=HOSTILE, failed=HOSTILE),
        TurnView("h4", "assistant", text=HOSTILE, rest=HOSTILE, cut_by="you"),
        TurnView("h5", "you", text="end of hostilities"),
    )
    return Scene(View(mic, ReplyView("failed", detail=HOSTILE), connection, (HOSTILE,)), said, rows=hostile_rows())


WRITTEN = """## Reading a microphone

Use `sounddevice`; **never** block in the *callback*. See [the manual](https://python-sounddevice.readthedocs.io):

```python
import sounddevice as sd

def heard(data, frames, time, status):
    queue.put_nowait((time.inputBufferAdcTime, bytes(data)))  # a copy: the buffer is used again as soon as this returns

with sd.RawInputStream(samplerate=24_000, channels=1, dtype="int16", callback=heard):
\tinput("Enter stops 窓際の席 👨‍👩‍👧\\n")
```

1. Open the stream *once*, at the rate you need
2. Keep the callback short:
   - no locks, no logging
   - no `print`

| rate | bytes/s | fits |
|---|---:|---|
| 16 kHz | 32,000 | speech |
| 24 kHz | 48,000 | Realtime, 窓際 |

> The callback runs in a thread of its own.

---
<b>HTML</b> stays text, and so does [@click=app.quit]this[/]."""


def written() -> Scene:
    """An answer that is read, not heard."""
    asked = TurnView("w1", "you", 300, "Show me in writing how to read a microphone.", typed=True, committed=True)
    answer = TurnView("w2", "assistant", 302, WRITTEN, written=True, latency=0.62)
    return Scene(_view(PTT), (asked, answer), Meters(input=-52, output=-60, threshold=-38, rtt=0.038))


def scenes() -> dict[str, Scene]:
    """All scenes by name: every state of the microphone over the same talk, and the moments around it."""
    made = {name: Scene(view(), TALK[:-1]) for name, view in MICS.items()}
    sounding = replace(TALK[-2], text="Of course. Madogiwa no seki o … that is “the", rest=" seat", partial=True)
    speaking = (*TALK[:-2], sounding)
    out = Meters(input=-44, output=-12, threshold=-38, rtt=0.038)
    return made | {
        "hostile": hostile(),
        "written": written(),
        "talk": Scene(_view(FREE, LISTENING), TALK),
        "interrupted": Scene(_view(FREE, ReplyView("cut", 2.4, last_latency=0.412)), TALK[:11]),
        "speaking": Scene(MICS["barge-in-ready"](), speaking, out),
        "half": Scene(MICS["half-duplex"](), speaking, out),
        "ptt": Scene(_view(PTT), TALK[:-1], Meters(input=-52, output=-60, threshold=-38, rtt=0.038)),
        "welcome": Scene(_view(PTT, ReplyView("ready"), _FRESH), (), _QUIET_ROOM),
        "welcome-free": Scene(
            _view(_mic("hands-free", "yes yes waiting", on_air=True, base=FREE), ReplyView("ready"), _LOCAL),
            (),
            _QUIET_ROOM,
            WelcomeFacts("local", "anna", "OPENAI_API_KEY"),
        ),
        "connecting": Scene(MICS["no-line"](), (), _QUIET_ROOM),
        "line-lost": Scene(MICS["line-lost"](), (*TALK[:-1], _LOST_NOTE), Meters(input=-52, threshold=-38)),
        "devices": Scene(_view(FREE, LISTENING), TALK, keys=("d",), devices=DEVICES),
        "device-gone": Scene(
            MICS["device-lost"](), (*TALK[:-1], _LOST_DEVICE), Meters(), keys=("d",), devices=GONE, sound=WAITABLE
        ),
        "device-lost": Scene(
            MICS["device-lost"](), (*TALK[:-1], _LOST_DEVICE), Meters(threshold=-38, rtt=0.038), sound=WAITABLE
        ),
        "received": Scene(_view(FREE, LISTENING), TALK, SERVED),
        "self-echo": Scene(MICS["barge-in-ready"](), (*speaking, _SELF_ECHO), out),
        "no-mic": Scene(
            _view(replace(MICS["no-microphone"]().mic, hint=_NO_MIC_HINT, name="")),
            (),
            Meters(),
        ),
        "refused": Scene(_view(_mic("no-line", "yes no no"), NO_SESSION, _REFUSED)),
        "help": Scene(_view(PTT), TALK[:-1], keys=("question_mark",)),
        "send-event": Scene(_view(FREE, LISTENING), TALK, keys=("c",)),
        "turn-selected": Scene(
            _view(PTT),
            tuple(replace(turn, item_id=f"item_{turn.key}") for turn in TALK[:-1]),
            keys=("up", "up", "up", "delete"),
        ),
        "events": Scene(_view(FREE, LISTENING), TALK, keys=("f2",)),
        "developer": Scene(_view(FREE, LISTENING), TALK, rows=talk_rows(), keys=("f2",)),
        "details": Scene(_view(FREE, LISTENING), TALK, rows=talk_rows(), keys=("f2", *["up"] * 3, "enter")),
        "details-error": Scene(
            _view(FREE, LISTENING), TALK, rows=talk_rows(), keys=("f2", "slash", *" is:error", "enter", "up", "enter")
        ),
        "filter-bad": Scene(_view(FREE, LISTENING), TALK, rows=talk_rows(), keys=("f2", "slash", *" typ:resp")),
        "filter-none": Scene(_view(FREE, LISTENING), TALK, rows=talk_rows(), keys=("f2", "slash", *" zebra", "enter")),
        "marked": Scene(
            _view(FREE, LISTENING), TALK, rows=talk_rows(), keys=("f2", *["up"] * 5, "M", "T", "up", "up", "M")
        ),
        "payload": Scene(_view(FREE, LISTENING), TALK, keys=("f2", "up", "enter")),
        "numbers": Scene(_view(FREE, LISTENING), TALK, NUMBERS_METERS, keys=("f7",), numbers=numbers()),
        "numbers-empty": Scene(_view(FREE, LISTENING), TALK[:1], keys=("f7",)),
        "numbers-free": Scene(_view(FREE, LISTENING), TALK, NUMBERS_METERS, keys=("f7",), numbers=free_numbers()),
        "budget-near": Scene(_view(FREE, LISTENING), TALK, NUMBERS_METERS, keys=("f7",), numbers=numbers(budget=0.2)),
        "typing": Scene(MICS["half-duplex"](), speaking, out, keys=("i", *"Write it in kana, please")),
    }  # fmt: skip

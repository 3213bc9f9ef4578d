"""What the engine would show: every state of the microphone, and a talk as far as it has got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from voicechat.core.view import ConnectionView, MicView, ReplyView, TurnView, View

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

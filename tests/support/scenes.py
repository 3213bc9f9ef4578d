"""The states in which a screen is shown: moments of conversations as the records an engine would send.

For tests, the demo (`demo_screen`) and the README's pictures. What is said in them is in `data/scenes.json`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import field
from msgspec.structs import replace

from tests.support.event_rows import NUMBERS_METERS, free_numbers, loudness, numbers, row, talk_rows
from voicechat.core.view import ConnectionView, MicView, ReplyView, ToolAsk, TurnView, View
from voicechat.engine.link import Devices, DeviceSide, Meters, Numbers, SessionShown, SoundFacts
from voicechat.insight.metrics.ledger import SideWork
from voicechat.insight.metrics.prices import Cost, Tokens, Usage
from voicechat.insight.records import Evidence, Finding
from voicechat.journal.entry import Entry
from voicechat.line import JitterStats
from voicechat.ui.history import TICK
from voicechat.ui.options import WelcomeFacts
from voicechat.ui.widgets.timeline import Timeline

_DATA = Path(__file__).parent / "data"
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
    return replace(base, state=state, is_on_air=on_air, lamps=tuple(lamps.split()), **more)


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
    notes: dict[str, TurnView]
    session: dict[str, Any]
    devices: Devices


_data = msgspec.json.decode((_DATA / "scenes.json").read_bytes(), type=_Data)
TALK, TOOL_TURNS, GERMAN, FINDINGS = _data.talk, _data.tools, _data.german, _data.findings
NOTES, DEVICES = _data.notes, _data.devices


_LOUD = Meters(input=-14, output=-60, threshold=-38, rtt=0.038)


class Scene(msgspec.Struct, frozen=True):
    """One moment, and how its levels move."""

    view: View
    turns: tuple[TurnView, ...] = ()
    meters: Meters = _LOUD
    welcome: WelcomeFacts = field(default_factory=lambda: WelcomeFacts("openai", "marin"))
    release: str = "true"
    keys: tuple[str, ...] = ()
    """Pressed after the scene is set."""
    rows: tuple[Entry, ...] = ()
    """Events; empty: the usual ones."""
    devices: Devices | None = None
    session: SessionShown | None = None
    sound: SoundFacts = field(default_factory=SoundFacts)
    findings: tuple[Finding, ...] = ()
    numbers: Numbers | None = None
    t: float = 0.0
    """Session time; the timeline ends there."""


@cache
def all_scenes() -> dict[str, Scene]:
    """Every moment by name; made once, which takes longer than most tests."""
    told = {"hostile": hostile(), "written": written()}
    talks = mic_scenes() | told | talk_scenes() | sound_scenes() | card_scenes() | event_scenes() | number_scenes()
    return talks | developer_scenes() | settings_scenes() | tools_scenes() | translated_scenes()


GONE = replace(DEVICES, mics=DeviceSide(DEVICES.mics.rows[::2], "Blue Yeti", "chosen", "none", "Built-in Mic"))
WAITABLE = SoundFacts(can_wait=True)

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
    received=JitterStats(12_060, 60, 24, 37, 2, 4, depth=0.046, target=0.04),
)
_TALKING = view(FREE, LISTENING)
_SOUNDING = replace(TALK[-2], text="Of course. Madogiwa no seki o … that is “the", rest=" seat", partial=True)
_HEARD = (*TALK[:-2], _SOUNDING)
_OUT = Meters(input=-44, output=-12, threshold=-38, rtt=0.038)


def mic_scenes() -> dict[str, Scene]:
    return {name: Scene(made(), TALK[:-1], numbers=numbers()) for name, made in MICS.items()}


def talk_scenes() -> dict[str, Scene]:
    chosen = tuple(replace(turn, item_id=f"item_{turn.key}") for turn in TALK[:-1])
    return {
        "talk": Scene(_TALKING, TALK),
        "interrupted": Scene(view(FREE, ReplyView("cut", 2.4, last_latency=0.412)), TALK[:11]),
        "speaking": Scene(MICS["barge-in-ready"](), _HEARD, _OUT),
        "half": Scene(MICS["half-duplex"](), _HEARD, _OUT, numbers=numbers()),
        "ptt": Scene(view(PTT), TALK[:-1], Meters(input=-52, output=-60, threshold=-38, rtt=0.038)),
        "line-lost": Scene(MICS["line-lost"](), (*TALK[:-1], NOTES["lost"]), Meters(input=-52, threshold=-38)),
        "typing": Scene(MICS["half-duplex"](), _HEARD, _OUT, keys=("i", *"Write it in kana, please")),
        "turn-selected": Scene(view(PTT), chosen, keys=("up", "up", "up", "delete")),
    }


def sound_scenes() -> dict[str, Scene]:
    lost, told = MICS["device-lost"](), (*TALK[:-1], NOTES["lost device"])
    rest = Meters(threshold=-38, rtt=0.038)
    return {
        "devices": Scene(_TALKING, TALK, keys=("d",), devices=DEVICES),
        "device-gone": Scene(lost, told, Meters(), keys=("d",), devices=GONE, sound=WAITABLE),
        "device-lost": Scene(lost, told, rest, sound=WAITABLE),
        "received": Scene(_TALKING, TALK, SERVED),
        "self-echo": Scene(MICS["barge-in-ready"](), (*_HEARD, NOTES["self echo"]), _OUT),
    }


def card_scenes() -> dict[str, Scene]:
    waiting = mic("hands-free", "yes yes waiting", on_air=True, base=FREE)
    no_mic = replace(MICS["no-microphone"]().mic, hint=_NO_MIC_HINT, name="")
    kept = WelcomeFacts("local", "anna", "OPENAI_API_KEY")
    translating = replace(waiting, translates_to="es")
    return {
        "welcome": Scene(view(PTT, ReplyView("ready"), _FRESH), (), _QUIET_ROOM),
        "welcome-free": Scene(view(waiting, ReplyView("ready"), _LOCAL), (), _QUIET_ROOM, kept),
        "welcome-translation": Scene(view(translating, ReplyView("ready"), _LOCAL), (), _QUIET_ROOM),
        "connecting": Scene(MICS["no-line"](), (), _QUIET_ROOM),
        "no-mic": Scene(view(no_mic), (), Meters()),
        "refused": Scene(view(mic("no-line", "yes no no"), NO_SESSION, _REFUSED)),
        "help": Scene(view(PTT), TALK[:-1], keys=("question_mark",)),
    }


def event_scenes() -> dict[str, Scene]:
    flown = talk_rows()

    def shown(*keys: str) -> Scene:
        return Scene(_TALKING, TALK, rows=flown, keys=("f2", *keys))

    return {
        "events": Scene(_TALKING, TALK, keys=("f2",)),
        "details": shown(*["up"] * 3, "enter"),
        "details-error": shown("slash", *"is:error", "enter", "up", "enter"),
        "filter-bad": shown("slash", *"typ:resp"),
        "filter-none": shown("slash", *"zebra", "enter"),
        "marked": shown(*["up"] * 5, "M", "T", "up", "up", "M"),
        "payload": Scene(_TALKING, TALK, keys=("f2", "up", "enter")),
        "send-event": Scene(_TALKING, TALK, keys=("c",)),
    }


def number_scenes() -> dict[str, Scene]:
    def shown(told: Numbers) -> Scene:
        return Scene(_TALKING, TALK, NUMBERS_METERS, keys=("f7",), numbers=told)

    return {
        "numbers": shown(numbers()),
        "numbers-empty": Scene(_TALKING, TALK[:1], keys=("f7",)),
        "numbers-free": shown(free_numbers()),
        "budget-near": shown(numbers(budget=0.2)),
    }


HOSTILE = "\x1b]52;c;UFdORUQ=\x07\x1b[2J\x9b31m\x9d0;t\x9c[@click=app.quit]free[/] [/foo] [link='x] \u202egnp"


def hostile_rows() -> tuple[Entry, ...]:
    """An event whose type, summary and fields are attacks."""
    return (row(0, 1.0, "in", f"x.{HOSTILE}", HOSTILE, 99, x=HOSTILE, y="\x1b]52;c;UFdORUQ=\x07"),)


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


ENDS = 252.0
HEARD = ((228.0, 231.2), (238.9, 241.4), (244.1, 249.9))
"""When the assistant is audible."""
SPOKEN = ((235.7, 238.5), (241.1, 243.7), (250.85, 252.0))
"""When you speak."""


def happened() -> tuple[Entry, ...]:
    """Every event of the half minute that the developer view is shown with, in order: an answer that is cut, one that
    plays out, a refused field."""
    made = []
    for line in (_DATA / "half_minute.jsonl").read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        t, type, summary, dir, of = (told.pop(name, "") for name in ("t", "type", "summary", "dir", "of"))
        size = len(json.dumps({"type": type, "event_id": f"event_{t:.3f}", **told}))
        whole = {"event_id": f"event_{t:.3f}", **told}
        made.append(row(round(t * 1000), t, dir or "in", type, summary, size, (of, "", ""), **whole))
    return tuple(made)


def fill_timeline(timeline: Timeline, ends: float = ENDS) -> None:
    """All that the engine would have reported in that half minute."""
    timeline.begin_anew()
    at = 227.5
    while at < ends:
        you = loudness(at, 1.3) if any(start <= at < end for start, end in SPOKEN) else -58.0
        other = loudness(at, 2.9) if any(start <= at < end for start, end in HEARD) else None
        is_closed = at < 231.9
        mic = replace(FREE, is_on_air=not is_closed, reason="assistant speaking" if is_closed else "")
        timeline.take_state(at, mic, Meters(input=you, output=other))
        at += TICK
    timeline.take_rows(happened())


HOSTILE_FINDING = Finding(
    HOSTILE, HOSTILE, "error", HOSTILE, HOSTILE, f"{HOSTILE}\n{HOSTILE}", (Evidence(0, 1.0, HOSTILE),), HOSTILE
)


def developer_scenes() -> dict[str, Scene]:
    base = Scene(View(FREE, ReplyView("listening", 1.0, last_latency=0.38), OPEN), TALK, rows=happened(), t=ENDS)
    shown = {
        "developer": replace(base, keys=("f2",), findings=FINDINGS),
        "developer-quiet": replace(base, keys=("f2",)),
        "developer-details": replace(base, keys=("f2", "up", "up", "up", "up", "up", "up", "up", "enter")),
        "developer-problems": replace(base, keys=("f2", "n", "n"), findings=FINDINGS),
        "developer-evidence": replace(base, keys=("f2", "n", "enter"), findings=FINDINGS),
        "developer-span": replace(base, keys=("f2", "up", "up", "shift+tab", "shift+tab"), findings=FINDINGS),
        "developer-transcript": replace(base, keys=("f2", "shift+tab"), findings=FINDINGS),
    }
    attacks = hostile()
    named = {"response_id": HOSTILE, "item_id": HOSTILE}
    rows = (*attacks.rows, *(replace(one, event=one.event | named) for one in happened()))
    shown["developer-hostile"] = replace(attacks, rows=rows, findings=(HOSTILE_FINDING,), keys=("f2",), t=ENDS)
    return shown


VAD = "audio.input.turn_detection"
SILENCE = f"{VAD}.silence_duration_ms"


def session_of(silence: int = 500, *, voice: str = "marin", detection: dict[str, object] | None = None) -> str:
    """A session as a service returns it."""
    session = copy.deepcopy(_data.session)
    heard, output = session["audio"]["input"], session["audio"]["output"]
    heard["turn_detection"] = detection or heard["turn_detection"] | {"silence_duration_ms": silence}
    output["voice"] = voice
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
    talk, still = View(FREE, LISTENING, OPEN), View(PTT, ReplyView("ready"), OPEN)

    def scene(view: View, session: SessionShown, *keys: str) -> Scene:
        return Scene(view, TALK, keys=("f4", *keys), session=session)

    return {
        "settings": scene(talk, PENDING, *["down"] * 5),
        "settings-refused": scene(talk, REFUSED, *["down"] * 4),
        "settings-voice": scene(talk, PENDING, *["down"] * 18),
        "settings-end": scene(still, SESSION, *["pagedown"] * 9),
        "settings-edit": scene(talk, SESSION, *["down"] * 13, "enter"),
    }


MAIL = (
    '{"to": "keiko@example.com", "subject": "Dinner on Friday", "body": "Dear Keiko,\\nwe land at nine.", "copies": 2}'
)
ASK = ToolAsk("call_1", "send_mail", MAIL)
_EVIL = '{"path": "\x1b]52;c;UFdORUQ=\x07 \u202etxt.exe", "x": "'
HOSTILE_ASK = ToolAsk("call_2", "rm\x1b[2J_rf", _EVIL + "y" * 900 + '"}', 52_000)
REMOTE = ToolAsk("mcpr_1", "search_documents", '{"query": "umbrella"}', server="docs")
WAITING = ReplyView("thinking", 2.0, "send_mail waits for your word")


def tools_scenes() -> dict[str, Scene]:
    view = View(FREE, WAITING, OPEN, asked=(ASK,))
    return {
        "consent": Scene(view, TOOL_TURNS),
        "consents": Scene(replace(view, asked=(HOSTILE_ASK, ASK)), TOOL_TURNS),
        "consent-remote": Scene(replace(view, asked=(REMOTE,)), TOOL_TURNS),
        "tools": Scene(View(FREE, READY, OPEN), TOOL_TURNS[:3], keys=("up", "up", "enter")),
    }


WRITTEN = (_DATA / "written.txt").read_text(encoding="utf-8")


def written() -> Scene:
    """An answer that is read, not heard."""
    asked = TurnView("w1", "you", 300, "Show me in writing how to read a microphone.", typed=True, committed=True)
    answer = TurnView("w2", "assistant", 302, WRITTEN, written=True, latency=0.62)
    return Scene(view(PTT), (asked, answer), Meters(input=-52, output=-60, threshold=-38, rtt=0.038))


def translated_scenes() -> dict[str, Scene]:
    turns = tuple(replace(turn, translation=GERMAN.get(turn.key)) for turn in TALK)
    talk = view(FREE, LISTENING)
    told = numbers()
    used = SideWork(58, Usage(Tokens(6_412), Tokens(2_048), Tokens(913)), Cost(0.0019), "gpt-4.1-mini")
    counted = replace(told, figures=replace(told.figures, side=used))
    return {
        "translated": Scene(talk, (*turns, NOTES["busy"])),
        "numbers-translated": Scene(talk, TALK, NUMBERS_METERS, keys=("f7",), numbers=counted),
    }

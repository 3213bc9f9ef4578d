"""Realistic moments of a conversation as the records an engine would send; for tests, the demo and the README."""

from __future__ import annotations

from dataclasses import replace

from tests.support.device_lists import DEVICES, GONE, WAITABLE
from tests.support.event_rows import talk_rows
from tests.support.hostile_talk import hostile
from tests.support.numbers_talk import METERS as NUMBERS_METERS, free_numbers, numbers
from tests.support.scene import Scene
from tests.support.talk_views import (
    FREE,
    LISTENING,
    MICS,
    NO_SESSION,
    OPEN,
    PTT,
    TALK,
    mic,
    view,
)
from tests.support.written_talk import written
from voicechat.core.view import ReplyView, TurnView
from voicechat.engine.link import (
    Meters,
    Numbers,
    Received,
)
from voicechat.ui.options import WelcomeFacts

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
_LOST_DEVICE = TurnView(
    "n9",
    "note",
    249,
    "Sound stopped: the sound device stopped answering (Blue Yeti and Built-in Speakers). It is looked for again by"
    " itself; another device may be chosen.",
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
_TALKING = view(FREE, LISTENING)
_SOUNDING = replace(TALK[-2], text="Of course. Madogiwa no seki o … that is “the", rest=" seat", partial=True)
_HEARD = (*TALK[:-2], _SOUNDING)
_OUT = Meters(input=-44, output=-12, threshold=-38, rtt=0.038)


def scenes() -> dict[str, Scene]:
    """All scenes by name: every state of the microphone over the same talk, and the moments around it."""
    told = {"hostile": hostile(), "written": written()}
    return mic_scenes() | told | talk_scenes() | sound_scenes() | card_scenes() | event_scenes() | number_scenes()


def mic_scenes() -> dict[str, Scene]:
    """Every state of the microphone."""
    return {name: Scene(made(), TALK[:-1]) for name, made in MICS.items()}


def talk_scenes() -> dict[str, Scene]:
    """Talking, and what can be done with turns."""
    chosen = tuple(replace(turn, item_id=f"item_{turn.key}") for turn in TALK[:-1])
    return {
        "talk": Scene(_TALKING, TALK),
        "interrupted": Scene(view(FREE, ReplyView("cut", 2.4, last_latency=0.412)), TALK[:11]),
        "speaking": Scene(MICS["barge-in-ready"](), _HEARD, _OUT),
        "half": Scene(MICS["half-duplex"](), _HEARD, _OUT),
        "ptt": Scene(view(PTT), TALK[:-1], Meters(input=-52, output=-60, threshold=-38, rtt=0.038)),
        "line-lost": Scene(MICS["line-lost"](), (*TALK[:-1], _LOST_NOTE), Meters(input=-52, threshold=-38)),
        "typing": Scene(MICS["half-duplex"](), _HEARD, _OUT, keys=("i", *"Write it in kana, please")),
        "turn-selected": Scene(view(PTT), chosen, keys=("up", "up", "up", "delete")),
    }


def sound_scenes() -> dict[str, Scene]:
    """Devices, and what is wrong with the sound."""
    lost, told = MICS["device-lost"](), (*TALK[:-1], _LOST_DEVICE)
    rest = Meters(threshold=-38, rtt=0.038)
    return {
        "devices": Scene(_TALKING, TALK, keys=("d",), devices=DEVICES),
        "device-gone": Scene(lost, told, Meters(), keys=("d",), devices=GONE, sound=WAITABLE),
        "device-lost": Scene(lost, told, rest, sound=WAITABLE),
        "received": Scene(_TALKING, TALK, SERVED),
        "self-echo": Scene(MICS["barge-in-ready"](), (*_HEARD, _SELF_ECHO), _OUT),
    }


def card_scenes() -> dict[str, Scene]:
    """What is there instead of a talk, or over it."""
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
    """The developer view."""
    flown = talk_rows()

    def shown(*keys: str) -> Scene:
        return Scene(_TALKING, TALK, rows=flown, keys=("f2", *keys))

    return {
        "events": Scene(_TALKING, TALK, keys=("f2",)),
        "developer": shown(),
        "details": shown(*["up"] * 3, "enter"),
        "details-error": shown("slash", *"is:error", "enter", "up", "enter"),
        "filter-bad": shown("slash", *"typ:resp"),
        "filter-none": shown("slash", *"zebra", "enter"),
        "marked": shown(*["up"] * 5, "M", "T", "up", "up", "M"),
        "payload": Scene(_TALKING, TALK, keys=("f2", "up", "enter")),
        "send-event": Scene(_TALKING, TALK, keys=("c",)),
    }


def number_scenes() -> dict[str, Scene]:
    """What it costs in time and money."""

    def shown(told: Numbers) -> Scene:
        return Scene(_TALKING, TALK, NUMBERS_METERS, keys=("f7",), numbers=told)

    return {
        "numbers": shown(numbers()),
        "numbers-empty": Scene(_TALKING, TALK[:1], keys=("f7",)),
        "numbers-free": shown(free_numbers()),
        "budget-near": shown(numbers(budget=0.2)),
    }

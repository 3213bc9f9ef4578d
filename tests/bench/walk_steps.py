"""The steps of a walk as data, chosen with a seed: `[kind, *arguments, seconds to wait behind it]`."""

from __future__ import annotations

import importlib
import pkgutil
import random
from functools import cache
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode

import voicechat.ui
from voicechat.ui.bindings import ACTIONS, key_name

Step = list[Any]
Plan = dict[str, Any]

QUESTIONS = ("What is twelve times seven?", "What time is it?", "Tell me a long story.", "What can you do?",
             "Call the weather tool with the city Paris.")  # fmt: skip
TEXTS = ("hello there", "x y z", "session", "mute", "42", "type:response", "日本語 ok", "/", "new", "echo")
SIZES = ((120, 36), (80, 24), (40, 12), (60, 16), (160, 50), (200, 60), (100, 30), (30, 8))
FAULTS = ("closes-after=3", "slow-first-sound", "fails-responses", "no-responses", "mute", "nonsense", "no-transcripts",
          "no-response-done", "no-output-buffer-events", "no-session-updated", "error", "expires-after=4", "silent",
          "server-error", "rate-limited")  # fmt: skip
LEAVING = frozenset({"vc.quit", "vc.quit_letter", "vc.end", "vc.new"})
"""How a walk ends is part of its plan."""
NAMES = {
    "escape": b"\x1b", "enter": b"\r", "tab": b"\t", "shift+tab": b"\x1b[Z", "backspace": b"\x7f", "delete": b"\x1b[3~",
    "up": b"\x1b[A", "down": b"\x1b[B", "right": b"\x1b[C", "left": b"\x1b[D", "home": b"\x1b[H", "end": b"\x1b[F",
    "pageup": b"\x1b[5~", "pagedown": b"\x1b[6~", "space": b" ", "ctrl+space": b"\x00", "ctrl+@": b"\x00",
    "f1": b"\x1bOP", "f2": b"\x1bOQ", "f3": b"\x1bOR", "f4": b"\x1bOS", "f5": b"\x1b[15~", "f6": b"\x1b[17~",
    "f7": b"\x1b[18~", "f8": b"\x1b[19~", "f9": b"\x1b[20~", "f10": b"\x1b[21~", "f11": b"\x1b[23~", "f12": b"\x1b[24~",
    "shift+up": b"\x1b[1;2A", "shift+down": b"\x1b[1;2B", "shift+left": b"\x1b[1;2D", "shift+right": b"\x1b[1;2C",
    "ctrl+left": b"\x1b[1;5D", "ctrl+right": b"\x1b[1;5C", "ctrl+home": b"\x1b[1;5H", "ctrl+end": b"\x1b[1;5F",
}  # fmt: skip
KITTY = {
    "escape": b"27;1u", "enter": b"13;1u", "tab": b"9;1u", "backspace": b"127;1u", "ctrl+space": b"32;5u",
    "ctrl+@": b"32;5u", "f8": b"19;1~", "f9": b"20;1~",
}  # fmt: skip
"""Where the protocol is spoken: modifiers and final byte behind a key; press and release are told apart by it."""
_WEIGHTS = {
    "key": 46, "ask": 11, "say": 11, "hold": 8, "type": 4, "resize": 4, "focus": 3, "wait": 2, "mic": 3, "speaker": 1,
    "stall_sound": 2, "kill_sound": 1, "stall_server": 2, "kill_server": 1, "fault": 2,
}  # fmt: skip


def key_bytes(name: str, *, kitty: bool) -> bytes:
    """What a terminal sends for a key that is pressed and released; empty for a key it cannot send."""
    if kitty and name in KITTY:
        return b"\x1b[%s%c\x1b[%s:3%c" % (KITTY[name][:-1], KITTY[name][-1], KITTY[name][:-1], KITTY[name][-1])
    if kitty and name in _characters():
        char = _characters()[name]
        code, shift = (ord(char.lower()), 2) if char.isupper() else (ord(char), 1)
        return f"\x1b[{code};{shift};{ord(char)}u\x1b[{code};{shift}:3u".encode()
    if name in NAMES:
        return NAMES[name]
    if name.startswith("ctrl+") and len(name) == 6 and name[5].isalpha():
        return bytes([ord(name[5]) & 31])
    return _characters().get(name, "").encode()


@cache
def _characters() -> dict[str, str]:
    return {key_name(chr(code)): chr(code) for code in range(33, 127)}


@cache
def all_keys() -> tuple[str, ...]:
    """Every key that is bound anywhere on the screen, but for those that leave; sorted."""
    for module in pkgutil.walk_packages(voicechat.ui.__path__, "voicechat.ui."):
        importlib.import_module(module.name)
    keys = {key for action in ACTIONS if action.id not in LEAVING for key in action.keys.split(",")}
    leaving = {key for action in ACTIONS if action.id in LEAVING for key in action.keys.split(",")}
    classes = [DOMNode]
    for kind in classes:
        classes += kind.__subclasses__()
        if kind.__module__.startswith("voicechat.ui."):
            for binding in kind.__dict__.get("BINDINGS", ()):
                bound = binding.key if isinstance(binding, Binding) else binding[0]
                keys |= set(bound.split(","))
    return tuple(sorted(key for key in keys - leaving if key and key_bytes(key, kitty=True)))


def plan_of(seed: int, steps: int) -> Plan:
    """A walk; the same seed gives the same."""
    chance = random.Random(seed)
    plan: Plan = {
        "seed": seed,
        "transport": chance.choice(("webrtc", "websocket")),
        "mode": chance.choice(("hands-free", "hands-free", "push-to-talk")),
        "server": chance.choice(("real", "quick", "quick", "spawned")),
        "kitty": chance.random() < 0.6,
        "size": list(chance.choice(SIZES[:2])),
        "quit": chance.choice(("ctrl+q", "q q")),
        "allow": chance.choice(("", "weather")),
    }
    plan["steps"] = [[*_step(chance), round(chance.uniform(0.3, 1.2), 2)] for _ in range(steps)]
    return plan


def _step(chance: random.Random) -> Step:
    kind = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    match kind:
        case "key":
            return ["key", chance.choice(all_keys())]
        case "ask":
            return ["ask", chance.choice(QUESTIONS)]
        case "type":
            return ["type", chance.choice(TEXTS), chance.random() < 0.7]
        case "say":
            return ["say", chance.randrange(100), round(chance.uniform(0.6, 2.5), 1)]
        case "hold":
            said = chance.randrange(100) if chance.random() < 0.7 else -1
            return ["hold", said, round(chance.uniform(0.05, 2.0), 2), chance.random() < 0.85]
        case "resize":
            return ["resize", *chance.choice(SIZES)]
        case "focus":
            return ["focus", round(chance.uniform(0.1, 2.0), 1)]
        case "mic":
            return ["mic", chance.choice(("lose", "back"))]
        case "fault":
            return ["fault", chance.choice(("", *FAULTS))]
        case "wait":
            return ["wait", round(chance.uniform(0.5, 3.0), 1)]
    longest = {"speaker": 2.0, "stall_sound": 6.0, "kill_sound": 2.0, "stall_server": 4.0, "kill_server": 2.0}[kind]
    return [kind, round(chance.uniform(0.3, longest), 1)]

"""The chat's options, read without the option parser: it costs 80 ms, a quarter of the time to the first frame.

Only what is plainly an option of the chat is read here; anything else (help, another command, a typing error) goes to
the full parser, which explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WITH_VALUE = (
    "provider",
    "base_url",
    "transport",
    "handshake",
    "dialect",
    "auth_style",
    "model",
    "voice",
    "instructions",
    "language",
    "output",
    "greet",
    "turn_mode",
    "preset",
    "session",
    "mic",
    "speaker",
    "latency",
    "budget",
    "config",
    "token_url",
    "record",
    "otlp",
    "translate",
    "translate_url",
    "translate_model",
    "interpreter",
    "live_translate",
    "profile",
    "theme",
)
SWITCHES = {
    "--barge-in": ("barge_in", True),
    "--no-barge-in": ("barge_in", False),
    "--echo": ("echo_cancel", True),
    "--no-echo": ("echo_cancel", False),
    "--headphones": ("headphones", True),
    "--noise": ("noise_suppression", True),
    "--no-noise": ("noise_suppression", False),
    "--budget-stop": ("budget_stop", True),
    "--no-budget-stop": ("budget_stop", False),
    "--insecure": ("insecure", True),
    "--gain": ("gain_control", True),
    "--no-gain": ("gain_control", False),
    "--ascii": ("ascii", True),
    "--plain": ("plain", True),
    "--redact": ("redact", True),
    "--otlp-words": ("otlp_words", True),
}
MANY = {
    "--header": "headers",
    "--query": "query",
    "--ice-server": "ice_servers",
    "--tools": "tools",
    "--allow-tools": "allow_tools",
}
"""Options that may be repeated."""
NUMBERS = ("budget",)
VALUES = {"--" + name.replace("_", "-"): name for name in WITH_VALUE} | {"--continue": "continue_from"}


def chat_flags(arguments: Sequence[str]) -> dict[str, Any] | None:
    """What was given, by setting; None when the full parser should look at it."""
    flags: dict[str, Any] = {}
    rest = list(arguments[1:] if arguments[:1] == ["chat"] else arguments)
    while rest:
        word = rest.pop(0)
        option, has_value, value = word.partition("=")
        if word in SWITCHES:
            name, choice = SWITCHES[word]
            flags[name] = choice
        elif option not in VALUES | MANY or not (has_value or rest) or (not has_value and rest[0].startswith("-")):
            return None
        elif option in MANY:
            flags.setdefault(MANY[option], []).append(value if has_value else rest.pop(0))
        else:
            name, said = VALUES[option], value if has_value else rest.pop(0)
            if name in NUMBERS and not said.replace(".", "", 1).isdecimal():
                return None
            flags[name] = float(said) if name in NUMBERS else said
    return flags

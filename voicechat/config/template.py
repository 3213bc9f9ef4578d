"""The commented file that `voicechat config init` writes: every setting, from the settings table itself."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from voicechat.config.settings import TABLE, kind_of

HEADINGS = {
    "provider": "Who answers",
    "voice": "What is said",
    "preset": "Taking turns",
    "session": "The session and the service, in detail",
    "mic": "Sound",
    "theme": "The screen",
    "brain_url": "The local server",
    "connect_timeout": "Connecting, keys and cost",
}
"""A heading stands before the setting of its key and covers all that follow in the table."""
_WIDTH = 100
TOP = """\
# Configuration of voicechat. Flags beat the environment (VOICECHAT_<SETTING>), the environment beats
# the profile, the profile beats the rest of this file. Take away a # to set something.
#   voicechat config check   says what is wrong here      voicechat config show   says what holds and why
# An API key never stands here: it comes from the environment, from api_key_command, or from the keyring.
"""
BOTTOM = """\

# ---- Your own keys on the keyboard: a binding's id and the key (`?` on the screen lists them)
# [keys]
# "vc.mute" = "f6"

# ---- Your own prices, in US dollars for a million tokens
# [prices."gpt-realtime-2.1"]
# audio_out = 64.0

# ---- Profiles: the same settings for another occasion, chosen with --profile NAME or `profile = "NAME"` at the top
# [profiles.work]
# provider = "openai"
# voice = "cedar"
"""


def template() -> str:
    """The whole file."""
    return TOP + "\n".join(_lines()) + "\n" + BOTTOM


def _lines() -> Iterator[str]:
    yield ""
    yield '# profile = ""'
    for name, field in TABLE.items():
        if name in HEADINGS:
            yield ""
            yield f"# ---- {HEADINGS[name]}"
        about, choices = str(field.metadata["about"]), field.metadata["choices"]
        low, high = field.metadata["range"]
        if high:
            about += f" ({low:g} to {high:g})"
        yield ""
        yield from (f"# {line}" for line in textwrap.wrap(about[0].upper() + about[1:] + ".", _WIDTH))
        if choices:
            yield from (f"#   {line}" for line in textwrap.wrap("one of: " + ", ".join(choices), _WIDTH - 2))
        yield f"# {name} = {default_text(name)}"


def default_text(name: str) -> str:
    """The default of a setting as TOML writes it; an example where the default cannot be written."""
    default: Any = TABLE[name].default
    kind = kind_of(name)
    if kind is dict:
        return '{ "X-Example" = "value" }'
    if kind is tuple:
        return "[]"
    if kind is bool:
        return "true" if default is None or default else "false"
    if kind is float:
        return repr(float(default))
    return json.dumps(default, ensure_ascii=False)

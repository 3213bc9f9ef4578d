"""API keys: from the environment only, never from argv or a file, and never printed.

A key that merely lies in the environment spends nothing: it is used only when the user chose a provider.
"""

from __future__ import annotations

from collections.abc import Mapping

KEY_VARIABLES = ("VOICECHAT_API_KEY", "OPENAI_API_KEY")


def find_key(environ: Mapping[str, str], provider: str) -> tuple[str, str]:
    """(variable name, key) for a provider, or two empty strings.

    A `custom` address gets VOICECHAT_API_KEY only: a key of OpenAI's must not travel to somebody else's server.
    """
    names = {"local": (), "custom": KEY_VARIABLES[:1]}.get(provider, KEY_VARIABLES)
    for name in names:
        if key := environ.get(name, "").strip():
            return name, key
    return "", ""


def key_lying_about(environ: Mapping[str, str]) -> str:
    """Name of a variable that holds a key, for the welcome card; empty if there is none."""
    return next((name for name in KEY_VARIABLES if environ.get(name, "").strip()), "")


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child that has no business with keys (the local server)."""
    return {name: value for name, value in environ.items() if not name.endswith(("_API_KEY", "_TOKEN", "_SECRET"))}


def hide(text: str, *keys: str) -> str:
    """`text` with every occurrence of a key replaced, for errors that quote what a server said."""
    for key in keys:
        if len(key) >= 6:
            text = text.replace(key, "[key hidden]")
    return text

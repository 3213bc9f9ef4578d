"""The last look before something leaves for a bug report: nothing that is or looks like a key may be in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

KEY = "[key]"
SHORTEST = 8
"""A shorter value is no key, and would be found in too many words."""
PRIVATE_NAMES = re.compile(
    r"(_API_KEY|_TOKEN|_SECRET|_TOKEN_ACCESS|_TRANSLATE_KEY|_PASSWORD|_ACCESS_KEY|_OTLP_HEADERS|_TRACES_HEADERS)$"
    r"|^(API_KEY|TOKEN|PASSWORD|VOICECHAT_(HEADERS|QUERY|ICE_SERVERS))$"
)
LOOKS_SECRET = re.compile(
    r"\b(?:sk|ek|rk|pk|gsk|xai|ghp|gho|glpat|hf|tok)[-_][A-Za-z0-9_\-*.]{8,}"
    r"|\bAIza[0-9A-Za-z_\-]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?"
    r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/\-]{8,}=*"
    r"|(?<=://)[^/\s@\"]+:[^/\s@\"]+@"
)
"""Keys of the services there are, of hosts of code, of clouds; web tokens; a password in an address."""


def private_values(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What the environment holds that nobody else may know."""
    found = {value.strip() for name, value in environ.items() if PRIVATE_NAMES.search(name)}
    return tuple(sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True))


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that needs no key."""
    return {name: value for name, value in environ.items() if not PRIVATE_NAMES.search(name)}


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """`text` with every key replaced, known or by its looks."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            text = text.replace(secret, KEY)
    return LOOKS_SECRET.sub(KEY, text)


def leaks(raw: bytes, secrets: Iterable[str]) -> bool:
    """Whether a key is in there all the same, as it stands or as JSON would write it."""
    if LOOKS_SECRET.search(raw.decode("utf-8", "replace")):
        return True
    known = [secret for secret in secrets if len(secret) >= SHORTEST]
    return any(form in raw for secret in known for form in (secret.encode(), secret.encode("unicode_escape")))

"""How a key travels, and where it must not: encrypted or within this machine, and only as the service wants it.

Headers and query of the user's own may hold secrets too (a gateway's password, a tenant's token), so they count as
secrets unless they are known to hold none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from voicechat.errors import SignallingError
from voicechat.transports.endpoint import may_carry_key
from voicechat.transports.target import AuthStyle, LineTarget

OPEN_HEADERS = frozenset({"accept", "content-type", "openai-beta", "user-agent"})
OPEN_QUERY = frozenset({"model", "api-version", "deployment", "intent", "language", "transcription_model"})
"""Names (lower case) that never hold a secret."""
QUERY_NAME = "api-key"
"""The member of the query that carries a key where the service wants it there."""
_SHORTEST_SECRET = 6
"""A shorter value is not worth hiding, and would make holes in ordinary text."""


def credentials(url: str, target: LineTarget, key: str | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """(headers, query) for a request to `url`: what the user added and the key. `key` stands in for the target's own.

    Raises SignallingError rather than let a secret travel unencrypted, and for a key that cannot be one.
    """
    used = target.key if key is None else key
    if (used or _holds_secret(target)) and not target.insecure and not may_carry_key(url):
        raise SignallingError(
            f"the key will not be sent to {urlsplit(url).netloc} without encryption",
            hint="use an https:// address; --insecure sends it all the same, for everybody on the way to read",
            code="unencrypted",
        )
    headers, query = dict(target.headers), dict(target.query)
    if used:
        _check(used)
        # A short-lived key is a bearer token wherever the standard one goes.
        style: AuthStyle = "bearer" if key is not None and key != target.key else target.auth_style
        if style == "bearer":
            headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            headers["Authorization"] = f"Bearer {used}"
        elif style == "api-key":
            headers["api-key"] = used
        else:
            query[QUERY_NAME] = used
    return headers, query


def secrets_of(target: LineTarget) -> tuple[str, ...]:
    """Everything of a target that must never be shown, longest first."""
    values = [target.key, *_values(target.headers, OPEN_HEADERS), *_values(target.query, OPEN_QUERY)]
    return tuple(sorted((value for value in values if len(value) >= _SHORTEST_SECRET), key=len, reverse=True))


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced: services quote requests when they refuse them."""
    for secret in secrets:
        text = text.replace(secret, "[key]")
    return text


def _holds_secret(target: LineTarget) -> bool:
    return any((*_values(target.headers, OPEN_HEADERS), *_values(target.query, OPEN_QUERY)))


def _values(table: Mapping[str, str], known: frozenset[str]) -> Iterable[str]:
    return (value for name, value in table.items() if name.lower() not in known)


def _check(key: str) -> None:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SignallingError(
            "the key has characters in it that no key has",
            hint="copy it again, without spaces or line breaks around it",
        )

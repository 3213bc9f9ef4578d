"""One POST of a handshake: the answer is read to a bounded end, and no redirect carries a secret to another host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from voicechat.transports.endpoint import followed, is_same_service, proxy_for
from voicechat.transports.refusals import refused_redirect, unreachable

LARGEST_BODY = 262_144
"""Bytes read of any answer; a session description has a few thousand."""
MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})

Body = aiohttp.FormData | bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    url: str = field(repr=False)
    """Where it came from, after redirects."""
    status: int
    location: str
    retry_after: str
    body: str = field(repr=False)
    is_whole: bool


async def post(
    http: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    make_body: Callable[[], Body],
    timeout: float,
) -> Reply:
    """Ask, and follow redirects within the service. A form can be sent once only, hence `make_body`.

    Raises SignallingError when there is no answer, or when it leads elsewhere.
    """
    for _ in range(MOST_REDIRECTS + 1):
        reply = await _once(http, url, headers, query, make_body(), timeout)
        if reply.status not in REDIRECTS:
            return reply
        next_url = followed(url, reply.location)
        if not next_url or not is_same_service(url, next_url):
            raise refused_redirect(url, next_url)
        url, query = next_url, {}
    raise refused_redirect(url, url)


async def _once(
    http: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    body: Body,
    timeout: float,
) -> Reply:
    """Third-party trouble becomes a SignallingError here."""
    try:
        async with http.post(
            url,
            data=body,
            headers=headers,
            params=query,
            timeout=aiohttp.ClientTimeout(total=timeout),
            proxy=proxy_for(url),
            allow_redirects=False,
        ) as response:
            raw = await _read(response)
            return Reply(
                url=url,
                status=response.status,
                location=response.headers.get("Location", ""),
                retry_after=response.headers.get("Retry-After", ""),
                body=raw.decode("utf-8", "replace"),
                is_whole=len(raw) <= LARGEST_BODY,
            )
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise unreachable(urlsplit(url).netloc, error, timeout) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """At most `LARGEST_BODY` bytes, and one more when there were more."""
    parts, size = [], 0
    while size <= LARGEST_BODY:
        part = await response.content.read(LARGEST_BODY + 1 - size)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)

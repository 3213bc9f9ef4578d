"""The handshake over HTTP: an offer goes out, an answer comes back, and everything else has a name.

Two styles: `multipart` (one request with the offer and the session's configuration) and `sdp` (the bare offer). What
the other side says when it refuses is read before anything is taken for a session description, because services answer
with JSON, HTML, nothing, or far too much. Each failure is one SignallingError: what happened, what to do, whether
trying again may help.

The key travels in the Authorization header only, to https or to this machine only, and no redirect carries it to
another host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from voicechat.errors import SignallingError
from voicechat.transports.endpoint import endpoint, followed, is_same_service, may_carry_key, proxy_for
from voicechat.transports.refusals import refused, refused_redirect, unreachable
from voicechat.transports.target import Handshake

_LARGEST_BODY = 262_144
"""Bytes read of any answer; a session description has a few thousand."""
_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CALL_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_HANG_UP_TIMEOUT = 2.0
_SECRET_HEADERS = frozenset({"authorization", "api-key", "x-api-key", "cookie", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class CallRequest:
    """All that a handshake needs. Secrets never show in a repr."""

    base_url: str
    key: str = field(repr=False)
    model: str
    offer: str = field(repr=False)
    session: Mapping[str, object] | None = None
    handshake: Handshake = "multipart"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    path: str = "realtime/calls"


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The service took the call."""

    sdp: str
    call_id: str
    """Last part of the Location header; empty where there was none."""
    status: int


async def exchange_sdp(http: aiohttp.ClientSession, request: CallRequest) -> CallAnswer:
    """Send the offer, return the answer. Raises SignallingError for anything that is not an answer."""
    url = endpoint(request.base_url, request.path)
    headers = _headers(url, request.key, request.headers)
    query = dict(request.query)
    if request.handshake == "sdp":
        headers["Content-Type"] = "application/sdp"
        if request.model:
            query.setdefault("model", request.model)
    for _ in range(_MOST_REDIRECTS + 1):
        reply = await _post(http, url, request, headers, query)
        if reply.status not in _REDIRECTS:
            return _answer(reply, url, request.key)
        next_url = followed(url, reply.location)
        if not next_url or not is_same_service(url, next_url):
            raise refused_redirect(url, next_url)
        url, query = next_url, {}
    raise refused_redirect(url, url)


async def hang_up(
    http: aiohttp.ClientSession,
    base_url: str,
    key: str,
    call_id: str,
    *,
    headers: Mapping[str, str] | None = None,
    path: str = "realtime/calls",
) -> str:
    """Tell the service that the call is over; returns why it was not told, or an empty string. Never raises."""
    if not _CALL_ID.fullmatch(call_id):
        return "the service gave the call no name"
    try:
        url = f"{endpoint(base_url, path)}/{call_id}/hangup"
        sent = _headers(url, key, headers or {})
        timeout = aiohttp.ClientTimeout(total=_HANG_UP_TIMEOUT)
        async with http.post(
            url, headers=sent, timeout=timeout, proxy=proxy_for(url), allow_redirects=False
        ) as response:
            return "" if response.status < 300 else f"the service answered {response.status}"
    except SignallingError as error:
        return error.message
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return f"the service could not be told ({type(error).__name__})"


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    location: str
    retry_after: str
    body: str
    is_whole: bool


async def _post(
    http: aiohttp.ClientSession,
    url: str,
    request: CallRequest,
    headers: Mapping[str, str],
    query: Mapping[str, str],
) -> _Reply:
    """One request, read to a bounded end; third-party trouble becomes a SignallingError here."""
    host = urlsplit(url).netloc
    timeout = aiohttp.ClientTimeout(total=request.timeout)
    try:
        async with http.post(
            url,
            data=_body(request),
            headers=headers,
            params=query,
            timeout=timeout,
            proxy=proxy_for(url),
            allow_redirects=False,
        ) as response:
            raw = await _read(response)
            return _Reply(
                status=response.status,
                location=response.headers.get("Location", ""),
                retry_after=response.headers.get("Retry-After", ""),
                body=raw.decode("utf-8", "replace"),
                is_whole=len(raw) <= _LARGEST_BODY,
            )
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise unreachable(host, error, request.timeout) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """At most `_LARGEST_BODY` bytes, and one more when there were more."""
    parts, size = [], 0
    while size <= _LARGEST_BODY:
        part = await response.content.read(_LARGEST_BODY + 1 - size)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _body(request: CallRequest) -> aiohttp.FormData | bytes:
    if request.handshake == "sdp":
        return request.offer.encode()
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("sdp", request.offer, content_type="application/sdp")
    form.add_field("session", json.dumps(_session(request)), content_type="application/json")
    return form


def _session(request: CallRequest) -> dict[str, object]:
    """The configuration part; type and model are what a service needs to know in any case."""
    session: dict[str, object] = {"type": "realtime", **(request.session or {})}
    if request.model:
        session.setdefault("model", request.model)
    return session


def _headers(url: str, key: str, extra: Mapping[str, str]) -> dict[str, str]:
    """What is sent along. Raises SignallingError rather than let a secret travel unencrypted."""
    has_secret = bool(key) or any(name.lower() in _SECRET_HEADERS for name in extra)
    if has_secret and not may_carry_key(url):
        raise SignallingError(
            f"the key will not be sent to {urlsplit(url).netloc} without encryption",
            hint="use an https:// address, or leave the key out for a server that needs none",
        )
    headers = {"Accept": "application/sdp", **extra}
    if key:
        if not key.isascii() or not key.isprintable() or " " in key:
            raise SignallingError(
                "the key has characters in it that no key has",
                hint="copy it again, without spaces or line breaks around it",
            )
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _answer(reply: _Reply, url: str, key: str) -> CallAnswer:
    """The session description in a reply, or the reason why there is none."""
    host = urlsplit(url).netloc
    if not 200 <= reply.status < 300:
        raise refused(host, reply.status, reply.body, reply.retry_after, key)
    if not reply.is_whole:
        raise SignallingError(
            f"{host} answered with far more than a session description",
            hint="is base_url the address of a Realtime service?",
            status=reply.status,
        )
    sdp = _described(reply.body)
    if not sdp.lstrip().startswith("v="):
        raise refused(host, reply.status, reply.body, reply.retry_after, key)
    return CallAnswer(sdp=sdp, call_id=_call_id(followed(url, reply.location)), status=reply.status)


def _described(body: str) -> str:
    """The SDP text; some services wrap it in JSON when they feel like it."""
    if not body.lstrip().startswith("{"):
        return body
    try:
        wrapped = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    sdp = wrapped.get("sdp") if isinstance(wrapped, dict) else None
    return sdp if isinstance(sdp, str) else ""


def _call_id(location: str) -> str:
    """`/v1/realtime/calls/rtc_123` -> `rtc_123`; empty for anything that is not a plain name."""
    last = urlsplit(location).path.rstrip("/").rsplit("/", 1)[-1]
    return last if _CALL_ID.fullmatch(last) else ""

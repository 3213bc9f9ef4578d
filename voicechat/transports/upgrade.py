"""From a target to an open WebSocket: address, credentials, the HTTP request that becomes one, and every refusal of it.

aiohttp raises away the body of a refused upgrade, and the body is where services say why. A trace reads it first. The
same trace stops a redirect that would carry the key to another host.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import aiohttp

from voicechat.errors import SignallingError
from voicechat.transports.endpoint import endpoint, followed, is_same_service, proxy_for
from voicechat.transports.refusals import refused, refused_redirect, unreachable
from voicechat.transports.target import PATHS, LineTarget, credentials, secrets_of, without_secrets
from voicechat.transports.tokens import fetched, with_living_token

LARGEST_MESSAGE = 16 * 1024 * 1024
"""Bytes of one message of the service: four minutes of sound at once, and nobody sends so much."""
_LARGEST_BODY = 262_144
_CLOSING = 0.5
"""Seconds that the other end has to answer our goodbye."""
_UNACKNOWLEDGED = 5_000
"""Milliseconds after which the system gives up on data that the other machine does not confirm (RFC 5482): the last
resort for services that answer no ping."""


class Upgraded:
    """An open socket and the HTTP client it belongs to."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.http = http
        self.socket = socket

    async def close(self, *, code: int = 1000) -> None:
        """Say goodbye and wait a moment for the answer. Any number of times."""
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            await self.socket.close(code=code)
        await self.http.close()

    def quiet_for(self) -> float | None:
        """Seconds since any byte came, where the system tells (Linux): a large message that is still on its way is a
        sign of life too."""
        info = getattr(socket, "TCP_INFO", None)
        plain = self.socket.get_extra_info("socket")
        if info is None or plain is None or not sys.platform.startswith("linux"):
            return None
        try:
            raw = plain.getsockopt(socket.IPPROTO_TCP, info, 104)
        except (OSError, ValueError):
            return None
        # struct tcp_info: 8 bytes, then 32-bit counters; the twelfth is tcpi_last_data_recv in milliseconds.
        return int.from_bytes(raw[52:56], sys.byteorder) / 1000.0 if len(raw) >= 56 else None


def address(target: LineTarget) -> tuple[str, dict[str, str]]:
    """(URL, query) of the service's WebSocket; the scheme is http or https, which the upgrade turns into ws or wss.

    Raises SignallingError for no address at all.
    """
    model = target.model if target.api != "live" else ""  # there it stands in the session, and a query is refused
    if not target.websocket_url:
        return endpoint(target.base_url, PATHS[target.api]), {"model": model} if model else {}
    try:
        parts = urlsplit(target.websocket_url.strip())
        scheme = {"ws": "http", "wss": "https", "http": "http", "https": "https"}.get(parts.scheme.lower(), "")
        valid = bool(scheme and parts.hostname) and parts.port != 0 and not parts.username and not parts.password
    except ValueError:
        valid = False
    if not valid:
        raise SignallingError(
            "the WebSocket address cannot be understood",
            hint="websocket_url should look like wss://host/v1/realtime",
            code="invalid",
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if model:
        query.setdefault("model", model)
    return urlunsplit((scheme, parts.netloc, parts.path, "", "")), query


async def upgrade(target: LineTarget, *, wall: Callable[[], float] = time.time) -> Upgraded:
    """Open the WebSocket, with a short-lived key where the target has a token server: a WebSocket shows it as it would
    show a standard key. Raises SignallingError with nothing left open; the key never shows in it.
    """
    if not target.token_url:
        return await _upgraded(target)
    if target.api == "live":
        hint = "leave --transport out, or choose webrtc: the token server passes its offer on"
        raise SignallingError("GPT-Live has no short-lived keys for a WebSocket", hint=hint, code="config")
    async with aiohttp.ClientSession() as http:
        return await with_living_token(
            lambda: fetched(http, target, wall()),
            lambda token: _upgraded(replace(target, key=token.value, auth_style="bearer")),
            wall,
        )


async def _upgraded(target: LineTarget) -> Upgraded:
    url, query = address(target)
    headers, more = credentials(url, target)
    host = urlsplit(url).netloc
    refusals = _Refusals()
    http = aiohttp.ClientSession(trace_configs=[refusals.trace()], auto_decompress=True)
    try:
        opened = await http.ws_connect(
            url,
            headers=headers,
            params=query | more,
            proxy=proxy_for(url),
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING),
            max_msg_size=LARGEST_MESSAGE,
            autoping=False,
            compress=0,
        )
        _guard(opened)
    except BaseException as error:
        await http.close()
        match error:
            case aiohttp.WSServerHandshakeError():
                raise _refusal(target, host, error, refusals.body) from error
            case aiohttp.ClientError() | OSError() | ValueError():
                raise unreachable(host, error, target.connect_timeout) from error
            case _:
                raise
    return Upgraded(http, opened)


def _refusal(target: LineTarget, host: str, error: aiohttp.WSServerHandshakeError, body: str) -> SignallingError:
    if error.status == 101:
        return SignallingError(
            f"{host} answered, but not as a WebSocket does",
            hint="is base_url the address of a Realtime service? A proxy on the way may not let WebSockets through",
            status=101,
            code="http",
        )
    if 200 <= error.status < 300:
        if (page := refused(host, error.status, body, "", "")).code == "html":
            return page
        return SignallingError(
            f"{host} answered, but takes no WebSocket here ({error.status})",
            hint="is base_url the address of a Realtime service?",
            status=error.status,
            code="no_websocket",
        )
    said = without_secrets(body, secrets_of(target))
    retry_after = error.headers.get("Retry-After", "") if error.headers is not None else ""
    sent_none, is_standard = target.is_anonymous, not target.token_url
    return refused(host, error.status, said, retry_after, target.key, sent_none=sent_none, is_standard=is_standard)


def _guard(opened: aiohttp.ClientWebSocketResponse) -> None:
    plain, option = opened.get_extra_info("socket"), getattr(socket, "TCP_USER_TIMEOUT", None)
    if plain is not None and option is not None:
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.IPPROTO_TCP, option, _UNACKNOWLEDGED)


class _Refusals:
    """What aiohttp would not tell about a refused upgrade."""

    def __init__(self) -> None:
        self.body = ""

    def trace(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._ended)
        trace.on_request_redirect.append(self._redirected)
        return trace

    async def _ended(
        self, http: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        """Read at most `_LARGEST_BODY` of an answer that is no upgrade."""
        response = params.response
        if response.status == 101:
            return
        raw = b""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            while len(raw) < _LARGEST_BODY and (part := await response.content.read(_LARGEST_BODY)):
                raw += part
        self.body = raw[:_LARGEST_BODY].decode("utf-8", "replace")

    async def _redirected(
        self, http: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        here = str(params.url)
        there = followed(here, params.response.headers.get("Location", ""))
        there = there.replace("wss://", "https://", 1).replace("ws://", "http://", 1)
        if not there or not is_same_service(here, there):
            raise refused_redirect(here, there)

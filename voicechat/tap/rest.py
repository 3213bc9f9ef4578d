"""Requests beside the calls (keys, models, hang-up, preflights): passed on and back as they are, and named.

HTTP answers: the service's as they came, and the tap's own where there is none.
"""

from __future__ import annotations

import json

import aiohttp
import msgspec
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from voicechat.errors import SignallingError
from voicechat.tap.registry import CONNECT_LIMIT, SessionRegistry
from voicechat.tap.upstream import passed_on, secrets_of, shown_path
from voicechat.transports.endpoint import proxy_for
from voicechat.transports.refusals import unreachable
from voicechat.visitors import sent_in_time


def answer_of(status: int, reason: str, headers: CIMultiDict[str], body: bytes) -> web.Response:
    """The service's answer for the client, body byte for byte."""
    return web.Response(status=status, reason=reason or None, headers=passed_on(headers), body=body)


def problem(status: int, code: str, message: str) -> web.Response:
    """An error of the tap itself, in the form that clients of the protocol read."""
    error = {"message": message, "type": "tap_error", "code": code, "param": None}
    return web.json_response({"error": error}, status=status, dumps=json.dumps)


LARGEST = 32 * 1024 * 1024
"""Bytes of a body, either way."""


async def forward(request: web.Request, registry: SessionRegistry) -> web.Response:
    """Any request that is no call."""
    began = registry.clock()
    async with sent_in_time():
        body = await request.read()
    answer = await ask(registry, request.method, request.raw_path, passed_on(request.headers), body)
    _learn_keys(registry, answer)
    seconds = round(registry.clock() - began, 4)
    key = "given" if secrets_of(request.headers, request.raw_path) else "none"
    path = shown_path(request.raw_path)
    registry.asked(method=request.method, path=path, status=answer.status, seconds=seconds, key=key)
    return answer


async def ask(
    registry: SessionRegistry, method: str, path: str, headers: CIMultiDict[str], body: bytes
) -> web.Response:
    """The service's answer, or 502 with the reason."""
    url = registry.upstream.url(path)
    try:
        async with (
            registry.http() as http,
            http.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body or None,
                proxy=proxy_for(url),
                allow_redirects=False,
            ) as reply,
        ):
            raw = await _read(reply)
            if raw is None:
                return problem(502, "upstream_too_large", f"voicechat tap: an answer of more than {LARGEST} bytes")
            return answer_of(reply.status, reply.reason or "", CIMultiDict(reply.headers), raw)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        why = unreachable(registry.upstream.host, error, CONNECT_LIMIT).message
        return problem(502, "upstream_unreachable", f"voicechat tap: {why}")
    except SignallingError as error:
        return problem(502, "upstream_unreachable", f"voicechat tap: {error.message}")


async def _read(reply: aiohttp.ClientResponse) -> bytes | None:
    raw = bytearray()
    async for part in reply.content.iter_any():
        raw += part
        if len(raw) > LARGEST:
            return None
    return bytes(raw)


def _learn_keys(registry: SessionRegistry, answer: web.Response) -> None:
    """A short-lived key in the answer is a secret from now on."""
    if not isinstance(answer.body, bytes) or not answer.content_type.endswith("json"):
        return
    try:
        told = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if not isinstance(told, dict):
        return
    secret = told.get("client_secret")
    for value in (told.get("value"), secret.get("value") if isinstance(secret, dict) else secret):
        if isinstance(value, str) and len(value) >= 6:
            registry.issued(value)

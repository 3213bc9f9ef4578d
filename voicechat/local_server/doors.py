"""Who may come in: clients on this computer, and web pages served from this computer. Pure.

The server listens on loopback, but a browser on this computer runs pages from anywhere. Two checks keep those out: the
Host header must name this computer (a page whose name was re-pointed at 127.0.0.1 sends its own name), and an Origin,
where there is one, must be a page of this computer. Any key is accepted: there is nothing here that a key protects.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from aiohttp import web

from voicechat.local_server.faults import Fault
from voicechat.local_server.refusals import Refusal, invalid
from voicechat.protocol.wire import JsonValue
from voicechat.transports.endpoint import is_loopback
from voicechat.visitors import sent_in_time

ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, OpenAI-Beta, OpenAI-Safety-Identifier, X-OpenAI-Agents-SDK, X-API-Key"
)
RETRY_AFTER = "5"
"""Seconds after which a client that found every session in use may ask again."""
_METHODS = "GET, POST, DELETE, OPTIONS"
_STATUS = {
    "invalid_api_key": 401,
    "forbidden": 403,
    "not_found": 404,
    "request_too_large": 413,
    "unsupported_content_type": 415,
    "upgrade_required": 426,
    "model_load_error": 503,
    "session_limit_reached": 503,
}
"""Of refusals by HTTP; 400 for all others."""


def why_not(host: str, origin: str) -> str:
    """Why a request with these headers is not let in, or an empty string."""
    if not _is_here(f"http://{host}"):
        return "This server answers only to the names of this computer."
    if origin and not _is_here(origin):
        return "Web pages from other computers may not use this server."
    return ""


def _is_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def cors_headers(origin: str, asked_headers: str) -> dict[str, str]:
    """What lets a page of this computer call us, see where its call is, and send the headers it announced."""
    if not origin:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": (asked_headers.isprintable() and asked_headers) or ALLOWED_HEADERS,
        "Access-Control-Expose-Headers": "Location",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }


def refusal_response(refusal: Refusal, status: int = 0) -> web.Response:
    """A refusal as the service's JSON error body; its code says the status, unless that is given."""
    status = status or _STATUS.get(refusal.code, 400)
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
    return web.json_response({"error": refusal.fields()}, status=status, headers=headers)


def fault_response(fault: Fault) -> web.Response | None:
    """What every handshake gets while this fault is in force, if it is one of the handshake."""
    answer = fault.http_answer()
    if answer is None:
        return None
    status, content_type, text = answer
    headers = {"Retry-After": fault.value} if status == 429 and fault.value else {}
    return web.Response(status=status, text=text, content_type=content_type, headers=headers)


async def read_object(request: web.Request) -> dict[str, JsonValue]:
    """The body, a JSON object; empty where there is none. Raises Refusal."""
    async with sent_in_time():
        return object_in(await request.read(), "body")


def object_in(text: bytes, what: str) -> dict[str, JsonValue]:
    """The JSON object of a text; empty for an empty text. Raises Refusal."""
    try:
        given = json.loads(text or b"{}")
    except (ValueError, RecursionError) as error:
        raise invalid(what, f"it cannot be read ({type(error).__name__}).") from error
    if not isinstance(given, dict):
        raise invalid(what, "it must be a JSON object.")
    return given

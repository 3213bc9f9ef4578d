"""Who may come in: clients on this computer, and web pages served from this computer. Pure.

The server listens on loopback, but a browser on this computer runs pages from anywhere. Two checks keep those out: the
Host header must name this computer (a page whose name was re-pointed at 127.0.0.1 sends its own name), and an Origin,
where there is one, must be a page of this computer. Any key is accepted: there is nothing here that a key protects.
"""

from __future__ import annotations

import ipaddress
import json
from urllib.parse import urlsplit

from aiohttp import web

from voicechat.local_server.refusals import Refusal

ALLOWED_HEADERS = (
    "Authorization, Content-Type, Accept, OpenAI-Beta, OpenAI-Safety-Identifier, X-OpenAI-Agents-SDK, X-API-Key"
)
RETRY_AFTER = "5"
"""Seconds after which a client that found every session in use may ask again."""
_METHODS = "GET, POST, DELETE, OPTIONS"


def names_this_computer(host: str) -> bool:
    """Whether a host name (without port) is loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def why_not(host: str, origin: str) -> str:
    """Why a request with these headers is not let in, or an empty string."""
    if not names_this_computer(_host_of(f"http://{host}")):
        return "This server answers only to the names of this computer."
    if origin and not names_this_computer(_host_of(origin)):
        return "Web pages from other computers may not use this server."
    return ""


def cors_headers(origin: str, asked_headers: str) -> dict[str, str]:
    """What lets a page of this computer call us, see where its call is, and send the headers it announced."""
    if not origin:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS
        if not asked_headers.isprintable()
        else asked_headers or ALLOWED_HEADERS,
        "Access-Control-Expose-Headers": "Location",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }


def refusal_response(status: int, refusal: Refusal) -> web.Response:
    """A refusal as the service's JSON error body."""
    error = {"message": refusal.message, "type": refusal.type, "code": refusal.code, "param": refusal.param}
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
    return web.json_response({"error": error}, status=status, headers=headers, dumps=json.dumps)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""

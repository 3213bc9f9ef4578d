"""HTTP answers: the service's as they came, and the tap's own where there is none."""

from __future__ import annotations

import json

from aiohttp import web
from multidict import CIMultiDict

from voicechat.tap.upstream import passed_on


def answer_of(status: int, reason: str, headers: CIMultiDict[str], body: bytes) -> web.Response:
    """The service's answer for the client, body byte for byte."""
    return web.Response(status=status, reason=reason or None, headers=passed_on(headers), body=body)


def problem(status: int, code: str, message: str) -> web.Response:
    """An error of the tap itself, in the form that clients of the protocol read."""
    error = {"message": message, "type": "tap_error", "code": code, "param": None}
    return web.json_response({"error": error}, status=status, dumps=json.dumps)

"""Which handshake is found: what services that are not OpenAI answered, in their own words."""

from __future__ import annotations

from typing import Literal

import aiohttp
import pytest
from aiohttp import web

from tests.support.each import each
from tests.support.service import always, listening
from voicechat.errors import SignallingError
from voicechat.failures import failure_of
from voicechat.transports.probing import call_service
from voicechat.transports.target import Handshake, LineTarget

KEY = "sk-standard-0123456789"


async def test_a_gateway_that_takes_only_keys_it_minted_is_called_with_one() -> None:
    """LiteLLM 1.106: a standard key at `realtime/calls` is an "expired token" to it."""
    seen = []

    async def gateway(request: web.Request) -> web.Response:
        name, key = request.path.rsplit("/", 1)[-1], request.headers["Authorization"].removeprefix("Bearer ")
        seen.append((name, key))
        if name == "client_secrets":
            return web.json_response({"value": "ek_minted", "expires_at": 4e9, "session": {"type": "realtime"}})
        if key != "ek_minted":
            return web.json_response({"detail": "Invalid or expired token"}, status=401)
        return web.Response(status=201, text="v=0\r\n", content_type="application/sdp")

    async with listening(gateway) as url, aiohttp.ClientSession() as http:
        target = LineTarget(base_url=url, key=KEY, model="m", handshake="auto", connect_timeout=5.0)
        answer = await call_service(http, target, "v=0\r\n")
    assert answer.handshake == "client_secret" and answer.configured
    assert seen == [("calls", KEY), ("client_secrets", KEY), ("calls", "ek_minted")]
    assert answer.why == "multipart to /v1/realtime/calls got 401"


async def refusal(
    status: int, body: str, handshake: Handshake | Literal["auto"] = "auto"
) -> tuple[SignallingError, list[str]]:
    """What becomes of a call to a service that answers everything so, and the paths that were asked."""
    handler, seen = always(status, body, Content_Type="text/html" if body.startswith("<") else "application/json")
    async with listening(handler) as url, aiohttp.ClientSession() as http:
        target = LineTarget(base_url=url, key=KEY, model="m", handshake=handshake, connect_timeout=5.0)
        with pytest.raises(SignallingError) as caught:
            await call_service(http, target, "v=0\r\n")
    return caught.value, [one.path for one in seen]


async def test_a_key_that_is_wrong_is_not_tried_in_other_styles() -> None:
    body = '{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'
    error, paths = await refusal(401, body)
    assert error.status == 401 and paths == ["/v1/realtime/calls"]


async def test_a_login_page_that_answers_everything_is_said_once_with_the_way_out() -> None:
    error, _ = await refusal(200, "<!DOCTYPE html><html><body>Please log in.</body></html>")
    assert "web page (200)" in error.message and "\n" not in error.message
    assert "log in with a browser first" in error.hint


@each("handshake", ["multipart", "client_secret", "auto"])
async def test_a_standard_key_called_an_expired_token_is_a_refused_key(handshake: Handshake | Literal["auto"]) -> None:
    error, _ = await refusal(401, '{"detail": "Invalid or expired token"}', handshake)
    assert "did not accept the key" in error.message and "valid" in error.hint and not error.retryable
    assert failure_of(error.code, error.status, error.message).name == "key"

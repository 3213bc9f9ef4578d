"""Which handshake is found: what services that are not OpenAI answered, in their own words."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from tests.support.service import listening
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


async def test_a_key_that_is_wrong_is_not_tried_in_other_styles() -> None:
    seen = []

    async def service(request: web.Request) -> web.Response:
        seen.append(request.path)
        error = {"message": "Incorrect API key provided", "code": "invalid_api_key"}
        return web.json_response({"error": error}, status=401)

    async with listening(service) as url, aiohttp.ClientSession() as http:
        with pytest.raises(SignallingError) as caught:
            await call_service(http, LineTarget(base_url=url, key=KEY, model="m", handshake="auto"), "v=0\r\n")
    assert caught.value.status == 401 and seen == ["/v1/realtime/calls"]


async def test_a_login_page_that_answers_everything_is_said_once_with_the_way_out() -> None:
    async def portal(request: web.Request) -> web.Response:
        page = "<!DOCTYPE html><html><body>Welcome to the hotel's network. Please log in.</body></html>"
        return web.Response(text=page, content_type="text/html")

    async with listening(portal) as url, aiohttp.ClientSession() as http:
        with pytest.raises(SignallingError) as caught:
            await call_service(http, LineTarget(base_url=url, key=KEY, model="m", handshake="auto"), "v=0\r\n")
    assert "web page (200)" in caught.value.message and "\n" not in caught.value.message
    assert "log in with a browser first" in caught.value.hint


@pytest.mark.parametrize("handshake", ["multipart", "client_secret", "auto"])
async def test_a_standard_key_called_an_expired_token_is_a_refused_key(handshake: Handshake) -> None:
    async def service(request: web.Request) -> web.Response:
        return web.json_response({"detail": "Invalid or expired token"}, status=401)

    async with listening(service) as url, aiohttp.ClientSession() as http:
        target = LineTarget(base_url=url, key=KEY, model="m", handshake=handshake, connect_timeout=5.0)
        with pytest.raises(SignallingError) as caught:
            await call_service(http, target, "v=0\r\n")
    error = caught.value
    assert "did not accept the key" in error.message and "valid" in error.hint and not error.retryable
    assert failure_of(error.code, error.status, error.message).name == "key"

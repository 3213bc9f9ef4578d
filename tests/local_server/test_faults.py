"""Misbehaviour on order: each fault does what its name says, and without one nothing is touched."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import aiohttp
import pytest

from tests.support.local_server import local_server
from tests.support.peers import eventually
from tests.support.realtime_call import realtime_call
from voicechat.errors import ConfigError
from voicechat.local_server.faults import FAULTS, NO_FAULT, read_fault

UPDATE = {
    "type": "session.update",
    "event_id": "u",
    "session": {"type": "realtime", "audio": {"input": {"noise_reduction": None}}},
}
TYPED = {"type": "response.create", "response": {"output_modalities": ["text"]}}


async def said(fault: str, *events: dict[str, Any], until: str) -> list[dict[str, Any]]:
    """What a WebSocket client hears up to an event of type `until` (or the close)."""
    heard: list[dict[str, Any]] = []
    async with local_server(fault=fault) as server, aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{server.base_url}/realtime") as socket, asyncio.timeout(20):
            for event in events:
                await socket.send_json(event)
            async for message in socket:
                heard.append(message.json() if message.data.startswith('{"') else {"type": message.data})
                if heard[-1].get("type") == until:
                    break
    return heard


def test_no_fault_hides_and_refuses_nothing() -> None:
    assert read_fault("") == NO_FAULT
    assert NO_FAULT.http_answer() is None and not NO_FAULT.refuses(UPDATE["session"])
    assert NO_FAULT.change_answer("a=candidate:1\r\n") == "a=candidate:1\r\n"


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as refused:
        read_fault("meteor")
    assert all(name in refused.value.hint for name in FAULTS)
    with pytest.raises(ConfigError):
        read_fault("closes-after=soon")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("unauthorised", 401, "invalid_api_key"),
        ("quota", 429, "insufficient_quota"),
        ("rate-limited=7", 429, "rate_limit_exceeded"),
        ("not-found", 404, "not_found"),
        ("server-error", 500, "server_error"),
    ],
)
async def test_handshake_faults_answer_calls_and_websockets_alike(fault: str, status: int, code: str) -> None:
    async with local_server(fault=fault) as server, aiohttp.ClientSession() as http:
        async with http.post(f"{server.base_url}/realtime/calls", data=b"v=0") as reply:
            assert reply.status == status and (await reply.json())["error"]["code"] == code
            assert reply.headers.get("Retry-After") == ("7" if "=7" in fault else None)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{server.base_url}/realtime")
        assert refused.value.status == status


async def test_a_handshake_that_is_never_answered_is_a_call_or_a_websocket() -> None:
    async with local_server(fault="never-answers") as server, aiohttp.ClientSession() as http:
        asking = [http.post(f"{server.base_url}/realtime/calls", data=b"v=0"), http.get(f"{server.base_url}/realtime")]
        _, unanswered = await asyncio.wait([asyncio.ensure_future(one) for one in asking], timeout=0.3)
        for one in unanswered:
            one.cancel()
        await asyncio.gather(*unanswered, return_exceptions=True)
    assert len(unanswered) == 2


async def test_html_comes_where_a_session_description_belongs() -> None:
    async with local_server(fault="html") as server, aiohttp.ClientSession() as http:
        async with http.post(f"{server.base_url}/realtime/calls", data=b"v=0") as reply:
            assert reply.content_type == "text/html" and "<h1>" in await reply.text()


async def test_a_field_is_refused_once_by_name_and_the_rest_goes_through() -> None:
    heard = await said("refuses-field", UPDATE, until="error")
    assert heard[-1]["error"]["param"] == "session.audio.input.noise_reduction"
    assert heard[-1]["error"]["event_id"] == "u"
    fine = {"type": "session.update", "session": {"type": "realtime", "instructions": "x"}}
    assert (await said("refuses-field", fine, until="session.updated"))[-1]["type"] == "session.updated"


async def test_a_response_fails_with_a_status_and_an_error() -> None:
    done = (await said("fails-responses", TYPED, until="response.done"))[-1]["response"]
    assert done["status"] == "failed" and done["status_details"]["error"]


async def test_a_session_expires_with_an_error_before_the_line_closes() -> None:
    heard = await said("expires-after=0.2", until="never")
    assert heard[0]["session"]["expires_at"] > 0
    assert heard[-1]["error"]["code"] == "session_expired"


async def test_an_ordered_error_greets_the_client() -> None:
    heard = await said("error=insufficient_quota", until="error")
    assert heard[-1]["error"]["code"] == "insufficient_quota"


async def test_nonsense_comes_between_real_events() -> None:
    kinds = [str(event["type"]) for event in await said("nonsense", until="session.created")]
    assert "surprise.happened" in kinds and any(re.match(r"\{this", kind) for kind in kinds)


async def test_output_buffer_events_can_be_missing_while_the_sound_is_there() -> None:
    async with local_server(fault="no-output-buffer-events") as server, realtime_call(server.base_url) as call:
        call.send(type="response.create")
        await call.until("response.done")
        await eventually(lambda: call.loud_at)
    assert not [kind for kind in call.types() if kind.startswith("output_audio_buffer")]


async def test_a_mute_server_sends_all_events_and_no_sound() -> None:
    async with local_server(fault="mute") as server, realtime_call(server.base_url) as call:
        call.send(type="response.create")
        await call.until("output_audio_buffer.stopped")
    assert not call.loud_at

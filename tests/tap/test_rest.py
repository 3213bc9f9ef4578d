"""Requests beside the calls go through unchanged, and keys they bring are nobody's business."""

from __future__ import annotations

import gzip
import json

import aiohttp
from aiohttp import web

from tests.support.local_server import local_server
from tests.tap.tapped import service, tapping

KEY = "sk-tapped-0123456789abcdef"


async def test_a_key_for_a_client_is_fetched_through_the_tap_and_never_shown() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped, aiohttp.ClientSession() as http:
        url = f"{tapped.base_url}/realtime/client_secrets"
        wish = {"session": {"type": "realtime"}}
        async with http.post(url, json=wish, headers={"Authorization": f"Bearer {KEY}"}) as reply:
            token = (await reply.json())["value"]
        headers = {"Authorization": f"Bearer {token}"}
        async with http.ws_connect(f"{tapped.base_url}/realtime", headers=headers) as socket:
            await socket.receive_json(timeout=10)
            await socket.send_str(json.dumps({"type": "x", "said": f"it is {token}"}))
            await socket.receive_json(timeout=10)
        asked = tapped.find("tap.request")
        told = json.dumps([one.event for one in tapped.happened])
        rows = "".join(json.dumps(row.event) for row in tapped.sessions[0].log.recent)
    assert asked["path"] == "/v1/realtime/client_secrets" and asked["status"] == 200
    assert token not in told and KEY not in told and token not in rows
    assert "tap.request" in rows, "what led to the call stands in its event list"


async def test_bodies_and_headers_come_back_as_the_service_sent_them() -> None:
    packed = gzip.compress(b'{"data": []}')
    seen: dict[str, object] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update(body=await request.read(), method=request.method, path=request.raw_path)
        return web.Response(status=418, body=packed, headers={"Content-Encoding": "gzip", "X-Kept": "1"})

    async with service(answer) as url, tapping(url) as tapped, aiohttp.ClientSession(auto_decompress=False) as http:
        async with http.patch(f"{tapped.base_url}/a%2Fb?c=%20", data=b"\x00\x01") as reply:
            assert (reply.status, await reply.read(), reply.headers["X-Kept"]) == (418, packed, "1")
    assert seen == {"body": b"\x00\x01", "method": "PATCH", "path": "/v1/a%2Fb?c=%20"}


async def test_a_preflight_is_answered_by_the_service() -> None:
    async def allow(request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Access-Control-Allow-Origin": "http://localhost:3000"})

    async with service(allow) as url, tapping(url) as tapped, aiohttp.ClientSession() as http:
        origin = {"Origin": "http://localhost:3000"}
        async with http.options(f"{tapped.base_url}/realtime/calls", headers=origin) as reply:
            assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, "http://localhost:3000")

"""Certificates and proxies between us and a service: what is wrong is named, and the key stays here."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.transports.certificates import Authority
from tests.transports.connect_proxy import proxy
from voicechat.errors import SignallingError
from voicechat.transports.signalling import exchange_sdp
from voicechat.transports.target import LineTarget
from voicechat.transports.tokens import from_token_url
from voicechat.transports.upgrade import upgrade

KEY = "sk-secret-0123456789"
OFFER = "v=0\r\n"


@asynccontextmanager
async def serving(context: ssl.SSLContext | None) -> AsyncIterator[tuple[int, list[str]]]:
    """(port, Authorization of each request) of a service that mints, takes calls and opens WebSockets."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization", ""))
        if request.headers.get("Upgrade"):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str('{"type": "session.created"}')
            await socket.receive()
            return socket
        if request.method == "GET":
            return web.json_response({"value": "ek_1", "expires_at": 4e9})
        return web.Response(status=201, text="v=0\r\n", content_type="application/sdp")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1], seen
    finally:
        await runner.cleanup()


async def refusals(base_url: str) -> list[SignallingError]:
    """What a call, a WebSocket and a token say about a service that cannot be reached."""
    target = LineTarget(base_url=base_url, key=KEY, model="m", connect_timeout=5.0)
    found = []
    async with aiohttp.ClientSession() as http:
        for attempt in (
            exchange_sdp(http, target, OFFER, "multipart"),
            upgrade(target),
            from_token_url(http, f"{base_url}/session", "access-token-1", 0.0),
        ):
            with pytest.raises(SignallingError) as caught:
                await attempt
            found.append(caught.value)
    return found


@pytest.mark.parametrize(
    ("self_signed", "code", "says"),
    [
        (True, "tls_self_signed", "self-signed"),
        (False, "tls_unknown_authority", "an authority that this machine does not know"),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_named_with_a_cure_and_gets_no_key(
    tmp_path: Path, self_signed: bool, code: str, says: str
) -> None:
    async with serving(Authority(tmp_path).server(self_signed=self_signed)) as (port, seen):
        found = await refusals(f"https://127.0.0.1:{port}")
    assert [error.code for error in found] == [code] * 3
    assert all(says in error.message and "SSL_CERT_FILE" in error.hint and not error.retryable for error in found)
    assert seen == []


async def test_a_port_without_encryption_is_named() -> None:
    async with serving(None) as (port, seen):
        found = await refusals(f"https://127.0.0.1:{port}")
    assert [error.code for error in found] == ["tls_not_spoken"] * 3 and seen == []


# aiohttp reads the trusted authorities when it is imported, so these speak from a process of their own, as users do.
OUTSIDE = """
import asyncio, json, sys, aiohttp
from voicechat.errors import SignallingError
from voicechat.transports.signalling import exchange_sdp
from voicechat.transports.target import LineTarget
from voicechat.transports.upgrade import upgrade

async def main(base_url):
    target, said = LineTarget(base_url=base_url, key="sk-secret-0123456789", model="m", connect_timeout=5.0), []
    try:
        async with aiohttp.ClientSession() as http:
            said.append(str((await exchange_sdp(http, target, "v=0", "multipart")).status))
        opened = await upgrade(target)
        said.append((await opened.socket.receive()).data)
        await opened.close()
    except SignallingError as error:
        said += [error.code, error.message, error.hint]
    print(json.dumps(said))

asyncio.run(main(sys.argv[1]))
"""


async def outside(base_url: str, **environ: str) -> list[str]:
    """What a process with this environment meets at a service."""
    plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OUTSIDE, base_url, stdout=asyncio.subprocess.PIPE, env=plain | environ
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    found = json.loads(said)
    assert isinstance(found, list)
    return found


MET = ["201", '{"type": "session.created"}']


async def test_a_private_authority_that_is_named_is_trusted_by_calls_and_websockets(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(authority.server()) as (port, seen):
        assert await outside(f"https://127.0.0.1:{port}", SSL_CERT_FILE=str(authority.file)) == MET
    assert seen == [f"Bearer {KEY}"] * 2


@pytest.mark.parametrize(
    ("host", "days_ago", "code", "says"),
    [("127.0.0.1", 2, "tls_expired", "has expired"), ("other.example", 0, "tls_other_name", "another name")],
)
async def test_a_trusted_authority_does_not_make_a_wrong_certificate_right(
    tmp_path: Path, host: str, days_ago: int, code: str, says: str
) -> None:
    authority = Authority(tmp_path)
    async with serving(authority.server(host, days_ago=days_ago)) as (port, seen):
        met = await outside(f"https://127.0.0.1:{port}", SSL_CERT_FILE=str(authority.file))
    assert met[0] == code and says in met[1] and seen == []


async def test_a_file_of_authorities_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with serving(Authority(tmp_path).server()) as (port, _):
        met = await outside(f"https://127.0.0.1:{port}", SSL_CERT_FILE=str(tmp_path / "gone.pem"))
    assert met[0] == "tls_unknown_authority" and "names a file that is not there" in met[2]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
async def test_calls_and_websockets_go_through_the_proxy_and_it_sees_no_key(tmp_path: Path, variable: str) -> None:
    authority = Authority(tmp_path)
    async with (
        serving(authority.server("service.example")) as (port, seen),
        proxy({"service.example:443": port}) as between,
    ):
        environ = {variable: between.address, "SSL_CERT_FILE": str(authority.file)}
        assert await outside("https://service.example/v1", **environ) == MET
    assert between.asked == ["service.example:443"] * 2 and between.logins == ["", ""]
    assert seen == [f"Bearer {KEY}"] * 2


async def test_a_proxy_is_not_asked_for_this_machine_itself(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(authority.server()) as (port, _), proxy(refuses=403) as between:
        environ = {"HTTPS_PROXY": between.address, "SSL_CERT_FILE": str(authority.file)}
        assert await outside(f"https://127.0.0.1:{port}", **environ) == MET
    assert between.asked == []


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (407, "proxy_login", "asks for a name and password (407)"),
        (403, "proxy_refused", "blocks this connection (403)"),
    ],
)
async def test_a_proxy_that_refuses_is_named_and_not_taken_for_the_service(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, says: str
) -> None:
    async with proxy(refuses=status) as between:
        monkeypatch.setenv("https_proxy", f"http://me:geheim99@{between.address}")
        monkeypatch.delenv("no_proxy", raising=False)
        found = await refusals("https://service.example/v1")
    assert [error.code for error in found] == [code] * 3
    assert all(error.message == f"the proxy {between.address} {says}" for error in found)
    assert not any(error.retryable or "geheim99" in f"{error!r} {error.hint}" for error in found)
    assert all(login.startswith("basic ") for login in between.logins)


async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxy() as gone:
        pass
    monkeypatch.setenv("https_proxy", gone.address)
    monkeypatch.delenv("no_proxy", raising=False)
    found = await refusals("https://service.example/v1")
    assert [error.code for error in found] == ["proxy_away"] * 3
    assert all(f"the proxy {gone.address} cannot be reached" in error.message for error in found)

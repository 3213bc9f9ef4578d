"""Certificates and proxies between us and a service: what is wrong is named, and the key stays here."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from voicechat.errors import SignallingError
from voicechat.transports.signalling import exchange_sdp
from voicechat.transports.target import LineTarget
from voicechat.transports.tokens import from_token_url
from voicechat.transports.upgrade import upgrade

_DAY = datetime.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.PEM)


@dataclass
class Authority:
    """An authority that only those know who were given `file`."""

    folder: Path
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def file(self) -> Path:
        """Its own certificate, as a company would hand it out."""
        path = self.folder / "authority.pem"
        if not path.exists():
            made = self._signed(_name("Authority"), self._key, 0, x509.BasicConstraints(ca=True, path_length=None))
            path.write_bytes(_pem(made))
        return path

    def server(self, host: str = "127.0.0.1", *, days_ago: int = 0, self_signed: bool = False) -> ssl.SSLContext:
        """What a server for `host` needs; its certificate ended `days_ago` (0: it is valid)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.IPAddress(IPv4Address(host)) if host[0].isdigit() else x509.DNSName(host)]
        made = self._signed(_name(host), key, days_ago, x509.SubjectAlternativeName(names), self_signed=self_signed)
        pem = self.folder / f"{host}-{days_ago}-{self_signed}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(private + _pem(made))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days_ago: int,
        extension: x509.ExtensionType,
        *,
        self_signed: bool = False,
    ) -> x509.Certificate:
        ends = datetime.datetime.now(datetime.UTC) + (-days_ago if days_ago else 1) * _DAY
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else _name("Authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - 10 * _DAY)
            .not_valid_after(ends)
            .add_extension(extension, critical=False)
            .sign(key if self_signed else self._key, hashes.SHA256())
        )


# Certificates and proxies between us and a service: what is wrong is named, and the key stays here


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


# An HTTP proxy on loopback that leads CONNECT requests to servers of the test, or refuses them


@dataclass
class Proxy:
    """A running one."""

    port: int
    asked: list[str] = field(default_factory=list)
    """Where each CONNECT wanted to go."""
    logins: list[str] = field(default_factory=list)
    """The Proxy-Authorization of each, empty where there was none."""

    @property
    def address(self) -> str:
        """Host and port, as people write it."""
        return f"127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def proxy(routes: Mapping[str, int] | None = None, *, refuses: int = 0) -> AsyncIterator[Proxy]:
    """A proxy; `routes`: `host:port` of a CONNECT -> port on this machine. `refuses`: answers everything so."""
    running = Proxy(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split("\r\n")[0].split()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        running.asked.append(target)
        running.logins.append(fields.get("proxy-authorization", ""))
        port = (routes or {}).get(target)
        if refuses or method != "CONNECT" or port is None:
            writer.write(f"HTTP/1.1 {refuses or 502} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            return
        there = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_carry(reader, there[1]), _carry(there[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()

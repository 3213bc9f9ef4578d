"""The way to the service: key, name, connection, encryption, UDP; and with `--online` whether it takes the key."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from voicechat.cli.doctor_looks import Check
from voicechat.config.providers import Provider, provider_of
from voicechat.config.secrets import TOKEN_ACCESS, key_hint, obtain_key
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError, SignallingError
from voicechat.failures import Failure, by_name
from voicechat.transports.endpoint import endpoint, is_loopback, proxy_for
from voicechat.transports.on_the_way import certificate_failure, cure_of

PATIENCE = 6.0
"""Seconds for each step."""
SHORTEST_KEY = 12
_LARGEST_BODY = 2_000_000
_UDP_PORT = 3478


def key_checks(settings: Settings, environ: Mapping[str, str]) -> tuple[list[Check], str]:
    """(where the key is and whether it looks like one, the key). The key itself is in no sentence."""
    provider = provider_of(settings)
    if settings.token_url:
        has_access = "with" if environ.get(TOKEN_ACCESS, "").strip() else "without"
        return [Check("key", "good", f"a token server gives short-lived ones ({has_access} {TOKEN_ACCESS})")], ""
    try:
        key = obtain_key(settings, environ, needed=provider.needs_key)
    except ConfigError as error:
        return [Check("key", "bad", error.message, error.hint)], ""
    if not key.value:
        if not provider.needs_key:
            return [Check("key", "fact", f"none, and {provider.title} needs none")], ""
        why = f"none for {provider.title}" + (f" (keyring: {key.why})" if key.why else "")
        return [Check("key", "bad", why, key_hint(settings.provider))], ""
    text = f"found in {key.source}, {len(key.value)} characters"
    if doubt := doubtful(key.value, settings.provider):
        return [Check("key", "care", f"{text}: {doubt}", "copy it again from the service's page")], key.value
    return [Check("key", "good", text)], key.value


def doubtful(key: str, provider: str) -> str:
    """What does not look like a key of this service; empty when nothing does."""
    if not key.isascii() or not key.isprintable() or " " in key:
        return "it has characters that no key has"
    if key.startswith("ek_"):
        return "it is a short-lived one and will soon be dead"
    if len(key) < SHORTEST_KEY:
        return "it is very short"
    if provider == "openai" and not key.startswith("sk-"):
        return "keys of OpenAI begin with sk-"
    return ""


def network_checks(settings: Settings) -> list[Check]:
    """From the name to the encrypted connection. Nothing is asked of the service."""
    provider = provider_of(settings)
    address = settings.token_url or provider.base_url
    if not address:
        return [Check("network", "fact", "not needed: everything runs on this computer")]
    try:
        url = settings.token_url or endpoint(provider.base_url, "realtime")
    except SignallingError as error:
        return [Check("network", "bad", error.message, error.hint)]
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    found: list[Check] = []
    if parts.scheme == "http" and not is_loopback(host):
        text = "http to another computer: everybody on the way can read everything"
        found.append(Check("encryption", "care" if settings.insecure else "bad", text, "use an https:// address"))
    try:
        proxy = proxy_for(url)
    except SignallingError as error:
        return [*found, Check("proxy", "bad", error.message, error.hint)]
    if proxy:
        text = "a proxy is set for it; sound over WebRTC does not go through proxies, WebSocket does"
        return [*found, Check("proxy", "care", text, "no call from here? choose --transport websocket")]
    name = _resolve(host, port)
    if name.mark == "bad":
        return [*found, name]
    return [*found, name, _connect(host, port, encrypted=parts.scheme == "https"), _udp(host)]


def _resolve(host: str, port: int) -> Check:
    began = time.monotonic()
    try:
        answers = asyncio.run(asyncio.wait_for(_look_up(host, port), PATIENCE))
    except TimeoutError:
        return Check("name", "bad", f"no answer about {host} within {PATIENCE:g} s", "check the network's DNS server")
    except (OSError, UnicodeError):
        return _failed("name", by_name("name"), host)
    kinds = {socket.AF_INET: "IPv4", getattr(socket, "AF_INET6", None): "IPv6"}
    families = sorted({kinds.get(answer[0], "other") for answer in answers})
    return Check("name", "good", f"{host} · {' and '.join(families)} · {time.monotonic() - began:.2f} s")


async def _look_up(host: str, port: int) -> list[Any]:
    return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _connect(host: str, port: int, *, encrypted: bool) -> Check:
    began = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=PATIENCE) as plain:
            if not encrypted:
                return Check("connection", "good", f"port {port} answers · {time.monotonic() - began:.2f} s")
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secured:
                took = time.monotonic() - began
                return Check("connection", "good", f"port {port} answers with {secured.version()} · {took:.2f} s")
    except ssl.SSLError as error:
        failure = certificate_failure(error)
        return Check("connection", "bad", failure.of(f"{host}:{port}"), cure_of(failure))
    except TimeoutError:
        return _failed("connection", by_name("no answer"), f"{host}:{port}", f"{PATIENCE:g} s")
    except ConnectionRefusedError:
        return _failed("connection", by_name("nothing listens"), f"{host}:{port}")
    except OSError as error:
        return _failed("connection", by_name("unreachable"), f"{host}:{port}", error.strerror or "")


def _failed(name: str, failure: Failure, who: str, detail: str = "") -> Check:
    return Check(name, "bad", failure.of(who) + (f" ({detail})" if detail else ""), failure.cure)


def _udp(host: str) -> Check:
    """Whether a datagram would leave this computer. What firewalls do to it shows only in a call."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, _UDP_PORT, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as sender:
            sender.connect(address)
    except OSError as error:
        instead = by_name("no media").instead
        cure = f"{instead} is used instead; --transport {instead.lower()} saves the attempt"
        return Check("UDP", "care", f"no way out for it: {error.strerror or 'no address'}", cure)
    return Check("UDP", "fact", "there is a way out; whether a firewall lets it through shows only in a call")


def provider_checks(settings: Settings, environ: Mapping[str, str], key: str, *, online: bool) -> list[Check]:
    """Whether the service takes the key: by something that costs nothing, and only when it was asked for."""
    provider = provider_of(settings)
    if not settings.token_url and not provider.base_url:
        return [Check("service", "fact", "the local server, see above")]
    if not online:
        return [Check("service", "fact", "not asked; --online asks it for its models or for a token, which is free")]
    if provider.needs_key and not key and not settings.token_url:
        return [Check("service", "fact", "not asked: there is no key to show")]
    return [asyncio.run(_ask_service(settings, provider, environ, key))]


async def _ask_service(settings: Settings, provider: Provider, environ: Mapping[str, str], key: str) -> Check:
    import aiohttp

    from voicechat.config.wish import plan
    from voicechat.engine.service_target import service_target
    from voicechat.transports.tokens import from_token_url, mint

    try:
        session = plan(settings).wishes.session
        target = service_target(settings, provider, key, environ, provider.base_url, session)
        async with aiohttp.ClientSession() as http:
            if settings.token_url:
                access = environ.get(TOKEN_ACCESS, "").strip()
                await from_token_url(http, settings.token_url, access, time.time(), insecure=settings.insecure)
                return Check("service", "good", "the token server gave a token")
            if (found := await _models(http, target)) is not None:
                return found
            await mint(http, target, time.time())
            return Check("service", "good", "it took the key and gave a short-lived one")
    except (SignallingError, ConfigError) as error:
        return Check("service", "bad", error.message, error.hint)


async def _models(http: Any, target: Any) -> Check | None:
    """What the list of models says; None where there is none. Raises SignallingError for a key that is refused."""
    import json

    import aiohttp

    from voicechat.transports.credentials import credentials, secrets_of, without_secrets
    from voicechat.transports.refusals import refused, unreachable

    url = endpoint(target.base_url, "models")
    headers, query = credentials(url, target)
    host = urlsplit(url).netloc
    limit = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with http.get(
            url, headers=headers, params=query, timeout=limit, proxy=proxy_for(url), allow_redirects=False
        ) as reply:
            text = (await reply.content.read(_LARGEST_BODY)).decode("utf-8", "replace")
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise unreachable(host, error, PATIENCE) from error
    if reply.status in (404, 405, 501):
        return None
    if reply.status != 200:
        raise refused(
            host, reply.status, without_secrets(text, secrets_of(target)), "", target.key, sent_none=target.is_anonymous
        )
    try:
        listed = {str(each.get("id")) for each in json.loads(text)["data"]}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Check("service", "care", "it answers, but not as a Realtime service does", "check base_url")
    if target.model in listed or not listed:
        return Check("service", "good", f"it took the key and has the model {target.model}")
    near = [name for name in sorted(listed) if "realtime" in name][:6]
    cure = f"it lists: {', '.join(near)}" if near else "look at its list of models"
    return Check("service", "care", f"it took the key; the model {target.model} is not in its list", cure)

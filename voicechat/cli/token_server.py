"""`voicechat token-server`: gives short-lived keys to clients, so that the standard key stays on this computer alone.

stdout is one line, the address of `GET /session`; stderr tells what happens, in numbers only. SIGUSR1 prints the
counts. It ends on Ctrl+C and SIGTERM, after those who are being served.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from voicechat import exit_codes
from voicechat.cli.printing import note, say
from voicechat.config.load import load_settings
from voicechat.config.secrets import TOKEN_ACCESS, key_hint, obtain_key
from voicechat.config.settings import Settings
from voicechat.config.wish import plan
from voicechat.errors import ConfigError, SignallingError
from voicechat.protocol.wire import JsonValue
from voicechat.tasks import ended_by_signal, ticks

LIVE_CLIENT: dict[str, object] = {
    "data_channel": {
        "allowed_client_events": [
            "session.input_audio.mute",
            "session.input_audio.unmute",
            "session.instructions.append",
            "session.thinking.append",
            "session.commentary.append",
            "response.item.create",
            "response.create",
            "session.close",
        ],
        "allowed_server_events": "all",
    }
}
"""What a client may send in a GPT-Live session that this server began, unless `client` of --session says otherwise: all
that a talk needs, but no change of the session."""
TELL_EVERY = 60.0
"""Seconds between lines on stderr; a minute in which nothing happened has none."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    host: str
    port: int
    proxies: Sequence[str]
    origins: Sequence[str]
    per_minute: int
    life: int


def token_server_command(flags: Mapping[str, Any], options: ServerOptions, config: Path | None = None) -> int:
    """Serve until Ctrl+C. Returns the exit status.

    Raises ConfigError for settings that would not be safe or cannot work, SignallingError when the port is taken.
    """
    settings = load_settings(flags, os.environ, config)
    access = os.environ.get(TOKEN_ACCESS, "").strip()
    refuse_the_unsafe(options, access)
    for remark in settings.remarks:
        say(remark)
    if settings.provider == "local":
        hint = "choose whose: --provider openai, or --base-url URL"
        raise ConfigError("the local server needs no keys", hint=hint)
    key = obtain_key(settings, os.environ, needed=True)
    if not key.value:
        raise ConfigError("a token server needs the API key of the service", hint=key_hint(settings.provider))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(settings, options, access, key.value, key.source))
    return exit_codes.DONE


def refuse_the_unsafe(options: ServerOptions, access: str) -> None:
    """Raises ConfigError for a server that would give keys to anybody who finds it."""
    from voicechat.token_server import SHORTEST_ACCESS
    from voicechat.transports.endpoint import is_loopback

    hint = f"set {TOKEN_ACCESS} to at least {SHORTEST_ACCESS} random characters, and give it to those who may ask"
    if access and (len(access) < SHORTEST_ACCESS or not access.isascii() or not access.isprintable() or " " in access):
        raise ConfigError(f"the access token in {TOKEN_ACCESS} is too short or has characters in it", hint=hint)
    for proxy in options.proxies:
        if not _is_address(proxy):
            raise ConfigError(f"--behind-proxy {proxy!r} is no address", hint="give the proxy's IP address: 127.0.0.1")
    if access:
        return
    if not is_loopback(options.host):
        raise ConfigError(f"{options.host} can be reached by others, so this needs an access token", hint=hint)
    if options.proxies:
        raise ConfigError("a proxy lets others in, so this needs an access token", hint=hint)


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


async def _serve(settings: Settings, options: ServerOptions, access: str, key: str, source: str) -> None:
    import aiohttp

    from voicechat.engine.service_target import service_target
    from voicechat.token_server import AccessRules, TokenServer, read_origin
    from voicechat.transports.endpoint import is_loopback
    from voicechat.transports.signalling import exchange_sdp
    from voicechat.transports.tokens import Token, mint

    provider = plan(settings).provider
    target = service_target(settings, provider, key, os.environ, provider.base_url, wished_session(settings))
    if target.handshake != "client_secret" and provider.dialect == "beta":
        target = replace(target, handshake="sessions")

    async def fresh() -> Token:
        return await mint(http, target, time.time(), life=options.life)

    async def relayed(offer: str, history: Sequence[JsonValue]) -> dict[str, object]:
        session = {"client": LIVE_CLIENT, **wished_session(settings), "input": list(history)}
        answer = await exchange_sdp(http, replace(target, session=session), offer, "live")
        return {"session": {"id": answer.call_id}, "transport": {"type": "webrtc", "sdp": answer.sdp}}

    is_live = provider.dialect == "live"
    access_rules = AccessRules(access, frozenset(read_origin(origin) for origin in options.origins), is_live)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=provider.connect_timeout)) as http:
        relay = relayed if is_live else None
        server = TokenServer(fresh, access_rules, options.per_minute, relay, frozenset(options.proxies))
        try:
            await server.start(options.host, options.port)
        except OSError as error:
            why = error.strerror or str(error)
            hint = "voicechat token-server --port 0 takes a free one"
            raise SignallingError(f"{options.host}:{options.port} cannot be used ({why}).", hint=hint) from error
        host = "127.0.0.1" if options.host == "localhost" else options.host
        shown = f"[{host}]" if ":" in host else host
        print(f"http://{shown}:{server.port}/session", flush=True)
        is_private = is_loopback(host)
        _narrate(provider.title, source, options, is_private=is_private, has_access=bool(access), is_live=is_live)
        try:
            await _until_ended(server)
        finally:
            await server.stop()
            note(server.summary())


async def _until_ended(server: Any) -> None:
    """Tell what happens until a signal ends it."""
    ended = ended_by_signal()
    if hasattr(signal, "SIGUSR1"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: note(server.summary()))
    async for _ in ticks(ended, TELL_EVERY):
        if news := server.news():
            note(news)


def wished_session(settings: Settings) -> dict[str, Any]:
    """What a token carries: the model, and what was said about the session; the rest is the client's to configure."""
    session = plan(settings).wishes.session
    if settings.session:
        return dict(session)
    found: dict[str, Any] = {"type": "realtime", "model": session.get("model", "")}
    if "instructions" in settings.given:
        found["instructions"] = settings.instructions
    if "voice" in settings.given:
        found["audio"] = {"output": {"voice": settings.voice}}
    return found


def _narrate(
    title: str, source: str, options: ServerOptions, *, is_private: bool, has_access: bool, is_live: bool
) -> None:
    """How to use it; on stderr, because stdout is data."""
    who = "programs of this computer" if is_private and not options.proxies else "whoever reaches it"
    shown = f" with the access token ({TOKEN_ACCESS})" if has_access else ""
    what = "GPT-Live sessions" if is_live else "Short-lived keys"
    how = (
        "POST /session passes an offer on" if is_live else "GET /session; ?shape=ga or ?shape=beta for one shape alone"
    )
    note(f"{what} of {title} for {who}{shown}; the standard key ({source}) stays here.")
    note(f"  a client:       voicechat --token-url URL   ({how})")
    note(f"  limits:         {options.per_minute} a minute for each client; web pages: {len(options.origins)} allowed")
    if not is_private:
        note("  careful:        this is plain http. Put a proxy with TLS in front, or everybody on the way reads keys.")
    note("  end it:         Ctrl+C   (SIGUSR1 or GET /stats shows the counts)")

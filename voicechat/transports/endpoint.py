"""From what a user typed as an address to the URL that is asked, and who may be sent a key.

People paste base URLs with and without `/v1`, with a slash at the end, with the WebSocket scheme, without any scheme
for a server on their own machine, and sometimes the whole address of the endpoint. All of these mean the same service.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from voicechat.errors import SignallingError
from voicechat.failures import by_name

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_VERSION = re.compile(r"v\d++[a-z0-9]*")
_PASTED_ENDPOINT = re.compile(r"/(realtime(/(calls|sessions|client_secrets|translations))?|live/sessions)$")


def endpoint(base_url: str, path: str) -> str:
    """The URL of `path` (such as `realtime/calls`) at a service; raises SignallingError for no address at all."""
    parts = _split(base_url)
    root = _PASTED_ENDPOINT.sub("", parts.path.rstrip("/"))
    if not _VERSION.fullmatch(root.rsplit("/", 1)[-1]):
        root += "/v1"
    return urlunsplit((parts.scheme, parts.netloc, f"{root}/{path.strip('/')}", parts.query, ""))


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine by definition (no name is looked up)."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def may_carry_key(url: str) -> bool:
    """Whether a secret may travel to this URL: encrypted, or not leaving the machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def proxy_for(url: str) -> str | None:
    """The proxy that the system or the environment wants for this URL; never one for this machine itself.

    `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, with or without `http://` before the host; `NO_PROXY` with names,
    their ends, ports and networks (10.0.0.0/8). aiohttp's own `trust_env` would also take a password for the host from
    `~/.netrc`, which collides with the key, and would show a key meant for loopback to the proxy. Raises
    SignallingError for a proxy that is none of HTTP.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    named = proxies.get(parts.scheme) or proxies.get("all")
    if not named or is_loopback(host) or proxy_bypass(f"{host}:{_port(parts)}") or _is_within(host, proxies.get("no")):
        return None
    named = named if "://" in named else f"http://{named}"
    if urlsplit(named).scheme.lower() not in ("http", "https"):
        # aiohttp would speak HTTP to it; going around it would show the user's address to whom it was hidden from.
        kind = by_name("proxy kind")
        raise SignallingError(f"{kind.of(host)}, but {urlsplit(named).scheme}", hint=kind.cure, code=kind.codes[0])
    return named


def _is_within(host: str, networks: str | None) -> bool:
    """Whether a host given as an address is in one of these networks; the standard library knows names only."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        return any(address in ipaddress.ip_network(one.strip(), strict=False) for one in _with_slash(networks or ""))
    except ValueError:
        return False


def _with_slash(networks: str) -> list[str]:
    return [one for one in networks.split(",") if "/" in one]


def is_same_service(url: str, other: str) -> bool:
    """Whether a redirect from `url` to `other` stays with the host that was meant (or only adds encryption)."""
    here, there = urlsplit(url), urlsplit(other)
    if here.hostname != there.hostname:
        return False
    return (here.scheme, _port(here)) == (there.scheme, _port(there)) or (
        here.scheme == "http" and there.scheme == "https"
    )


def followed(url: str, location: str) -> str:
    """Where a Location header leads from `url`; empty for one that is missing or cannot be understood."""
    try:
        target = urljoin(url, location) if location else ""
        _port(urlsplit(target))
    except ValueError:
        return ""
    return target


def _split(base_url: str) -> SplitResult:
    text = base_url.strip()
    if text and "://" not in text:
        host = urlsplit(f"//{text}").hostname or ""
        text = f"{'http' if is_loopback(host) else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        valid = bool(parts.hostname) and parts.scheme.lower() in _SCHEMES and _port(parts) > 0
    except ValueError:
        valid = False
    if not valid:
        raise SignallingError(
            "the service's address cannot be understood",
            hint="base_url should look like https://api.openai.com/v1 or http://127.0.0.1:8765",
        )
    if parts.username or parts.password:
        raise SignallingError(
            "the service's address has a name or password in it",
            hint="leave it out of base_url and give the key by its own setting",
        )
    return parts._replace(scheme=_SCHEMES[parts.scheme.lower()])


def _port(parts: SplitResult) -> int:
    """The port in use; raises ValueError for one that is none."""
    return parts.port or {"http": 80, "ws": 80}.get(parts.scheme.lower(), 443)

"""Why a service could not be reached or would not take the call: one SignallingError for each way that happens.

A message says what happened in one sentence; the hint is the next step. Text from the other side is cut short, kept to
one line and searched for our key, because some services quote the request.
"""

from __future__ import annotations

import json
import socket
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from voicechat.errors import SignallingError

_LONGEST_QUOTE = 300
_LONGEST_WAIT = 3_600.0
"""Seconds; a service that asks for more is not waited for by a conversation."""
FATAL = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "invalid_api_key",
        "account_deactivated",
        "model_not_found",
    }
)
"""Codes that no repetition changes, whatever the status says."""
_HINTS = {
    400: "check the model's name and the session settings",
    401: "check the key: is it for this service, and still valid?",
    402: "look at the billing page of the service",
    403: "the key may not use this model or this endpoint; ask for access or choose another model",
    404: "check base_url and the model's name; a service without WebRTC can be used by WebSocket",
    405: "this address takes no calls; check base_url, or use WebSocket",
    415: "this service wants the other handshake: set handshake to sdp (or multipart)",
    429: "wait a little, or look at the limits of your account",
}
_SAYINGS = {
    400: "found a mistake in the request",
    401: "did not accept the key",
    402: "wants a payment first",
    403: "does not allow this with this key",
    404: "knows no such address or model",
    405: "takes no calls at this address",
    408: "gave up waiting",
    415: "does not take this kind of handshake",
    429: "is refusing calls for now: too many, or the quota is used up",
    503: "is busy",
}


def unreachable(host: str, error: BaseException, waited: float) -> SignallingError:
    """No HTTP answer at all. `error` is what aiohttp or the system said."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            message, hint = (
                f"the encrypted connection to {host} failed: its certificate or protocol was not accepted",
                "check the clock of this machine and the address; a proxy that opens TLS needs its own certificate",
            )
            return SignallingError(message, hint=hint, code="tls")
        case aiohttp.ClientConnectorDNSError():
            return _retryable(f"the name {host} cannot be found", "check base_url and the network", "dns")
        case aiohttp.ClientConnectorError(os_error=socket.gaierror()):
            return _retryable(f"the name {host} cannot be found", "check base_url and the network", "dns")
        case aiohttp.ConnectionTimeoutError():
            return _retryable(f"{host} does not react", "check the network and any firewall", "timeout")
        case TimeoutError():
            return _retryable(f"{host} did not answer within {waited:g} s", "try again in a moment", "timeout")
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return _retryable(f"nothing listens at {host}", "is the server running, and is the port right?", "refused")
        case aiohttp.ClientConnectorError():
            return _retryable(f"{host} cannot be reached", "check the network", "unreachable")
        case aiohttp.InvalidURL() | ValueError():
            return SignallingError(
                "the request cannot be made: the address or a header is not valid",
                hint="check base_url and any extra headers",
                code="invalid",
            )
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return _retryable(f"{host} hung up without an answer", "try again in a moment", "disconnected")
        case _:
            return _retryable(
                f"{host} gave an answer that is not proper HTTP", "is base_url the right address?", "http"
            )


def refused(host: str, status: int, body: str, retry_after: str, key: str) -> SignallingError:
    """There was an answer, and it was not a session description."""
    said, code = _read_error(body)
    said = one_line(said.replace(key, "[key]") if key else said)
    if not said and _is_html(body):
        return _web_page(host, status)
    if 200 <= status < 300:
        saying = f"{host} answered, but not with a session description"
        hint = "is base_url the address of a Realtime service with WebRTC?"
    else:
        saying = f"{host} {_SAYINGS.get(status) or _by_class(status)} ({status})"
        hint = _HINTS.get(status, "try again in a moment" if status >= 500 else "check base_url and the settings")
    wait = _seconds(retry_after)
    if wait:
        hint = f"wait {wait:g} s and try again"
    if code in FATAL:
        hint = _HINTS[{"invalid_api_key": 401, "model_not_found": 404}.get(code, 402)]
    return SignallingError(
        f"{saying}: {said}" if said else saying,
        hint=hint,
        retryable=(status >= 500 or status in (408, 425, 429)) and code not in FATAL,
        status=status,
        code=code,
        retry_after=wait,
    )


def refused_redirect(url: str, target: str) -> SignallingError:
    """The service wants us elsewhere (`target`), or nowhere (empty or `url` itself); a key is not carried there."""
    here, there = urlsplit(url).netloc, urlsplit(target)
    if not target or target == url:
        where = "sends us in circles or nowhere"
    else:
        where = f"sends us on to {one_line(f'{there.scheme}://{there.netloc}')}, and a key is not carried there"
    return SignallingError(
        f"{here} {where}",
        hint="if that is the right service, make it the base_url",
        code="redirect",
    )


def _retryable(message: str, hint: str, code: str) -> SignallingError:
    return SignallingError(message, hint=hint, retryable=True, code=code)


def _web_page(host: str, status: int) -> SignallingError:
    return SignallingError(
        f"{host} answered with a web page ({status})",
        hint="check base_url; on a hotel or train network, log in with a browser first",
        retryable=status >= 500,
        status=status,
        code="html",
    )


def _by_class(status: int) -> str:
    return "has trouble of its own" if status >= 500 else "refused the call"


def _is_html(body: str) -> bool:
    start = body.lstrip()[:200].lower()
    return start.startswith(("<!doctype html", "<html", "<head", "<body"))


def _read_error(body: str) -> tuple[str, str]:
    """Message and code of an error body: OpenAI's shape, the shapes of other frameworks, or plain text."""
    text = body.strip()
    if not text.startswith("{"):
        return ("" if _is_html(text) or text.startswith("v=") else text), ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text, ""
    if not isinstance(found, dict):
        return text, ""
    error = found.get("error", found)
    if isinstance(error, str):
        return error, ""
    if not isinstance(error, dict):
        return text, ""
    message = next((error[name] for name in ("message", "detail", "error") if error.get(name)), "")
    codes = [error.get(name) for name in ("code", "type")]
    named = [code for code in codes if isinstance(code, str) and code]
    code = next((code for code in named if code in FATAL), named[0] if named else "")
    return (message if isinstance(message, str) else json.dumps(message)), one_line(code)


def one_line(text: str) -> str:
    """Printable, on one line, and not longer than a reader wants."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"


def _seconds(retry_after: str) -> float | None:
    """Retry-After, which is seconds or a date (RFC 9110 10.2.3); None for anything else."""
    text = retry_after.strip()
    try:
        wait = float(text)
    except ValueError:
        try:
            wait = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    # `nan` fails both comparisons and is refused with them.
    return min(wait, _LONGEST_WAIT) if wait >= 0.0 else (0.0 if wait < 0.0 else None)

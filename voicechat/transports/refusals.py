"""Why a service could not be reached or would not take the call: one SignallingError for each way that happens.

What happened and the next step stand in the table of failures; here is found out which row it is, and the detail is
added: host, status, seconds, the service's own words. Text from the other side is cut short, kept to one line and
searched for our key, because some services quote the request.
"""

from __future__ import annotations

import json
import socket
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from voicechat.errors import SignallingError
from voicechat.failures import Failure, by_name, failure_of, is_about_account
from voicechat.transports.on_the_way import PROXY_LOGIN, refused_by_proxy, stopped_on_the_way

_LONGEST_QUOTE = 300
_LONGEST_WAIT = 3_600.0
"""Seconds; a service that asks for more is not waited for by a conversation."""
EXPIRED_KEY = "expired_key"
"""The code of a standard key that the service calls expired, or an expired token."""


def unreachable(host: str, error: BaseException, waited: float) -> SignallingError:
    """No HTTP answer at all. `error` is what aiohttp or the system said."""
    if (stopped := stopped_on_the_way(host, error)) is not None:
        return stopped
    match error:
        case aiohttp.ClientConnectorDNSError() | aiohttp.ClientConnectorError(os_error=socket.gaierror()):
            return _error(by_name("name"), host)
        case aiohttp.ConnectionTimeoutError():
            return _error(by_name("no answer"), host, " (not even to the connection)")
        case TimeoutError():
            return _error(by_name("no answer"), host, f" ({waited:g} s)")
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return _error(by_name("nothing listens"), host)
        case aiohttp.ClientConnectorError():
            return _error(by_name("unreachable"), host)
        case aiohttp.InvalidURL() | ValueError():
            return SignallingError(
                "the request cannot be made: the address or a header is not valid",
                hint="check base_url and any extra headers",
                code="invalid",
            )
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return _error(by_name("hung up"), host)
        case _:
            return _error(by_name("not HTTP"), host)


def refused(
    host: str,
    status: int,
    body: str,
    retry_after: str,
    key: str,
    *,
    sent_none: bool = False,
    is_standard: bool = False,
) -> SignallingError:
    """There was an answer, and it was not a session description. `sent_none`: nothing told the service who we are.
    `is_standard`: the key is the user's own and no token, so no other can be fetched when it is called expired.
    """
    if status == PROXY_LOGIN:
        return refused_by_proxy(status)
    said, code = _read_error(body)
    said = one_line(said.replace(key, "[key]") if key else said)
    if not said and _is_html(body):
        failure, code = by_name("web page"), "html"
    elif 200 <= status < 300:
        failure = by_name("no description")
        code = code or failure.codes[0]
    else:
        failure = failure_of(code, status, said)
        if failure.name == "token" and is_standard:
            failure, code = by_name("key"), EXPIRED_KEY
        if failure.name == "key" and sent_none:
            failure, code = by_name("no key"), "no_key"
    wait = _seconds(retry_after)
    return SignallingError(
        f"{failure.of(host)} ({status})" + (f": {said}" if said else ""),
        hint=f"wait {wait:g} s and try again" if wait else failure.cure,
        retryable=_may_help(failure, status),
        status=status,
        code=code,
        retry_after=wait,
    )


def refused_redirect(url: str, target: str) -> SignallingError:
    """The service wants us elsewhere (`target`), or nowhere (empty or `url` itself); a key is not carried there."""
    here, there = urlsplit(url).netloc, urlsplit(target)
    failure = by_name("redirect")
    if not target or target == url:
        return SignallingError(f"{here} sends us in circles or nowhere", hint=failure.cure, code="redirect")
    where = one_line(f"{there.scheme}://{there.netloc}")
    return SignallingError(f"{failure.of(here)} ({where})", hint=failure.cure, code="redirect")


def _error(failure: Failure, host: str, detail: str = "") -> SignallingError:
    return SignallingError(
        failure.of(host) + detail, hint=failure.cure, retryable=_may_help(failure, 0), code=failure.codes[0]
    )


def _may_help(failure: Failure, status: int) -> bool:
    """Whether trying the same again may help; what the table leaves to us does when the service itself failed."""
    return status >= 500 if failure.retry == "as told" else not failure.is_fatal


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
    code = next((code for code in named if is_about_account(code)), named[0] if named else "")
    return _in_words(message), one_line(code)


def _in_words(message: object) -> str:
    """A sentence as it is; FastAPI's list of fields as `query.model: Field required`; anything else as JSON."""
    if isinstance(message, str):
        return message
    rows = message if isinstance(message, list) else []
    words = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in rows if _is_field(row)]
    return "; ".join(words) if words and len(words) == len(rows) else json.dumps(message)


def _is_field(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("loc"), list) and isinstance(row.get("msg"), str)


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

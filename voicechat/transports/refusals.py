"""Why a service could not be reached or would not take the call: one SignallingError for each way that happens.

What happened and the next step stand in the table of failures; here is found out which row it is, and the detail is
added: host, status, seconds, the service's own words. Text from the other side is cut short, kept to one line and
searched for our key, because some services quote the request.

What stands between us and a service: its certificate and the proxies on the way, and which row of the failure table
a refusal of theirs is.

OpenSSL's numbers for what is wrong with a certificate are its `X509_V_ERR_...`, which Python passes on as
`SSLCertVerificationError.verify_code`. One sentence for all of them would send the owner of an expired certificate
looking for a proxy.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import aiohttp

from voicechat.errors import SignallingError
from voicechat.failures import UNKNOWN, Failure, by_name, failure_of, is_about_account, named_in
from voicechat.transports.target import without_secrets

CA_FILE = "SSL_CERT_FILE"
"""OpenSSL's own variable: a file of certificates (PEM) that are trusted beside those of the system's folder."""
_BY_NUMBER = {
    9: "certificate too young",
    10: "certificate expired",
    18: "certificate self-signed",
    19: "certificate authority",
    20: "certificate authority",
    21: "certificate authority",
    62: "certificate name",
    64: "certificate name",
}
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")
"""What OpenSSL says when the other end answers in plain text."""
PROXY_LOGIN = 407
"""The one HTTP status that only a proxy answers."""


def certificate_failure(error: ssl.SSLError | ssl.CertificateError | None) -> Failure:
    """What is wrong with the encryption of a service."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return by_name(_BY_NUMBER.get(error.verify_code, "certificate"))
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return by_name("no encryption")
    return by_name("certificate")


def cure_of(failure: Failure) -> str:
    """The next step; where a file of certificates is set that is not there, that is the step."""
    if failure.name.startswith("certificate") and (named := os.environ.get(CA_FILE)) and not Path(named).is_file():
        return f"{CA_FILE} names a file that is not there; {failure.cure}"
    return failure.cure


def stopped_on_the_way(host: str, error: BaseException) -> SignallingError | None:
    """The refusal if a certificate or a proxy was the reason that `host` was not reached; None for anything else.

    Nothing was sent in either case: the request, and the key in it, follows the encryption.
    """
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.CertificateError() as reason):
            return _refusal(certificate_failure(reason), host)
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError() as reason):
            return _refusal(certificate_failure(reason), host)
        case ssl.SSLError():
            return _refusal(certificate_failure(error), host)
        case aiohttp.ClientSSLError():
            return _refusal(by_name("certificate"), host)
        case aiohttp.ClientHttpProxyError(status=status):
            return refused_by_proxy(status)
        case aiohttp.ClientProxyConnectionError():
            return _refusal(by_name("proxy away"), _proxy())
        case _:
            return None


def refused_by_proxy(status: int) -> SignallingError:
    """The proxy answered instead of the service, with this HTTP status."""
    failure = by_name("proxy login" if status == PROXY_LOGIN else "proxy")
    return _refusal(failure, _proxy(), status)


def _refusal(failure: Failure, who: str, status: int = 0) -> SignallingError:
    """Without the status in `status`: it is the proxy's, and says nothing about a handshake."""
    return SignallingError(
        failure.of(who) + (f" ({status})" if status else ""),
        hint=cure_of(failure),
        retryable=not failure.is_fatal,
        code=failure.codes[0],
    )


def _proxy() -> str:
    """The proxy for encrypted connections, without the name and password that may stand before it."""
    proxies = getproxies()
    named = proxies.get("https") or proxies.get("all") or proxies.get("http") or ""
    parts = urlsplit(named if "://" in named else f"//{named}")
    return f"the proxy {parts.netloc.rsplit('@', 1)[-1]}" if parts.netloc else "the proxy"


_ONLY_CODES = re.compile(r"[a-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class Closing:
    """What a close means.

    Why a WebSocket ended: its close code and reason as a sentence, a code that the failure table knows, and a hint.

    Codes below 3000 are the standard's (RFC 6455 7.4.1); services add some of 3000 to 4999. The reason beside a code
    often says more than the code: OpenAI closes an expired session with the "going away" 1001, and 1008 ("policy") is
    used for keys, models, rates and full houses alike.
    """

    reason: str
    """One sentence without its full stop."""
    code: str
    """A code of the service (`session_expired`), else `close 1006`."""
    hint: str
    retryable: bool


def closing(
    close_code: int | None, reason: str, *, said: str = "", said_words: str = "", secrets: Iterable[str] = ()
) -> Closing:
    """What this end means. `said` and `said_words` are code and message of the last `error` event, which some services
    close upon."""
    number = 1006 if close_code is None else close_code
    quoted = one_line(without_secrets(reason, secrets)).rstrip(".")
    code, failure = named_in(quoted) or _from_error(said, said_words) or _from_number(number, quoted)
    sentence = failure.sentence
    if number != 1006 and failure.name in ("own code", "line lost"):
        sentence = f"{sentence} ({number})"
    if quoted and not _ONLY_CODES.fullmatch(quoted):
        sentence = f"{sentence}: {quoted}"
    return Closing(sentence, code, failure.cure, not failure.is_fatal)


def _from_error(said: str, words: str) -> tuple[str, Failure] | None:
    failure = failure_of(said, None, words) if said or words else UNKNOWN
    return (said if said in failure.codes else failure.codes[0], failure) if failure is not UNKNOWN else None


def _from_number(number: int, reason: str) -> tuple[str, Failure]:
    """4000 means the retired dialect at OpenAI, which closes with it without a word or with one that is known; others
    close with it for anything."""
    failure = failure_of(f"close {number}")
    if failure.name != "dialect":
        return f"close {number}", failure
    if reason:
        return "closed_with_own_code", by_name("own code")
    return failure.codes[0], failure


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

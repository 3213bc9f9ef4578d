"""What stands between us and a service: its certificate and the proxies on the way, and which row of the failure table
a refusal of theirs is.

OpenSSL's numbers for what is wrong with a certificate are its `X509_V_ERR_...`, which Python passes on as
`SSLCertVerificationError.verify_code`. One sentence for all of them would send the owner of an expired certificate
looking for a proxy.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import aiohttp

from voicechat.errors import SignallingError
from voicechat.failures import Failure, by_name

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

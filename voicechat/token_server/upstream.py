"""What a client is told when the service behind the token server does not give a token.

The service's own words stay here: they quote parts of keys and names of organisations, and the client can do nothing
about either. What it gets is a status, a code and a sentence of ours.
"""

from __future__ import annotations

from voicechat.errors import SignallingError
from voicechat.failures import failure_of
from voicechat.token_server.doors import Refused


def told(error: SignallingError) -> Refused:
    """The answer for a client. 5xx throughout: the client did nothing wrong.

    503 says that waiting helps (the service is busy or limits us), 504 that it did not answer in time, 502 everything
    else. Codes by which clients decide not to try again (no quota, no such model) are passed on as they are.
    """
    failure = failure_of(error.code, error.status, error.message)
    if error.code in failure.codes and failure.name in _PASSED_ON:
        return Refused(502, error.code, f"The service will give no token: {_PASSED_ON[failure.name]}")
    if failure.is_about_account or error.status in (401, 403):
        message = "The service does not accept the key of this token server. Whoever runs it has to look after it."
        return Refused(502, "upstream_key_refused", message)
    if error.status == 429:
        message = "The service limits this token server for now."
        return Refused(503, "upstream_rate_limited", message, error.retry_after or 5.0)
    if error.code == "timeout" or error.status in (408, 504):
        return Refused(504, "upstream_timeout", "The service did not answer in time.")
    if error.status is not None and error.status >= 500:
        message = "The service has trouble of its own."
        return Refused(503, "upstream_failed", message, error.retry_after or 5.0)
    if error.status is None:
        return Refused(502, "upstream_unreachable", "The service cannot be reached from this token server.")
    message = f"The service answered with something that is no token ({error.status})."
    return Refused(502, "upstream_refused", message)


_PASSED_ON = {
    "quota": "the account behind this token server cannot be used now.",
    "model": "it does not know the model that this token server asks for.",
}
"""Classes of failures that a client may know by their codes."""

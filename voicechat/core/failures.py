"""Everything that can fail around a talk: what it means, what helps, whether it is tried again, what works instead.

One row for each class of failure; the rules, the notices and the doctor read it and hold no list of codes themselves.
Codes are those of services (`error.code` or `error.type`), of our own handshake (`SignallingError.code`), of a closed
WebSocket (`close 1006`) and of our notices. Failures that nobody foresaw count as what their HTTP status means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal["network", "authorisation", "configuration", "device", "session"]
Retry = Literal["back-off", "at once", "never"]
"""back-off: 0, 0.5, 1, 2, 5, then every 10 s (R27). at once: a new attempt is a new token or a new session, so the
first follows at once and only more of the same wait. never: the same again would fail again; the user decides."""
Instead = Literal["", "WebSocket", "half duplex", "text"]
"""What the talk goes on with: WebSocket for WebRTC, half duplex without echo cancellation, text without a voice."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One class of failures."""

    name: str
    family: Family
    sentence: str
    """What happened, for a reader who knows no protocol."""
    cure: str
    """The next step."""
    retry: Retry
    codes: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    """HTTP statuses that mean this where no code says more."""
    instead: Instead = ""

    @property
    def is_fatal(self) -> bool:
        """No line comes up until the user has changed something."""
        return self.retry == "never"


def _row(
    family: Family,
    name: str,
    sentence: str,
    cure: str,
    retry: Retry,
    codes: str = "",
    statuses: tuple[int, ...] = (),
    instead: Instead = "",
) -> Failure:
    return Failure(name, family, sentence, cure, retry, frozenset(codes.split()), frozenset(statuses), instead)


FAILURES: tuple[Failure, ...] = (
    # network
    _row("network", "unreachable", "the service cannot be reached", "check the network and base_url", "back-off",
         "dns refused unreachable disconnected http no_line"),
    _row("network", "no answer", "the service did not answer in time", "check the network and any firewall",
         "back-off", "timeout", (408, 504), "WebSocket"),
    _row("network", "no media", "no packet comes through: UDP is probably blocked", "another network has it, or not",
         "back-off", "no_media", instead="WebSocket"),
    _row("network", "line lost", "the line was lost", "nothing to do: it comes back by itself", "back-off",
         "line_lost"),
    _row("network", "service down", "the service has trouble of its own", "wait; look at its status page", "back-off",
         "server_error internal_error model_load_error service_unavailable engine_overloaded",
         (500, 502, 503, 520, 521, 522, 523, 524, 529)),
    _row("network", "certificate", "the encrypted connection was not accepted",
         "check the clock of this machine, the address, and proxies that open TLS", "never", "tls"),
    _row("network", "web page", "a web page answered instead of the service",
         "check base_url; on a hotel or train network, log in with a browser first", "never", "html"),
    # authorisation
    _row("authorisation", "key", "the key was not accepted", "is it for this service, complete and still valid?",
         "never", "invalid_api_key account_deactivated invalid_authentication authentication_error unauthorized",
         (401,)),
    _row("authorisation", "token", "the short-lived token has run out", "nothing to do: a new one is fetched",
         "at once",
         "token_expired expired_token ephemeral_token_expired invalid_ephemeral_token client_secret_expired"),
    _row("authorisation", "access", "the key may not do this", "ask for access, or choose another model", "never",
         "permission_denied forbidden upstream_key_refused unsupported_country_region_territory", (403,)),
    _row("authorisation", "quota", "the account has no quota or credit left", "look at the billing page", "never",
         "insufficient_quota credit_balance_exhausted billing_hard_limit_reached billing_not_active", (402,)),
    # configuration
    _row("configuration", "model", "there is no such model, or not for this key", "check the model's name", "never",
         "model_not_found DeploymentNotFound OperationNotSupported"),
    _row("configuration", "no WebRTC", "this service takes no WebRTC calls at this address",
         "use WebSocket, or check base_url", "never", "not_found method_not_allowed unsupported_content_type bad_sdp",
         (404, 405, 415), "WebSocket"),
    _row("configuration", "request", "the service found a mistake in the request",
         "check the model's name and the session settings", "never",
         "invalid invalid_request_error invalid_value invalid_type unknown_parameter missing_required_parameter "
         "config redirect", (400, 422)),
    _row("configuration", "dialect", "the service has switched this dialect of the interface off",
         "use dialect ga, and no OpenAI-Beta header", "never", "beta_api_shape_disabled"),
    _row("configuration", "engine", "something of voicechat itself failed", "voicechat doctor says more", "never",
         "engine"),
    # devices
    _row("device", "permission", "the microphone gives only silence",
         "is it switched off, muted in hardware, or closed to this terminal by the system?", "never", "mic_flat",
         instead="text"),
    _row("device", "no microphone", "there is no microphone", "type instead; d chooses a device, r looks again",
         "never", "no_microphone", instead="text"),
    _row("device", "no loudspeaker", "answers cannot be heard", "read them; d chooses a device", "never",
         "no_loudspeaker", instead="text"),
    _row("device", "device lost", "sound stopped", "it is looked for again by itself; d chooses another", "back-off",
         "device_lost"),
    _row("device", "sound format", "the device does not take this format", "another rate or device is tried by itself",
         "at once", "device_format"),
    _row("device", "no echo canceller", "echo cannot be cancelled here", "headphones allow talking over the assistant",
         "never", "no_aec self_echo", instead="half duplex"),
    _row("device", "codec", "the sound of this line cannot be coded here", "WebSocket carries plain samples", "never",
         "codec invalid_audio_format unsupported_codec", instead="WebSocket"),
    # session
    _row("session", "session time", "the session reached its longest time", "nothing to do: a new one goes on",
         "at once", "session_expired session_ended"),
    _row("session", "too many sessions", "the service holds as many sessions as it may",
         "end another one, or wait", "back-off",
         "session_limit_reached concurrent_session_limit too_many_sessions max_connections_reached"),
    _row("session", "rate limit", "the service refuses calls for now", "wait; it says how long", "back-off",
         "rate_limit_exceeded inference_rate_limit_exceeded requests tokens slow_down", (425, 429)),
)  # fmt: skip
"""The table. The first row that fits holds; codes are looked at before statuses."""

UNKNOWN = _row("network", "unknown", "the line could not be opened", "try again in a moment", "never")
"""What no row knows and no status explains."""
_BY_CODE = {code: row for row in reversed(FAILURES) for code in row.codes}
_BY_STATUS = {status: row for row in reversed(FAILURES) for status in row.statuses}


def by_name(name: str) -> Failure:
    """The row of this name. Raises KeyError for another."""
    return {row.name: row for row in FAILURES}[name]


def failure_of(code: str = "", status: int | None = None, message: str = "", *, retryable: bool = False) -> Failure:
    """The class of a failure, by its code, else by its words where services give no code, else by its HTTP status.

    `retryable`: what the adapter thinks of a failure that no row knows.
    """
    if _is_expired_token(code, message):
        return by_name("token")
    if code in _BY_CODE and not (status in (404, 405, 415) and _BY_CODE[code].name == "request"):
        return _BY_CODE[code]
    if code.startswith("close "):
        return _closed(code.removeprefix("close "))
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None and status >= 500:
        return by_name("service down")
    return by_name("unreachable") if retryable else UNKNOWN


def _is_expired_token(code: str, message: str) -> bool:
    """Services have no common code for it; some say it only in words (`Ephemeral token expired`)."""
    words = message.lower()
    is_about_keys = code in ("", "invalid_api_key", "unauthorized", "authentication_error", "invalid_request_error")
    return is_about_keys and "expired" in words and ("token" in words or "secret" in words)


def _closed(number: str) -> Failure:
    """A WebSocket's close code: 1008 and 4001 are about the key, 4000 is the retired dialect, the rest is weather."""
    names = {"1008": "key", "4001": "key", "4003": "access", "4000": "dialect", "1001": "session time"}
    return by_name(names.get(number, "line lost"))

"""Everything that can fail around a talk: what it means, what helps, whether it is tried again, what works instead.

The one table. One row for each class of failure; handshakes, closed sockets, rules, notices and the doctor take their
sentence, next step, retry and degradation from it and hold none of their own. What they add is detail: which host, how
long it was waited for, the service's own words.

Codes are those of services (`error.code` or `error.type`), of our own handshake (`SignallingError.code`), of a closed
WebSocket (`close 1006`) and of our notices. Failures that nobody foresaw count as what their HTTP status means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Family = Literal["network", "authorisation", "configuration", "device", "session"]
Retry = Literal["back-off", "at once", "if it worked", "as told", "never"]
"""back-off: 0, 0.5, 1, 2, 5, then every 10 s (R27). at once: a new attempt is a new token or a new session, so a few
follow each other, and a service that goes on saying it has another reason. if it worked: only where the line was up
for a while, because then the key and the address are good. as told: whoever met it knows. never: the same again would
fail again; the user decides."""
Instead = Literal["", "WebSocket", "half duplex", "text"]
"""What the talk goes on with: WebSocket for WebRTC, half duplex without echo cancellation, text without a voice."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One class of failures."""

    name: str
    family: Family
    says: str
    """What happened, for a reader who knows no protocol; `{who}` stands for the host or the device."""
    cure: str
    """The next step."""
    retry: Retry
    codes: tuple[str, ...] = ()
    """The first is the one we use ourselves."""
    statuses: tuple[int, ...] = ()
    """HTTP statuses that mean this where no code says more."""
    closes: tuple[int, ...] = ()
    """Close codes of WebSockets that mean this where the reason beside them says no more."""
    words: str = ""
    """How services say it beside a close code that does not (1008 is used for anything), as a regular expression."""
    instead: Instead = ""
    why: str = ""
    """Why the talk goes on with something else, in as few words as fit beside its name."""
    who: str = "the service"
    """Who it is about where no name is known."""

    def of(self, who: str = "") -> str:
        """What happened, about this host or device."""
        return self.says.replace("{who}", who or self.who)

    @property
    def sentence(self) -> str:
        """What happened."""
        return self.of()

    def said(self, detail: str = "", cure: str = "", *, who: str = "") -> str:
        """What happened, the next step, and what works meanwhile, as whole sentences. `cure`: one for this system."""
        happened = self.of(who)
        happened += f": {detail.rstrip('.')}" if detail not in ("", happened) else ""
        parts = (happened, cure or self.cure, self.why)
        return " ".join(as_sentence(part) for part in parts if part)

    @property
    def is_fatal(self) -> bool:
        """No line comes up until the user has changed something."""
        return self.retry not in ("back-off", "at once")

    @property
    def is_about_account(self) -> bool:
        """Key, account or model: no other way to the same service helps."""
        return self.is_fatal and (self.family == "authorisation" or self.name == "model")


def _row(
    family: Family,
    name: str,
    says: str,
    cure: str,
    retry: Retry,
    codes: str = "",
    statuses: tuple[int, ...] = (),
    *,
    closes: tuple[int, ...] = (),
    words: str = "",
    instead: Instead = "",
    why: str = "",
    who: str = "the service",
) -> Failure:
    return Failure(name, family, says, cure, retry, tuple(codes.split()), statuses, closes, words, instead, why, who)


FAILURES: tuple[Failure, ...] = (
    # network
    _row("network", "name", "the name {who} cannot be found", "check base_url and the network", "back-off", "dns",
         who="of the service"),
    _row("network", "nothing listens", "nothing listens at {who}", "is the server running, and is the port right?",
         "back-off", "refused", who="the service's address"),
    _row("network", "unreachable", "{who} cannot be reached", "check the network", "back-off", "unreachable no_line"),
    _row("network", "no answer", "{who} did not answer in time", "check the network and any firewall", "back-off",
         "timeout", (408, 504), closes=(3008,), instead="WebSocket", why="no answer"),
    _row("network", "hung up", "{who} closed the connection without an answer", "try again in a moment",
         "back-off", "disconnected"),
    _row("network", "not HTTP", "{who} gave an answer that is not proper HTTP", "is base_url the right address?",
         "back-off", "http"),
    _row("network", "no media", "no packet comes through from {who}: UDP is probably blocked",
         "try another network, or --transport websocket (needs no UDP)", "back-off", "no_media",
         instead="WebSocket", why="UDP blocked"),
    _row("network", "line lost", "the connection was lost without a reason", "nothing to do: it reconnects by itself",
         "back-off", "line_lost", closes=(1006,)),
    _row("network", "going away", "{who} is going away", "try again in a moment", "back-off", closes=(1001,)),
    _row("network", "busy", "{who} is busy or overloaded", "wait, then check its status page", "back-off",
         "service_unavailable engine_overloaded", (503, 529), closes=(1013,),
         words=r"over(loaded|capacity)|at capacity|server (is )?busy|try again later"),
    _row("network", "restart", "{who} restarts", "try again in a moment", "back-off", closes=(1012,)),
    _row("network", "service down", "{who} has an internal error", "try again in a moment, or check its status page",
         "back-off", "server_error internal_error model_load_error", (500, 502, 520, 521, 522, 523, 524),
         closes=(1011, 1014), words=r"internal (server )?error"),
    _row("network", "certificate", "the encrypted connection to {who} failed: its certificate or protocol was not "
         "accepted", "check the clock of this machine and the address; a proxy that opens TLS needs its own "
         "certificate", "never", "tls", closes=(1015,)),
    _row("network", "certificate expired", "the TLS connection to {who} failed: its certificate has expired",
         "check the clock of this machine; if it is right, the service needs a new certificate", "never",
         "tls_expired"),
    _row("network", "certificate too young", "the TLS connection to {who} failed: its certificate is not valid yet",
         "check the clock of this machine", "never", "tls_too_young"),
    _row("network", "certificate self-signed", "the TLS connection to {who} failed: its certificate is "
         "self-signed", "if it is yours, set SSL_CERT_FILE to a file with that certificate (PEM)",
         "never", "tls_self_signed"),
    _row("network", "certificate authority", "the TLS connection to {who} failed: its certificate is from an authority "
         "that this machine does not know", "a company's own, or a proxy that opens TLS? set SSL_CERT_FILE to a file "
         "with that authority's certificate (PEM)", "never", "tls_unknown_authority"),
    _row("network", "certificate name", "the TLS connection to {who} failed: its certificate is for another name",
         "use the name in the certificate as base_url; a login page of the network may also stand in between", "never",
         "tls_other_name"),
    _row("network", "no encryption", "{who} does not speak TLS at this port", "check scheme and port of base_url: is "
         "it http://, or another port?", "never", "tls_not_spoken"),
    _row("network", "proxy login", "{who} asks for a name and password", "set HTTPS_PROXY to "
         "http://NAME:PASSWORD@HOST:PORT, with both in it", "never", "proxy_login", (407,), who="the proxy"),
    _row("network", "proxy", "{who} blocks this connection", "ask the administrator of the proxy, or name the service "
         "in NO_PROXY if it can be reached without", "never", "proxy_refused", who="the proxy"),
    _row("network", "proxy kind", "the proxy that is set for {who} is not an HTTP proxy", "set HTTPS_PROXY to an "
         "http:// proxy, or name the service in NO_PROXY", "never", "proxy_kind"),
    _row("network", "proxy away", "{who} cannot be reached", "check HTTPS_PROXY (or the system's proxy settings), or "
         "name the service in NO_PROXY", "back-off", "proxy_away", who="the proxy"),
    _row("network", "web page", "{who} answered with a web page",
         "check base_url; on a hotel or train network, log in with a browser first", "as told", "html"),
    # authorisation
    _row("authorisation", "token", "the short-lived token for {who} has run out", "nothing to do: a new one is fetched",
         "at once",
         "token_expired expired_token ephemeral_token_expired invalid_ephemeral_token client_secret_expired",
         words=r"(token|secret)\b.{0,40}\bexpired|expired\b.{0,20}\b(token|secret)"),
    _row("authorisation", "key", "{who} did not accept the key", "is it for this service, complete and still valid?",
         "never",
         "invalid_api_key account_deactivated invalid_authentication authentication_error unauthorized expired_key",
         (401,), closes=(3000, 4001, 4401),
         words=r"(incorrect|invalid|missing|bad|no|wrong)\b.{0,20}\b(api[ _-]?key|key|token|credentials?)\b"
               r"|api[ _-]?key.{0,10}not valid|unauthori[sz]ed|not authenticated|authentication (failed|required)"),
    _row("authorisation", "no key", "{who} needs a key, and none is set",
         "set VOICECHAT_API_KEY to a key of this service", "never", "no_key"),
    _row("authorisation", "access", "{who} does not allow this with this key",
         "the key may not use this model or this endpoint; ask for access or choose another model", "never",
         "permission_denied forbidden upstream_key_refused unsupported_country_region_territory", (403,),
         closes=(3003, 4003, 4403), words=r"forbidden|permission denied|access denied|does not have access"),
    _row("authorisation", "quota", "{who} says that the account has no quota or credit left",
         "look at the billing page of the service", "never",
         "insufficient_quota credit_balance_exhausted billing_hard_limit_reached billing_not_active", (402,),
         closes=(4402,),
         words=r"exceeded your current quota|insufficient[ _](quota|funds|credit)|credits? .{0,20}depleted|billing"),
    # configuration
    _row("configuration", "model", "{who} has no such model, or not for this key", "check the model's name", "never",
         "model_not_found DeploymentNotFound OperationNotSupported",
         words=r"\bmodels?\b.{0,120}\b(not found|does not exist|not supported|unknown|not available)"
               r"|(unknown|invalid|unsupported|no such) model"),
    _row("configuration", "no WebRTC", "{who} has no such address or model",
         "check base_url and the model's name; a service without WebRTC can be used by WebSocket", "never",
         "not_found", (404,), instead="WebSocket", why="no WebRTC"),
    _row("configuration", "no calls", "{who} takes no calls at this address", "check base_url, or use WebSocket",
         "never", "method_not_allowed", (405,), instead="WebSocket", why="no WebRTC"),
    _row("configuration", "handshake", "{who} does not take this kind of handshake",
         "set handshake to another one (sdp, multipart), or use WebSocket", "never",
         "unsupported_content_type bad_sdp", (415,), instead="WebSocket", why="no WebRTC"),
    _row("configuration", "no description", "{who} answered, but not with a session description",
         "is base_url the address of a Realtime service with WebRTC?", "never", "no_description"),
    _row("configuration", "request", "{who} rejected the request as invalid",
         "check the model's name and the session settings", "never",
         "invalid invalid_request_error invalid_value invalid_type unknown_parameter missing_required_parameter "
         "config", (400, 422)),
    _row("configuration", "redirect", "{who} redirects to another address, and the key is not sent there",
         "if that is the right service, make it the base_url", "never", "redirect"),
    _row("configuration", "protocol", "{who} reports a protocol error on our side",
         "is base_url the address of a Realtime service?", "if it worked", closes=(1002, 1010)),
    _row("configuration", "unreadable", "{who} could not read what was sent", "check the last event you sent by hand",
         "if it worked", closes=(1007,)),
    _row("configuration", "too large", "{who} was sent a message too large for it", "send less at once",
         "if it worked", closes=(1009,)),
    _row("configuration", "huge message", "{who} sent a message too large to be read",
         "look at what it sends; it is no message of the protocol", "if it worked", "message_too_large"),
    _row("configuration", "broken message", "{who} sent what is no WebSocket message",
         "check for a proxy in between: it may be altering the traffic", "back-off", "broken_message"),
    _row("configuration", "policy", "{who} says that its rules do not allow this",
         "check the key, the model and the account", "if it worked", closes=(1008,)),
    _row("configuration", "own code", "{who} closed the session with a non-standard code",
         "its documentation may say why", "if it worked", "closed_with_own_code"),
    _row("configuration", "dialect", "{who} no longer speaks the beta dialect",
         'set dialect = "ga" and drop the OpenAI-Beta header', "never", "beta_api_shape_disabled", closes=(4000,),
         words=r"beta\b.{0,40}\b(disabled|no longer|not supported|deprecated)"),
    _row("configuration", "engine", "voicechat itself failed", "`voicechat doctor` says more", "as told",
         "engine"),
    # devices
    _row("device", "permission", "{who} delivers only silence",
         "Is it switched off, muted in hardware, or closed to this terminal by the system?", "never", "mic_flat",
         instead="text", why="you can type instead", who="the microphone"),
    _row("device", "forbidden", "the system does not let this program use {who}",
         "allow it in the system's settings for the microphone", "never", "mic_forbidden",
         words=r"denied|0x80070005|e_accessdenied|not permitted|permission", instead="text",
         why="you can type instead", who="the microphone"),
    _row("device", "in use", "{who} is in use by another program", "close the other program", "never", "device_busy",
         words=r"unavailable|busy|in use|device_in_use|being used|-9985", instead="text",
         why="you can type instead", who="the device"),
    _row("device", "sound format", "{who} supports none of the formats that were tried", "choose another device",
         "never", "device_format", words=r"sample rate|sample format|number of channels|-999[4578]", instead="text",
         why="you can type instead", who="the device"),
    _row("device", "device refused", "the sound system refused {who}", "`voicechat devices` shows the others", "never",
         "device_refused", instead="text", why="you can type instead", who="the device"),
    _row("device", "no microphone", "there is no microphone", "plug one in, or choose another device", "never",
         "no_microphone", instead="text", why="you can type instead", who="the microphone"),
    _row("device", "no loudspeaker", "answers cannot be heard", "choose another device", "never", "no_loudspeaker",
         instead="text", why="they are shown as text", who="the loudspeaker"),
    _row("device", "device lost", "sound stopped", "looking for it again; you can choose another device",
         "back-off", "device_lost", who="the device"),
    _row("device", "inaudible", "nothing reaches your loudspeaker", "r asks again; F7 shows what arrives",
         "never", "inaudible", who="the loudspeaker"),
    _row("device", "no echo canceller", "echo cancelling is not available on this system",
         "headphones allow talking over the assistant; the stop key cuts in too", "never", "no_aec",
         instead="half duplex", why="the mic is off while the assistant speaks", who="this computer"),
    _row("device", "self-echo", "your loudspeaker triggers the voice detection",
         "turn echo cancelling on, or use headphones", "never", "self_echo", instead="half duplex",
         who="the loudspeaker"),
    _row("device", "codec", "{who} does not accept this audio format", "check the session's sound formats",
         "if it worked", "invalid_audio_format unsupported_codec codec", closes=(1003,), instead="WebSocket",
         why="no common codec"),
    # session
    _row("session", "session time", "the session reached its maximum duration",
         "nothing to do: a new session takes over", "at once", "session_expired session_ended",
         words=r"session\b.{0,40}\b(expired|maximum duration|timed? ?out|time limit)|maximum (session )?duration"),
    _row("session", "too many sessions", "{who} has reached its limit of sessions", "end another one, or wait",
         "back-off", "session_limit_reached concurrent_session_limit too_many_sessions max_connections_reached",
         words=r"too many( \w+)? (connections|sessions)|(session|connection|concurrency)s? limit"
               r"|maximum number of (connections|sessions)"),
    _row("session", "rate limit", "{who} is refusing calls for now",
         "wait a little, or look at the limits of your account", "back-off",
         "rate_limit_exceeded inference_rate_limit_exceeded requests tokens slow_down", (425, 429), closes=(4429,),
         words=r"rate.?limit|too many requests|client is too slow"),
    _row("session", "closed", "{who} closed the session because it was asked to", "begin a new one", "never",
         "session_closed"),
    _row("session", "filter", "{who} ended the session: its safety filter stopped the conversation",
         "begin a new one and say it in other words", "never", "content_filter"),
    _row("session", "ended", "{who} ended the session", "begin a new one", "back-off", closes=(1000,)),
)  # fmt: skip
"""The table. The first row that fits holds; codes are looked at before statuses."""

UNKNOWN = _row("network", "unknown", "the connection to {who} could not be opened", "try again in a moment", "as told")
"""What no row knows and no status explains."""
_BY_NAME = {row.name: row for row in FAILURES}
_BY_CODE = {code: row for row in reversed(FAILURES) for code in row.codes}
_BY_STATUS = {status: row for row in reversed(FAILURES) for status in row.statuses}
_BY_CLOSE = {number: row for row in reversed(FAILURES) for number in row.closes}
_CODE = re.compile(r"(?<![a-z])[a-z]++(?:_[a-z0-9]+)+")
_ADDRESS_STATUSES = (404, 405, 415)
"""Services put a general code beside these; the status says more."""


def as_sentence(text: str) -> str:
    """With a capital and a full stop."""
    begun = text[0].upper() + text[1:]
    return begun if begun[-1] in ".?!" else f"{begun}."


def by_name(name: str) -> Failure:
    """The row of this name. Raises KeyError for another."""
    return _BY_NAME[name]


def failure_of(code: str = "", status: int | None = None, message: str = "", *, retryable: bool = False) -> Failure:
    """The class of a failure, by its code, else by its words where services give no code, else by its HTTP status.

    `retryable`: what the adapter thinks of a failure that no row knows.
    """
    if _is_expired_token(code, message):
        return by_name("token")
    if code in _BY_CODE and not (status in _ADDRESS_STATUSES and _BY_CODE[code].name == "request"):
        return _BY_CODE[code]
    if code.startswith("close "):
        return _closed(int(code[6:]) if code[6:].isdecimal() else 0)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None and status >= 500:
        return by_name("service down")
    return by_name("unreachable") if retryable else UNKNOWN


def cure_of_answer(reason: str, code: str = "") -> str:
    """The next step after a response that failed with this message, and code where there is one."""
    known = _BY_CODE.get(code)
    if known is None and (named := named_in(reason)) is not None:
        known = named[1]
    return known.cure if known is not None and known.is_about_account else "ask again"


def named_in(reason: str) -> tuple[str, Failure] | None:
    """(code, class) of what a WebSocket's close reason says, by a code in it or by its words; None where it says
    nothing that is known."""
    codes = [word for word in _CODE.findall(reason.lower()) if word in _BY_CODE]
    if codes:
        return codes[-1], _BY_CODE[codes[-1]]  # the last of `type.code` says most
    said = _matching(reason, lambda row: row.family != "device")
    return (said.codes[0], said) if said is not None else None


def refused_device(refusal: str) -> Failure:
    """What it means that a device did not open. `refusal` is the sound library's or the system's own text."""
    return _matching(refusal, lambda row: row.family == "device") or by_name("device refused")


def _matching(words: str, is_asked: Callable[[Failure], bool]) -> Failure | None:
    rows = (row for row in FAILURES if row.words and is_asked(row))
    return next((row for row in rows if re.search(row.words, words, re.IGNORECASE)), None)


def _closed(number: int) -> Failure:
    return _BY_CLOSE.get(number) or by_name("own code" if 3000 <= number < 5000 else "line lost")


def is_about_account(code: str) -> bool:
    """Whether this code is about key, account or model, so that no repetition changes it, whatever the status says."""
    return code in _BY_CODE and _BY_CODE[code].is_about_account


def _is_expired_token(code: str, message: str) -> bool:
    """Services have no common code for it; some say it only in words (`Ephemeral token expired`)."""
    is_about_keys = code in ("", "invalid_api_key", "unauthorized", "authentication_error", "invalid_request_error")
    return is_about_keys and re.search(by_name("token").words, message, re.IGNORECASE) is not None

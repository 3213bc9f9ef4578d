"""One handshake over HTTP: an offer goes out, an answer comes back, and everything else has a name.

Four styles (see `target.Handshake`); which of them a service takes is found out by `probing`. What the other side says
when it refuses is read before anything is taken for a session description, because services answer with JSON, HTML,
nothing, or far too much. Each failure is one SignallingError: what happened, what to do, whether trying again may help.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import aiohttp

from voicechat.errors import SignallingError
from voicechat.transports.endpoint import endpoint, followed, is_same_service, proxy_for
from voicechat.transports.line_codec import offer_of
from voicechat.transports.refusals import refused, refused_redirect, unreachable
from voicechat.transports.target import PATHS, Handshake, LineTarget, credentials, secrets_of, without_secrets
from voicechat.transports.tokens import Token, access_headers, fetched, mint, own_refusal, with_living_token

LARGEST_BODY = 262_144
"""Bytes read of any answer; a session description has a few thousand."""
MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})

Body = aiohttp.FormData | bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    One POST of a handshake: the answer is read to a bounded end, and no redirect carries a secret to another host.
    """

    url: str = field(repr=False)
    """Where it came from, after redirects."""
    status: int
    location: str
    retry_after: str
    body: str = field(repr=False)
    is_whole: bool


async def post(
    http: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    make_body: Callable[[], Body],
    timeout: float,
) -> Reply:
    """Ask, and follow redirects within the service. A form can be sent once only, hence `make_body`.

    Raises SignallingError when there is no answer, or when it leads elsewhere.
    """
    for _ in range(MOST_REDIRECTS + 1):
        reply = await _once(http, url, headers, query, make_body(), timeout)
        if reply.status not in REDIRECTS:
            return reply
        next_url = followed(url, reply.location)
        if not next_url or not is_same_service(url, next_url):
            raise refused_redirect(url, next_url)
        url, query = next_url, {}
    raise refused_redirect(url, url)


async def _once(
    http: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    body: Body,
    timeout: float,
) -> Reply:
    """Third-party trouble becomes a SignallingError here."""
    try:
        async with http.post(
            url,
            data=body,
            headers=headers,
            params=query,
            timeout=aiohttp.ClientTimeout(total=timeout),
            proxy=proxy_for(url),
            allow_redirects=False,
        ) as response:
            raw = await _read(response)
            return Reply(
                url=url,
                status=response.status,
                location=response.headers.get("Location", ""),
                retry_after=response.headers.get("Retry-After", ""),
                body=raw.decode("utf-8", "replace"),
                is_whole=len(raw) <= LARGEST_BODY,
            )
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise unreachable(urlsplit(url).netloc, error, timeout) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """At most `LARGEST_BODY` bytes, and one more when there were more."""
    parts, size = [], 0
    while size <= LARGEST_BODY:
        part = await response.content.read(LARGEST_BODY + 1 - size)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


_CALL_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_HANG_UP_TIMEOUT = 2.0
ABSENT = frozenset({404, 405})
"""Statuses of an address that is not there."""
_SDP = {"Accept": "application/sdp", "Content-Type": "application/sdp"}
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_LEAST = ("type", "model")
"""What every service knows of a session's configuration."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The service took the call."""

    sdp: str
    call_id: str
    """Last part of the Location header; empty where there was none."""
    status: int
    handshake: Handshake = "multipart"
    configured: bool = False
    """The session's configuration went along and was taken."""
    url: str = field(default="", repr=False)
    """Where the call was taken; its name stands below this."""
    location: str = field(default="", repr=False)
    """The call's own address, where the service gave one within its own host."""
    key: str = field(default="", repr=False)
    """The key that was used, which may be a short-lived one."""
    key_dies_at: float | None = None
    """When that key dies, Unix seconds by this computer's clock; None for a standard one."""
    why: str = ""
    """Why not the handshake that was tried first; empty where this was the first."""


async def exchange_sdp(
    http: aiohttp.ClientSession,
    target: LineTarget,
    offer: str,
    handshake: Handshake,
    *,
    wall: Callable[[], float] = time.time,
) -> CallAnswer:
    """Send the offer by one handshake. Raises SignallingError for anything that is not an answer.

    `target.connect_timeout` limits each request; `wall` gives Unix seconds, for short-lived keys.
    """
    if target.token_url and handshake != "live":
        # A token server configures sessions as its owner likes: ours is sent when the line is open.
        return await with_living_token(
            lambda: fetched(http, target, wall()),
            lambda token: _bare(http, target, offer, handshake, token, configured=False),
            wall,
        )
    match handshake:
        case "multipart":
            return await _multipart(http, target, offer)
        case "live":
            return await _live(http, target, offer)
        case "sdp":
            return await _bare(http, target, offer, handshake, None, configured=False)
        case _:
            return await _minted(http, target, offer, handshake, wall)


async def _multipart(http: aiohttp.ClientSession, target: LineTarget, offer: str) -> CallAnswer:
    """Offer and configuration at once. A configuration that is refused stays behind: R22 settles it on the line."""
    session = _session(target)
    try:
        return await _form(http, target, offer, session, configured=True)
    except SignallingError as error:
        least = {name: session[name] for name in _LEAST if name in session}
        if error.status not in (400, 422) or error.code not in _FIELD_CODES or least == session:
            raise
    return await _form(http, target, offer, least, configured=False)


async def _live(http: aiohttp.ClientSession, target: LineTarget, offer: str) -> CallAnswer:
    """Offer and session as JSON, which begins a GPT-Live session; its id stands in the answer.

    GPT-Live mints no short-lived keys: a token server passes the offer on, with a session of its own.
    """
    url, query = target.token_url or target.webrtc_url or endpoint(target.base_url, PATHS["live"]), dict[str, str]()
    if target.token_url:
        host, headers = access_headers(url, target.token_access, insecure=target.insecure)
    else:
        headers, query = credentials(url, target)
    body = json.dumps(offer_of(target.session or {}, offer)).encode()
    reply = await post(http, url, headers | _JSON, query, lambda: body, target.connect_timeout)
    if target.token_url and (own := own_refusal(host, reply.status, reply.body, reply.retry_after)):
        raise own
    answer = _answer(reply, target, target.key, "live", configured=True)
    return replace(answer, call_id=_session_id(reply.body))


def _session_id(body: str) -> str:
    """`session.id` of the answer, a plain name; empty where there is none."""
    try:
        made = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    session = made.get("session") if isinstance(made, dict) else None
    name = session.get("id") if isinstance(session, dict) else None
    return name if isinstance(name, str) and _CALL_ID.fullmatch(name) else ""


_FIELD_CODES = ("unknown_parameter", "invalid_value", "invalid_type", "missing_required_parameter")


async def _form(
    http: aiohttp.ClientSession, target: LineTarget, offer: str, session: Mapping[str, object], *, configured: bool
) -> CallAnswer:
    def body() -> Body:
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("sdp", offer, content_type="application/sdp")
        form.add_field("session", json.dumps(session), content_type="application/json")
        return form

    url = _address(target, "multipart")
    headers, query = credentials(url, target)
    reply = await post(http, url, {"Accept": "application/sdp"} | headers, query, body, target.connect_timeout)
    return _answer(reply, target, target.key, "multipart", configured=configured)


async def _minted(
    http: aiohttp.ClientSession, target: LineTarget, offer: str, handshake: Handshake, wall: Callable[[], float]
) -> CallAnswer:
    """With a short-lived key. A beta service that mints none may still take the offer with the standard one."""
    is_minted = False

    async def minted() -> Token:
        nonlocal is_minted
        token = await mint(http, replace(target, handshake=handshake), wall())
        is_minted = True
        return token

    try:
        return await with_living_token(
            minted, lambda token: _bare(http, target, offer, handshake, token, configured=True), wall
        )
    except SignallingError as error:
        if is_minted or handshake != "sessions" or error.status not in ABSENT:
            raise
    return await _bare(http, target, offer, handshake, None, configured=False)


async def _bare(
    http: aiohttp.ClientSession,
    target: LineTarget,
    offer: str,
    handshake: Handshake,
    token: Token | None,
    *,
    configured: bool,
) -> CallAnswer:
    """The offer alone. A GA token knows its model; everybody else is told in the query."""
    url = _address(target, handshake)
    headers, query = credentials(url, target, token.value if token is not None else None)
    if (
        target.model
        and not (handshake == "client_secret" and token is not None)
        and "model=" not in urlsplit(url).query
    ):
        query.setdefault("model", target.model)
    reply = await post(http, url, headers | _SDP, query, offer.encode, target.connect_timeout)
    if token is None:
        return _answer(reply, target, target.key, handshake, configured=configured)
    answer = _answer(reply, target, token.value, handshake, configured=configured)
    return replace(answer, key_dies_at=token.expires_at)


def _address(target: LineTarget, handshake: Handshake) -> str:
    """Where the offer goes."""
    if target.webrtc_url:
        return target.webrtc_url
    return endpoint(target.base_url, target.path or path_of(handshake))


def path_of(handshake: Handshake) -> str:
    """Where a handshake sends the offer, below the base URL."""
    return {"sessions": "realtime", "live": PATHS["live"]}.get(handshake, "realtime/calls")


def _session(target: LineTarget) -> dict[str, object]:
    """The configuration part; type and model are what a service needs to know in any case.

    A transcription session has no model of its own: the one that transcribes stands inside.
    """
    session: dict[str, object] = {"type": "realtime", **(target.session or {})}
    if target.model and session["type"] != "transcription":
        session.setdefault("model", target.model)
    return session


def _answer(reply: Reply, target: LineTarget, key: str, handshake: Handshake, *, configured: bool) -> CallAnswer:
    """The session description in a reply, or the reason why there is none."""
    host = urlsplit(reply.url).netloc
    said = without_secrets(reply.body, (*secrets_of(target), *((key,) if key else ())))
    if not 200 <= reply.status < 300:
        sent_none, is_standard = target.is_anonymous, key == target.key and not target.token_url
        raise refused(host, reply.status, said, reply.retry_after, key, sent_none=sent_none, is_standard=is_standard)
    if not reply.is_whole:
        raise SignallingError(
            f"{host} answered with far more than a session description",
            hint="is base_url the address of a Realtime service?",
            status=reply.status,
        )
    sdp = _described(reply.body)
    if not sdp.lstrip().startswith("v="):
        raise refused(host, reply.status, said, reply.retry_after, key)
    place = followed(reply.url, reply.location)
    return CallAnswer(
        sdp=sdp,
        call_id=_call_id(place),
        status=reply.status,
        handshake=handshake,
        configured=configured,
        url=reply.url,
        location=place if place and is_same_service(reply.url, place) else "",
        key=key,
    )


def _described(body: str) -> str:
    """The SDP text; some services wrap it in JSON when they feel like it."""
    if not body.lstrip().startswith("{"):
        return body
    try:
        wrapped = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    transport = wrapped.get("transport") if isinstance(wrapped, dict) else None
    sdp = (transport if isinstance(transport, dict) else wrapped).get("sdp") if isinstance(wrapped, dict) else None
    return sdp if isinstance(sdp, str) else ""


def _call_id(location: str) -> str:
    """`/v1/realtime/calls/rtc_123` -> `rtc_123`; empty for anything that is not a plain name."""
    last = urlsplit(location).path.rstrip("/").rsplit("/", 1)[-1]
    return last if _CALL_ID.fullmatch(last) else ""


async def hang_up(
    http: aiohttp.ClientSession, target: LineTarget, call: CallAnswer, *, wall: Callable[[], float] = time.time
) -> str:
    """Tell the service that the call is over; returns why it was not told, or an empty string. Never raises.

    `POST .../calls/NAME/hangup` as OpenAI has it; a service without that address gets DELETE on the call itself.
    """
    if not _CALL_ID.fullmatch(call.call_id):
        return "the service gave the call no name"
    if call.handshake == "live" and target.token_url:  # session.close has ended it, and the address needs the key
        return ""
    is_dead = call.key_dies_at is not None and wall() >= call.key_dies_at
    if is_dead and not target.key:
        return "the short-lived key of the call has run out"
    below = urlsplit(call.url)._replace(query="", fragment="").geturl().rstrip("/")
    try:
        headers, query = credentials(call.url, target, None if is_dead else call.key)
        status = await _tell(http, "POST", f"{below}/{call.call_id}/hangup", headers, query)
        if status in ABSENT and call.location:
            status = await _tell(http, "DELETE", call.location, headers, query)
        return "" if status < 300 else f"the service answered {status}"
    except SignallingError as error:
        return error.message
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return f"the service could not be told ({type(error).__name__})"


async def _tell(
    http: aiohttp.ClientSession, method: str, url: str, headers: Mapping[str, str], query: Mapping[str, str]
) -> int:
    timeout = aiohttp.ClientTimeout(total=_HANG_UP_TIMEOUT)
    async with http.request(
        method, url, headers=headers, params=query, timeout=timeout, proxy=proxy_for(url), allow_redirects=False
    ) as response:
        return response.status

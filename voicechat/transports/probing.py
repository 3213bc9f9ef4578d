"""Which handshake does a service take? It is asked in the order in which refusing is cheap and says most.

multipart to `realtime/calls`; where that is not there or not taken, the bare offer to `realtime/calls?model=`; then the
beta's short-lived key and the offer to `realtime?model=`. A service that refuses all of them may still have a
WebSocket: that is another transport, and the caller's to try. A refusal that has nothing to do with the handshake (the
key, the quota, a network that fails) ends the search at once: asking again in another style would only cost more of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import aiohttp

from voicechat.errors import SignallingError
from voicechat.failures import by_name, is_about_account
from voicechat.transports.endpoint import endpoint
from voicechat.transports.refusals import EXPIRED_KEY
from voicechat.transports.signalling import CallAnswer, exchange_sdp, path_of
from voicechat.transports.target import Handshake, LineTarget

ORDER: tuple[Handshake, ...] = ("multipart", "sdp", "sessions")
WITH_TOKENS: tuple[Handshake, ...] = ("sdp", "sessions")
"""A token server's short-lived key is not taken beside a configuration."""
GO_ON = frozenset({400, 404, 405, 406, 415, 422, 500, 501})
"""Statuses that may mean this handshake rather than this call. 400, 422 and 500 are what frameworks answer to a body
they did not expect; with a code of their own they mean something else."""
NO_HANDSHAKE = "not_found"
"""The code of a service that took none of the handshakes."""
CHECK_ADDRESS = "check base_url: is it the address of a Realtime service?"
_LEAST_TIME = 1.0
"""Seconds that a step gets even when the ones before it were slow."""
_WORDS: dict[Handshake, str] = {
    "multipart": "multipart",
    "sdp": "SDP",
    "client_secret": "client_secrets and SDP",
    "sessions": "sessions and SDP",
    "live": "GPT-Live",
}


async def call_service(http: aiohttp.ClientSession, target: LineTarget, offer: str) -> CallAnswer:
    """The answer by the handshake of `target`; with `auto`, by the first one that the service takes.

    Raises SignallingError; when every handshake was refused, its one sentence names each and why.
    """
    if target.handshake != "auto":
        return await exchange_sdp(http, target, offer, target.handshake)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + target.connect_timeout
    refusals: list[tuple[Handshake, SignallingError]] = []
    untried = list(WITH_TOKENS if target.token_url else ORDER)
    while untried:
        handshake = untried.pop(0)
        left = replace(target, connect_timeout=max(_LEAST_TIME, deadline - loop.time()))
        try:
            answer = await exchange_sdp(http, left, offer, handshake)
        except SignallingError as error:
            if handshake == "multipart" and _wants_short_lived_key(error):
                untried = ["client_secret"]
            elif not is_about_the_handshake(error):
                raise _named(error, target, handshake, refusals) from error
            refusals.append((handshake, error))
        else:
            return replace(answer, why=_why(target, refusals))
    if all(error.status == 500 for _, error in refusals):
        raise refusals[0][1]  # not four mistakes: the service itself is in trouble, and may get over it
    raise _none_taken(target, refusals)


def is_about_the_handshake(error: SignallingError) -> bool:
    """Whether another handshake may be taken where this one was refused."""
    if is_about_account(error.code) or error.code in ("redirect", "unencrypted"):
        return False
    if error.status is None:
        return False
    if 200 <= error.status < 300:
        return True  # a web page or something else that is no session description: nobody there knows the request
    if error.status in (400, 500):
        return not error.code
    return error.status in GO_ON


def _wants_short_lived_key(error: SignallingError) -> bool:
    """The standard key was called an expired token: some gateways (LiteLLM) take calls with keys they minted only."""
    return error.status == 401 and error.code == EXPIRED_KEY


def step_words(target: LineTarget, handshake: Handshake) -> str:
    """What was tried, for a reader: the handshake and where it went."""
    url = target.webrtc_url or endpoint(target.base_url, target.path or path_of(handshake))
    return f"{_WORDS.get(handshake, handshake)} to {urlsplit(url).path}"


def _why(target: LineTarget, refusals: list[tuple[Handshake, SignallingError]]) -> str:
    return ", ".join(f"{step_words(target, handshake)} {_reason(error)}" for handshake, error in refusals)


def _reason(error: SignallingError) -> str:
    """A refusal in a few words, for a sentence that holds several."""
    if error.code == "no_token":
        return f"got no token ({error.status})"
    if error.code == "html":
        return f"got a web page ({error.status})"
    if error.status is not None and 200 <= error.status < 300:
        return f"got {error.status} without a session description"
    return f"got {error.status}"


def _named(
    error: SignallingError, target: LineTarget, handshake: Handshake, before: list[tuple[Handshake, SignallingError]]
) -> SignallingError:
    """A refusal that ends the search, with the step that met it; nobody was met where there is no network."""
    if error.status is None and error.code != "timeout" and not before:
        return error
    earlier = f" (before that, {_why(target, before)})" if before else ""
    return SignallingError(
        f"{step_words(target, handshake)}: {error.message}{earlier}",
        hint=error.hint,
        retryable=error.retryable,
        status=error.status,
        code=error.code,
        retry_after=error.retry_after,
    )


def _none_taken(target: LineTarget, refusals: list[tuple[Handshake, SignallingError]]) -> SignallingError:
    host = urlsplit(target.webrtc_url or endpoint(target.base_url, "realtime")).netloc
    said = next((error for _, error in refusals if error.status not in (404, 405, 415)), refusals[-1][1])
    return SignallingError(
        f"{host} takes no WebRTC call: {_why(target, refusals)}",
        hint=by_name("web page").cure if all(_is_a_page(error) for _, error in refusals) else CHECK_ADDRESS,
        retryable=any(error.retryable for _, error in refusals),
        status=said.status,
        code=NO_HANDSHAKE,
    )


def _is_a_page(error: SignallingError) -> bool:
    """A network's login page says yes to everything; so does a website that knows no such address."""
    return error.code in ("html", "no_token") and error.status is not None and 200 <= error.status < 300

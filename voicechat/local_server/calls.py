"""Sessions over WebRTC: an offer comes by HTTP, an answer goes back, and the rest happens on the peer connection."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field

import numpy as np
from aiohttp import BodyPartReader, web
from numpy.typing import NDArray

from voicechat.errors import SignallingError, VoiceChatError
from voicechat.local_server.doors import refusal_response
from voicechat.local_server.house import MOST_SESSIONS, House, first_config
from voicechat.local_server.live import LiveSession, configured, refusal_of_offer
from voicechat.local_server.playout import FRAME
from voicechat.local_server.refusals import Refusal, invalid
from voicechat.local_server.session import ClientSession, new_id
from voicechat.local_server.session_config import Fields, SessionConfig
from voicechat.protocol.dialects import Dialect
from voicechat.rtc.peer import Peer
from voicechat.visitors import sent_in_time

log = logging.getLogger("voicechat.local_server")

LARGEST_OFFER = 262_144
"""Bytes of SDP or of a session object; real ones have a few thousand."""
CONNECT_LIMIT = 30.0
"""Seconds until a call whose data channel does not open is given up."""


@dataclass(eq=False)
class Call:
    """One call: the peer, and the session once the channel for events is open."""

    call_id: str
    house: House
    config: SessionConfig
    dialect: Dialect
    calls: dict[str, Call]
    live: Fields | None = None
    """The session that the offer of a Live client asked for."""
    session: ClientSession | None = None
    _waiting: list[str] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.peer = Peer(
            role="server",
            uplink=self._exchange,
            on_message=self._text_came,
            on_open=lambda: self._run(self._begin()),
            on_closed=lambda reason: self.hang_up(1000, reason),
        )

    async def answer(self, offer: str) -> str:
        """Our description for the client's. Raises SignallingError for an offer that is of no use."""
        answer = await self.peer.answer(offer)
        self._run(self._give_up())
        return answer

    def send(self, text: str) -> str:
        """Queue one event."""
        return self.peer.send(text)

    def hang_up(self, code: int, reason: str) -> None:
        """End the call. WebRTC has no close code; the reason goes to the log."""
        log.info("call %s ends: %s", self.call_id, reason)
        # Not in self._tasks: close() waits for those and would wait for itself.
        _keep(asyncio.get_running_loop().create_task(self.close()))

    async def close(self) -> None:
        """End the call and everything of it; any number of times."""
        self.calls.pop(self.call_id, None)
        self.house.leave(self)
        for task in list(self._tasks):
            task.cancel()
        if session := self.session:
            self.house.sessions.discard(session)
            await session.close()
        await self.peer.close()

    def _exchange(self) -> NDArray[np.int16]:
        if self.session is None:
            return np.zeros(FRAME, np.int16)
        return self.session.exchange(self.peer.receive.pull(time.monotonic()))

    def _text_came(self, text: str) -> None:
        if self.session is None:
            self._waiting.append(text)
        else:
            self.session.client_said(text)

    async def _begin(self) -> None:
        """The channel is open: start the session as soon as the engine is loaded."""
        if refusal := self.house.enter(self):
            self.hang_up(1013, refusal.message)
            return
        session: ClientSession
        if self.live is not None:
            session = LiveSession(self, self.house, "webrtc", self.live, self.call_id)
        else:
            session = await self.house.open_session(self, "webrtc", self.config, self.dialect)
        session = self.house.admit(session)
        self.peer.receive.flush()
        self.session = session
        session.start()
        for text in self._waiting:
            session.client_said(text)
        self._waiting.clear()

    async def _give_up(self) -> None:
        await asyncio.sleep(CONNECT_LIMIT)
        if self.session is None:
            self.hang_up(1000, "the channel for events did not open")

    def _run(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.hang_up(1011, error.message if isinstance(error, VoiceChatError) else repr(error))


class CallDesk:
    """`POST /v1/realtime/calls` and what belongs to it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._calls: dict[str, Call] = {}

    async def take(self, request: web.Request) -> web.Response:
        """An offer: 201 with the answer and where the call is, or a refusal as JSON."""
        if fault := await self._faulty():
            return fault
        async with sent_in_time():
            asked = await _read_request(request, self._house)
        if isinstance(asked, web.Response):
            return asked
        started = first_config(asked.of_key, asked.model, asked.dialect, new_id("sess"), asked.session)
        if isinstance(started, Refusal):
            return refusal_response(400, started)
        call = Call(new_id("rtc"), self._house, *started, self._calls)
        answer = await self._answered(call, asked.offer)
        if isinstance(answer, web.Response):
            return answer
        headers = {"Location": f"/v1/realtime/calls/{call.call_id}"}
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=headers)

    async def take_live(self, request: web.Request) -> web.Response:
        """`POST /v1/live/sessions`: the session and the offer as JSON, the session's id and the answer as JSON."""
        if fault := await self._faulty():
            return fault
        async with sent_in_time():
            body = await _read_body(request)
        try:
            asked = json.loads(body) if body else None
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            return refusal_response(400, Refusal("invalid_json", "The body is not a JSON object."))
        if refusal := refusal_of_offer(asked):
            return refusal_response(400, refusal)
        session, call_id = asked["session"], new_id("live")
        config = configured(session, call_id)
        if isinstance(config, Refusal):
            return refusal_response(400, config)
        call = Call(call_id, self._house, config, "ga", self._calls, live=session)
        answer = await self._answered(call, asked["transport"]["sdp"])
        if isinstance(answer, web.Response):
            return answer
        transport = {"type": "webrtc", "sdp": answer}
        return web.json_response({"session": {"id": call_id}, "transport": transport}, status=201)

    async def _answered(self, call: Call, offer: str) -> str | web.Response:
        """The description that answers an offer, or why there is no call."""
        full = self._house.why_full()
        if full is None and len(self._calls) >= 2 * MOST_SESSIONS:
            full = Refusal("session_limit_reached", "Too many calls are being set up.", type="server_error")
        if full:
            return refusal_response(503, full)
        self._calls[call.call_id] = call
        try:
            sdp = await call.answer(offer)
        except BaseException as error:
            await call.close()
            if not isinstance(error, SignallingError):
                raise
            return refusal_response(400, Refusal("invalid_offer", f"{error.message}.", "sdp"))
        return self._house.fault.change_answer(sdp)

    async def hang_up(self, request: web.Request) -> web.Response:
        """`POST .../{id}/hangup` or `DELETE .../{id}`."""
        call = self._calls.get(request.match_info["call_id"])
        if call is None:
            return refusal_response(404, Refusal("not_found", "There is no such call.", "call_id"))
        await call.close()
        return web.Response(status=200)

    def session_of(self, call_id: str) -> ClientSession | None:
        """The session of a call, once its channel is open."""
        call = self._calls.get(call_id)
        return call.session if call else None

    async def close(self) -> None:
        """End all calls."""
        for call in list(self._calls.values()):
            await call.close()

    async def _faulty(self) -> web.Response | None:
        fault = self._house.fault
        if fault.name == "never-answers":
            await asyncio.sleep(3600)
        answer = fault.http_answer()
        if answer is None:
            return None
        headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
        return web.Response(status=answer.status, text=answer.body, content_type=answer.content_type, headers=headers)


@dataclass(frozen=True, slots=True)
class _Asked:
    offer: str
    of_key: Fields
    session: Fields
    model: str
    dialect: Dialect


async def _read_request(request: web.Request, house: House) -> _Asked | web.Response:
    """The offer and the configuration, from a multipart form or a bare SDP body."""
    of_key = house.session_of(key_of(request))
    if isinstance(of_key, Refusal):
        return refusal_response(401, of_key)
    session = Fields()
    if request.content_type == "application/sdp":
        body = await _read_body(request)
        if body is None:
            return refusal_response(413, Refusal("request_too_large", "The offer is too large."))
        offer = body.decode("utf-8", "replace")
    elif request.content_type == "multipart/form-data":
        read = await _read_parts(request)
        if isinstance(read, Refusal):
            return refusal_response(400, read)
        offer, session = read
    else:
        text = "Unsupported content type. Send application/sdp, or multipart/form-data with the parts sdp and session."
        return refusal_response(415, Refusal("unsupported_content_type", text))
    if not offer.strip():
        return refusal_response(400, Refusal("missing_required_parameter", "Missing required parameter: 'sdp'.", "sdp"))
    return _Asked(offer, of_key, session, request.query.get("model", "")[:256], spoken_dialect(request))


async def _read_body(request: web.Request) -> bytes | None:
    """The whole body; None if it is too large."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(65_536):
        body += chunk
        if len(body) > LARGEST_OFFER:
            return None
    return bytes(body)


async def _read_parts(request: web.Request) -> tuple[str, Fields] | Refusal:
    offer, session = "", Fields()
    try:
        form = await request.multipart()
        async for part in form:
            if not isinstance(part, BodyPartReader):
                return invalid("session", "nested forms are not understood.")
            body = await _read_part(part)
            if body is None:
                return Refusal("request_too_large", f"The part '{part.name}' is too large.", part.name)
            if part.name == "sdp":
                offer = body.decode("utf-8", "replace")
            elif part.name == "session":
                given = json.loads(body)
                if not isinstance(given, dict):
                    return invalid("session", "it must be a JSON object.")
                session = given
    except (ValueError, RecursionError) as error:
        return invalid("session", f"it cannot be read ({type(error).__name__}).")
    return offer, session


async def _read_part(part: BodyPartReader) -> bytes | None:
    """A part's bytes; None if there are too many."""
    body = bytearray()
    while chunk := await part.read_chunk(65_536):
        body += chunk
        if len(body) > LARGEST_OFFER:
            return None
    return bytes(body)


def key_of(request: web.Request) -> str:
    """The key a client shows, in a header or, as browsers must, in a subprotocol of the WebSocket; may be empty."""
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    prefix = "openai-insecure-api-key."
    in_protocol = next((one.strip() for one in offered if one.strip().startswith(prefix)), "")
    return shown or request.headers.get("api-key", "") or in_protocol.removeprefix(prefix)


def spoken_dialect(request: web.Request) -> Dialect:
    """Beta for clients that say so in the handshake, GA for all others."""
    is_azure_preview = request.path.startswith("/openai/realtime")
    beta = (
        is_azure_preview
        or request.query.get("dialect") == "beta"
        or "realtime=v1" in request.headers.get("OpenAI-Beta", "")
    )
    return "beta" if beta else "ga"


_ending: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    """A task nobody waits for must be held by somebody, or it may be collected half way."""
    _ending.add(task)
    task.add_done_callback(_ending.discard)

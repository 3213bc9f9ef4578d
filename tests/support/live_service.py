"""A GPT-Live service made of the `openai` package's models alone, which misbehaves as it is told: it shares no code
with the product, so that a mistake on one side is not made on the other as well.

It takes a session over WebSocket (`session.start`) or WebRTC (offer and session as JSON), streams sound at real-time
pace, and answers whatever the user types ("Hello.", a hum of 0.3 s). Every event it means to send right is made by the
package's class; every command it gets is checked by the package's class, unknown fields included, into `complaints`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fractions
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from aiohttp import WSMsgType, web
from aiortc import AudioStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame
from openai import BaseModel
from openai.types import live
from openai.types.live.delegation_created_event import Delegation
from openai.types.live.live_create_response import LiveCreateResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

from tests.support.service import listening

Json: TypeAlias = dict[str, Any]
COMMANDS: TypeAdapter[Any] = TypeAdapter(live.ClientEvent)
EVENTS: TypeAdapter[Any] = TypeAdapter(live.ServerEvent)
STREAM: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
REASONS = ("close_requested", "expired", "content", "remote_hangup", "connection_lost")
HUM = 0.3
"""Seconds of each answer."""
STEP = 0.1
"""Seconds of sound in one event of a WebSocket."""
AT_THE_DOOR = (
    *("refused_401", "refused_404", "refused_429", "refused_500", "web_page", "no_answer_at_all"),
    *("answer_is_no_json", "answer_without_sdp", "answer_sdp_nonsense", "answer_is_bare_sdp", "ice_never_connects"),
    *("answer_without_audio", "answer_refuses_audio", "answer_without_channel"),
)
"""Before there is a session; those from `answer_` on, and ICE, exist for WebRTC alone."""
AT_THE_START = (
    *("wrong_first_event", "never_started", "error_instead_of_start", "closed_instead_of_start"),
    *(
        "gone_before_start",
        "started_twice",
        "started_without_session",
        "everything_before_start",
        "started_and_expired",
    ),
)
"""Instead of, or beside, `session.started`."""
FRAMES: dict[str, list[str]] = json.loads((Path(__file__).parent / "data" / "live_frames.json").read_text())
"""Misbehaviour -> texts that no service should send."""
IN_THE_TALK = (
    *FRAMES,
    *("no_object", "binary_frame", "odd_bytes_of_sound", "error_event", "delegation_without_end"),
    *("delegation_of_unknown_tool", "calls_without_arguments", "silence", "goes_on_after_stop", "backend_fails"),
    *("backend_counts_tokens", "huge_frame", "closed_and_stays", "gone_without_a_word", "closed_for_no_known_reason"),
    *("huge_ids", "same_call_twice", "sound_of_a_minute_at_once", "talks_on_after_closed", "closed_twice"),
    *("gone_in_a_frame", "text_that_is_no_utf8", "frame_of_unknown_kind", "channel_closes_alone"),
    *(f"closed_{reason}" for reason in REASONS),
)
"""When the user types the first message; then most go on with the answer."""


BROKEN_FRAMES = {
    "gone_in_a_frame": b'\x81\x7d{"type": "session.output_tr',
    "text_that_is_no_utf8": b"\x81\x04\xff\xfe\xc3\x28",
    "frame_of_unknown_kind": b"\x8b\x02hm",
}
"""Bytes of RFC 6455: a text of 125 bytes that ends early, one that is no UTF-8, a reserved opcode."""


def sound(seconds: float, loudness: float = 0.3) -> bytes:
    """A hum, 24 kHz, 16 bits."""
    return (
        (loudness * 32767 * np.sin(2 * np.pi * 440 * np.arange(int(24_000 * seconds)) / 24_000)).astype("<i2").tobytes()
    )


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def refusal(code: str, message: str, *, type: str = "invalid_request_error", param: str | None = None) -> live.Error:
    return live.Error(code=code, message=message, type=type, param=param)


class Track(AudioStreamTrack):
    """A track at real-time pace; `next_frame` gives 960 samples, 48 kHz, int16."""

    def __init__(self, next_frame: Callable[[], np.ndarray[Any, np.dtype[np.int16]]]) -> None:
        super().__init__()
        self._next_frame = next_frame
        self._at = 0
        self._began = time.monotonic()

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(max(0.0, self._began + self._at / 48_000 - time.monotonic()))
        frame = AudioFrame.from_ndarray(self._next_frame().reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._at, fractions.Fraction(1, 48_000)
        self._at += 960
        return frame


@dataclass(eq=False)
class Session:
    """One caller. `put` sends a text or bytes; `leave` ends the connection without a word."""

    service: LiveService
    is_socket: bool
    put: Callable[[str | bytes], Any]
    leave: Callable[[], Any]
    break_off: Callable[[str], Any]
    """Ends the connection below its messages, in the way of this misbehaviour."""
    asked: Json = field(default_factory=dict)
    loud_until: float = 0.0
    sent: int = 0
    typed: int = 0
    now_ms: int = 0

    @property
    def is_loud(self) -> bool:
        return time.monotonic() < self.loud_until

    async def send(self, kind: type[BaseModel], **fields: Any) -> None:
        """An event that is right."""
        self.sent += 1
        name = kind.model_fields["type"].annotation.__args__[0]  # type: ignore[union-attr]  # a Literal of one
        head = {"type": name, "event_id": f"event_{self.sent}"} if "event_id" in kind.model_fields else {"type": name}
        event = kind.model_validate({**head, **fields}, strict=False)
        await self.say(event.model_dump_json(exclude_unset=True))

    async def say(self, data: str | bytes) -> None:
        """Whatever it is; to a peer that is gone, nothing."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self.put(data)

    @property
    def resource(self) -> Json:
        return {**self.asked, "id": "live_1", "expires_at": 4_000_000_000, "status": "active"}

    async def begin(self) -> None:
        """The first event, or what comes in its place."""
        match self.service.misbehaviour:
            case "never_started":
                return
            case "wrong_first_event":
                await self.send(live.InputTranscriptDeltaEvent, delta="Hm. ", start_ms=0, end_ms=200)
                await self.say('{"type": "session.created", "event_id": "x", "session": {"id": "sess_1"}}')
            case "error_instead_of_start":
                words = "Unknown parameter: 'session.voice'."
                await self.send(live.ErrorEvent, error=refusal("unknown_parameter", words, param="session.voice"))
                return
            case "closed_instead_of_start":
                await self.close("content")
                return
            case "gone_before_start":
                await self.leave()
                return
            case "started_and_expired":
                await self.send(live.SessionStartedEvent, session={**self.resource, "expires_at": 1})
                return
            case "everything_before_start":
                for odd in [text for texts in FRAMES.values() for text in texts]:
                    await self.say(odd)
                await self.delegate("client")
                await self.delegate("responses", name="no_such_tool", arguments="{}")
            case "started_without_session":
                await self.say('{"type": "session.started", "event_id": "x"}')
                return
        await self.send(live.SessionStartedEvent, session=self.resource)
        if self.service.misbehaviour == "started_twice":
            await self.send(live.SessionStartedEvent, session=self.resource)

    async def take(self, text: str) -> None:
        command = json.loads(text)
        self.service.check(command)
        name = command.get("event_id")
        self.service.commands.append(command)
        match command["type"]:
            case "session.start":
                self.asked = command["session"]
                await self.begin()
            case "session.close":
                await self.close("close_requested", client_event_id=name)
            case "session.input_audio.mute":
                await self.send(live.InputAudioMutedEvent, client_event_id=name)
            case "session.input_audio.unmute":
                await self.send(live.InputAudioUnmutedEvent, client_event_id=name)
            case "session.instructions.append":
                now = {"start_ms": self.now_ms, "end_ms": self.now_ms, "client_event_id": name}
                await self.send(live.InstructionsAppendedEvent, **now)
                if command["content"].lower().startswith("stop"):
                    self.loud_until = 0.0 if self.service.misbehaviour != "goes_on_after_stop" else time.monotonic() + 2
                elif self.typed == 0:
                    self.typed = 1
                    await self.misbehave()
                else:
                    await self.answer()
            case "session.commentary.append" | "response.create":
                await self.answer()

    async def answer(self) -> None:
        is_endless = self.service.misbehaviour == "goes_on_after_stop" and self.typed == 1
        self.typed = 2
        self.loud_until = time.monotonic() + (30.0 if is_endless else HUM)
        for words in ("Hel", "lo."):
            await self.send(
                live.OutputTranscriptDeltaEvent, delta=words, start_ms=self.now_ms, end_ms=self.now_ms + 200
            )

    async def close(self, reason: str, **fields: Any) -> None:
        await self.send(live.SessionClosedEvent, reason=reason, session=self.resource, usage={"seconds": 1.0}, **fields)
        await self.leave()

    async def misbehave(self) -> None:
        """What the misbehaviour says instead of the answer, or before it."""
        match self.service.misbehaviour:
            case "silence":
                return
            case "gone_without_a_word":
                await self.leave()
                return
            case "huge_frame":
                await self.say(json.dumps({"type": "info", "message": "x" * 17 * 2**20}))
                return
            case "closed_and_stays":
                await self.send(live.SessionClosedEvent, reason="expired", session=self.resource, usage={"seconds": 1})
                return
            case "error_event":
                stumbled = "The \x1b[31mmodel\x1b[0m stumbled."
                await self.send(live.ErrorEvent, error=refusal("server_error", stumbled, type="server_error"))
            case "backend_fails":
                error = {"code": "server_error", "message": "The backend model is overloaded."}
                failed = {"id": "resp_1", "object": "response", "status": "failed", "error": error}
                await self.send(live.ResponseEvent, event={"type": "response.failed", "response": failed})
            case "backend_counts_tokens":
                usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10, "input_tokens_details": {"n": 1}}
                for number in "12":
                    done = {"id": f"resp_{number}", "object": "response", "status": "completed", "usage": usage}
                    await self.send(live.ResponseEvent, event={"type": "response.completed", "response": done})
            case "talks_on_after_closed" | "closed_twice":
                for _ in range(1 + (self.service.misbehaviour == "closed_twice")):
                    closed = {"reason": "expired", "session": self.resource, "usage": {"seconds": 1.0}}
                    await self.send(live.SessionClosedEvent, **closed)
                await self.answer()
                await asyncio.sleep(STEP)
                await self.leave()
                return
            case "gone_in_a_frame" | "text_that_is_no_utf8" | "frame_of_unknown_kind" | "channel_closes_alone" as name:
                await self.break_off(name)
                return
            case "sound_of_a_minute_at_once":
                await self.send(live.OutputAudioDeltaEvent, delta=base64_of(sound(60.0)))
            case "huge_ids":
                ids = {"event_id": "e" * 200_000, "client_event_id": "c" * 200_000, "start_ms": 0, "end_ms": 0}
                await self.say(json.dumps({"type": "session.input_transcript.delta", "delta": "Hm. ", **ids}))
                await self.delegate("responses", "d" * 200_000, name="n" * 200_000, arguments="{}")
                return
            case "same_call_twice":
                for _ in range(2):
                    await self.delegate("responses", name="no_such_tool", arguments="{}")
                return
            case "closed_for_no_known_reason":
                await self.say('{"type": "session.closed", "event_id": "x", "reason": {"why": "\\u001b[2Jno"}}')
                await self.leave()
                return
            case str() as closed if closed.removeprefix("closed_") in REASONS:
                await self.close(closed.removeprefix("closed_"))
                return
            case "delegation_without_end":
                await self.delegate("client")
                return
            case "delegation_of_unknown_tool":
                await self.delegate("responses", name="no_such_tool", arguments="{}")
                return
            case "calls_without_arguments":
                await self.delegate("responses", name="no_such_tool")
                return
            case other:
                for frame in self.odd(other):
                    await self.say(frame)
        await self.answer()

    async def delegate(self, target: str, id: str = "1", **call: str) -> None:
        """Work for the client, or a function call inside a Responses stream."""
        made = Delegation(id=f"del_{id}", type="delegation", target=target, response_id="resp_1" if call else None)  # type: ignore[arg-type]
        await self.send(live.DelegationCreatedEvent, delegation=made, offset_ms=self.now_ms)
        if not call:
            return
        item = {"type": "function_call", "id": f"fc_{id}", "call_id": f"call_{id}", "status": "completed", **call}
        done = {"id": "resp_1", "object": "response", "status": "completed", "output": []}
        stream: list[Json] = [
            {"type": "response.created", "response": {**done, "status": "in_progress"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": done},
        ]
        for number, event in enumerate(stream):
            await self.send(live.ResponseEvent, delegation_id=made.id, event={**event, "sequence_number": number})

    def odd(self, misbehaviour: str) -> list[str] | list[bytes]:
        """Frames that no service should send."""
        match misbehaviour:
            case "no_object":
                return ["[]", "null", '"text"', "1e999", "", "[" * 5_000, '{"type": ["session.closed"]}']
            case "binary_frame":
                return [bytes(range(256))]
            case "odd_bytes_of_sound":
                delta = {"type": "session.output_audio.delta", "event_id": "x", "delta": base64_of(sound(0.1)[:-1])}
                return [json.dumps(delta)]
        return FRAMES.get(misbehaviour, [])

    async def stream(self) -> None:
        """A WebSocket's sound, silence included, until the connection ends."""
        due = asyncio.get_running_loop().time()
        while True:
            due += STEP
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            self.now_ms += int(STEP * 1000)
            data = sound(STEP) if self.is_loud else bytes(int(48_000 * STEP))
            await self.send(live.OutputAudioDeltaEvent, delta=base64_of(data))


@dataclass
class LiveService:
    """One service with one misbehaviour; empty: it behaves."""

    misbehaviour: str = ""
    complaints: list[str] = field(default_factory=list)
    """What is wrong with the client's commands."""
    commands: list[Json] = field(default_factory=list)
    peers: list[RTCPeerConnection] = field(default_factory=list)
    beginning: list[asyncio.Future[None]] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self, command: Json) -> None:
        """Complain of a command that the package's models do not take, or of a field that they do not have."""
        try:
            made = COMMANDS.validate_python(command)
        except ValidationError as error:
            self.complaints.append(f"{command.get('type')}: {error}")
        else:
            self.complaints += [f"{command['type']}: unknown field {name}" for name in unknown_fields(made)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._refusal()
        if refusal is not None:
            return refusal
        if request.path == "/v1/live/sessions/live_1/hangup":
            return web.json_response({})
        if request.path != "/v1/live/sessions" or request.query_string:
            self.complaints.append(f"{request.method} {request.path_qs}")
            return web.json_response({"error": {"message": "not found"}}, status=404)
        return await (self._offered(request) if request.method == "POST" else self._connected(request))

    async def _refusal(self) -> web.Response | None:
        if self.misbehaviour == "no_answer_at_all":
            await self.may_end.wait()
            return web.Response(status=503)
        if self.misbehaviour == "web_page":
            return web.Response(text="<!DOCTYPE html><html><body>Log in</body></html>", content_type="text/html")
        if not self.misbehaviour.startswith("refused_"):
            return None
        status = int(self.misbehaviour[8:])
        codes = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded", 500: "server_error"}
        error = refusal(codes[status], "This was refused.")
        return web.json_response({"error": error.model_dump()}, status=status)

    async def _connected(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=2**25)
        await socket.prepare(request)

        async def put(data: str | bytes) -> None:
            await (socket.send_bytes(data) if isinstance(data, bytes) else socket.send_str(data))

        async def leave() -> None:
            await socket.close()

        async def break_off(name: str) -> None:
            assert request.transport is not None
            request.transport.write(BROKEN_FRAMES[name])
            if name == "gone_in_a_frame":
                request.transport.close()

        session = Session(self, True, put, leave, break_off)
        streaming: asyncio.Task[None] | None = None
        with contextlib.suppress(ConnectionError):  # a client that is gone takes no pong
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await session.take(message.data)
                if session.sent and streaming is None:
                    streaming = asyncio.create_task(session.stream())
        if streaming is not None:
            streaming.cancel()
            await asyncio.gather(streaming, return_exceptions=True)
        return socket

    async def _offered(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.check({"type": "session.start", "session": body["session"]})
        if set(body) != {"session", "transport"} or "format" in body["session"].get("audio", {}):
            self.complaints.append(f"offer: {sorted(body)}")
        match self.misbehaviour:
            case "answer_is_no_json":
                return web.Response(text="{", status=201)
            case "answer_without_sdp":
                return web.json_response({"session": {"id": "live_1"}, "transport": {"type": "webrtc"}}, status=201)
            case "answer_sdp_nonsense":
                sdp = "v=0\r\nm=audio nine\r\na=fingerprint\r\n"
            case _:
                sdp = await self._answer(body)
        if self.misbehaviour == "answer_is_bare_sdp":
            return web.Response(text=sdp, content_type="application/sdp", status=201)
        made = LiveCreateResponse(session={"id": "live_1"}, transport={"type": "webrtc", "sdp": sdp})  # type: ignore[arg-type]
        return web.Response(text=made.model_dump_json(), content_type="application/json", status=201)

    async def _answer(self, body: Json) -> str:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(peer)
        session = Session(self, False, lambda data: None, peer.close, lambda name: None, asked=body["session"])
        hum = (9_000 * np.sin(2 * np.pi * 450 * np.arange(960) / 48_000)).astype(np.int16)
        peer.addTrack(Track(lambda: hum * np.int16(session.is_loud)))

        def opened(channel: RTCDataChannel) -> None:
            async def put(data: str | bytes) -> None:
                channel.send(data)

            async def break_off(name: str) -> None:
                channel.close()

            session.put, session.break_off = put, break_off
            channel.on("message", session.take)
            self.beginning.append(asyncio.ensure_future(session.begin()))

        peer.on("datachannel", opened)
        await peer.setRemoteDescription(RTCSessionDescription(body["transport"]["sdp"], "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        sdp = str(peer.localDescription.sdp)
        head, *media = sdp.split("m=")
        audio = next(one for one in media if one.startswith("audio"))
        match self.misbehaviour:
            case "ice_never_connects":
                await peer.close()
            case "answer_without_audio":
                return sdp.replace(f"m={audio}", "")
            case "answer_refuses_audio":
                return sdp.replace(
                    f"m={audio}", f"m=audio 0{audio[audio.index(' ', 6) :]}".replace("a=sendrecv", "a=inactive")
                )
            case "answer_without_channel":
                return head + f"m={audio}"
        return sdp

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Yields the base URL."""
        async with listening(self.handle) as url:
            try:
                yield f"{url}/v1"
            finally:
                self.may_end.set()
                await asyncio.gather(*(peer.close() for peer in self.peers))


def check_event(event: Json) -> None:
    """Fails for a server event that the package's models do not take as it is, nested Responses streams included."""
    for made, name in (
        (EVENTS.validate_python(event, strict=True), event["type"]),
        (STREAM.validate_python(event["event"], strict=True) if "event" in event else None, "event"),
    ):
        found = list(unknown_fields(made, str(name)))
        assert not found, f"the package does not know {found}"


def unknown_fields(made: object, path: str = "") -> Iterator[str]:
    """Names that the package's models keep without knowing them."""
    if isinstance(made, list | tuple):
        for index, one in enumerate(made):
            yield from unknown_fields(one, f"{path}[{index}]")
    if not isinstance(made, BaseModel):
        return
    yield from (f"{path}.{name}" for name in made.model_extra or ())
    for name in made.model_fields_set & type(made).model_fields.keys():
        yield from unknown_fields(getattr(made, name), f"{path}.{name}")

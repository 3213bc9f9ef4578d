"""A Realtime server that answers at once with a hum and notes when it sent what: for benchmarks of our client.

    python -m tests.bench.answering_server

A process of its own. It prints `["url", URL]` first, then one JSON list a line for every note. Lines on its stdin order
it about: `["answer", SECONDS]`, `["clear", how]` with how `cleared` (the server empties its output buffer) or
`cancelled` (the response ends so), `["flood", RATE, SECONDS]`. After either kind of clearing its sound goes on for
0.3 s, as packets that were on their way would. A typed message is answered with a long answer, `response.cancel` and
`output_audio_buffer.clear` as a server does it. Everything sent is a well-formed event of the GA protocol.

Times are seconds of the machine's monotonic clock. A packet counts as sent, and on one machine as arrived at the other
socket, when it is handed to the socket. The hum is 400 Hz, so that frames join without a seam and every 2 ms of silence
in it is a gap.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiohttp import web
from aiortc.rtcdtlstransport import RTCDtlsTransport

from tests.support.peers import Pcm, Side, side, silence
from tests.support.service import listening, read

FRAME = 960
PERIOD = 120
"""Samples of one wave: 400 Hz at 48 kHz."""
TONE: Pcm = (9_000 * np.cos(2 * np.pi * np.arange(FRAME) / PERIOD)).astype(np.int16)
GOES_ON = 0.3
LONG_ANSWER = 3_600.0
WORDS = "and so it goes on for a while with words that nobody needs ".split()
WORDS_A_SECOND = 3.0
FLOOD_TICK = 0.01


def note(*what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


@dataclass
class Answer:
    """One answer: how long it sounds, and what of it has been sent."""

    number: int
    seconds: float
    frames: int = 0
    text: str = ""
    """What of its transcript has been sent."""
    stops_at: float = float("inf")
    """When its sound breaks off after a clearing."""

    @property
    def ids(self) -> dict[str, Any]:
        return {"response_id": f"resp_{self.number}", "item_id": f"item_{self.number}"}


class Server:
    """One call at a time, and what it is doing."""

    def __init__(self) -> None:
        self.call: Side | None = None
        self.answer: Answer | None = None
        self.count = 0
        self.events = 0
        self.frame = 0
        self.first_frames: dict[int, int] = {}
        """Frame of the call that begins an answer -> the answer's number."""
        self.origin: int | None = None
        self.sent_at: dict[int, float] = {}

    # the call
    async def handle(self, request: web.Request) -> web.StreamResponse:
        seen = await read(request)
        if seen.path.endswith("/hangup"):
            return web.Response()
        offer = seen.parts["sdp"][1] if seen.parts else seen.body.decode()
        call = self.call = side("server", self.next_frame)
        self.frame, self.origin = 0, None
        session = json.loads(seen.parts["session"][1]) if "session" in seen.parts else {"type": "realtime"}
        self.session = {**session, "id": "sess_1", "object": "realtime.session"}
        answer = await call.peer.answer(offer)
        asyncio.get_running_loop().create_task(self.talk(call))
        where = {"Location": "/v1/realtime/calls/rtc_1"}
        return web.Response(status=201, text=answer, content_type="application/sdp", headers=where)

    async def talk(self, call: Side) -> None:
        await call.opened.wait()
        self.send("session.created", session=self.session)
        note("open", time.monotonic())
        while True:
            self.hear(json.loads(await call.texts.get()))

    def send(self, kind: str, **fields: Any) -> None:
        self.events += 1
        assert self.call is not None
        self.call.peer.send(json.dumps({"type": kind, "event_id": f"event_{self.events}", **fields}))

    def hear(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "session.update":
                self.session |= event["session"]
                self.send("session.updated", session=self.session)
            case "conversation.item.create":
                item = {"id": f"item_u{self.events}", "object": "realtime.item", "status": "completed", **event["item"]}
                self.send("conversation.item.added", item=item, previous_item_id=None)
                self.send("conversation.item.done", item=item, previous_item_id=None)
            case "response.create":
                self.begin(LONG_ANSWER)
            case "response.cancel":
                self.end("cancelled")
            case "output_audio_buffer.clear":
                self.clear("cleared")

    # answers
    def begin(self, seconds: float) -> None:
        self.count += 1
        answer = Answer(self.count, seconds)
        response = {"id": answer.ids["response_id"], "object": "realtime.response", "status": "in_progress"}
        item = {"id": answer.ids["item_id"], "object": "realtime.item", "type": "message", "role": "assistant"}
        item |= {"status": "in_progress", "content": []}
        self.send("response.created", response={**response, "output": []})
        self.send("response.output_item.added", response_id=response["id"], output_index=0, item=item)
        self.send("conversation.item.added", item=item, previous_item_id=None)
        self.send("output_audio_buffer.started", response_id=response["id"])
        self.answer = answer

    def end(self, status: str) -> None:
        """All of it was said, or it was cancelled."""
        if self.answer is None:
            return
        answer = self.answer
        ids, self.answer = answer.ids, None if status == "completed" else answer
        item = {"id": ids["item_id"], "object": "realtime.item", "type": "message", "role": "assistant"}
        item |= {"status": "completed", "content": [{"type": "output_audio", "transcript": answer.text}]}
        response = {"id": ids["response_id"], "object": "realtime.response", "status": status, "output": [item]}
        if status == "cancelled":
            response["status_details"] = {"type": "cancelled", "reason": "turn_detected"}
        self.send("response.done", response=response)
        if status == "completed":
            self.send("output_audio_buffer.stopped", response_id=ids["response_id"])

    def clear(self, how: str) -> None:
        """As a server does that was interrupted: its buffer is emptied, or the response is cancelled first."""
        if self.answer is None:
            return
        if how == "cancelled":
            self.end("cancelled")
        self.send("output_audio_buffer.cleared", response_id=self.answer.ids["response_id"])
        note("cleared", how, time.monotonic())
        if how == "cleared":
            self.end("cancelled")
        self.answer.stops_at = time.monotonic() + GOES_ON

    async def speak_words(self) -> None:
        """The transcript flows beside the sound."""
        due, at = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(FLOOD_TICK)
            now = time.monotonic()
            due, at = due + (now - at) * WORDS_A_SECOND, now
            while due >= 1.0:
                due -= 1.0
                if (answer := self.answer) is not None and answer.stops_at == float("inf"):
                    self.speak_word(answer)

    def speak_word(self, answer: Answer) -> None:
        word = f"{WORDS[self.events % len(WORDS)]} "
        answer.text += word
        place = {"output_index": 0, "content_index": 0}
        self.send("response.output_audio_transcript.delta", **answer.ids, **place, delta=word)

    # sound
    def next_frame(self) -> Pcm:
        frame, self.frame = self.frame, self.frame + 1
        answer = self.answer
        if answer is None:
            return silence()
        if answer.frames * 0.02 >= answer.seconds:
            self.end("completed")
            return silence()
        if time.monotonic() >= answer.stops_at:
            self.answer = None
            return silence()
        if answer.frames == 0:
            self.first_frames[frame] = answer.number
        answer.frames += 1
        return TONE

    def packet_left(self, timestamp: int) -> None:
        """Timestamps count frames from the call's first packet."""
        if self.origin is None:
            self.origin = timestamp
        frame = ((timestamp - self.origin) % 2**32) // FRAME
        if (number := self.first_frames.pop(frame, None)) is not None:
            note("sounds", number, time.monotonic())

    # orders
    async def obey(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            match json.loads(line):
                case ["answer", float(seconds) | int(seconds)]:
                    self.begin(float(seconds))
                case ["clear", str(how)]:
                    self.clear(how)
                case ["flood", float(rate) | int(rate), float(seconds) | int(seconds)]:
                    asyncio.get_running_loop().create_task(self.flood(float(rate), float(seconds)))

    async def flood(self, rate: float, seconds: float) -> None:
        """Events that mean nothing to a conversation, as fast as asked; what did not fit in is told at the end."""
        began, sent, refused = time.monotonic(), 0, 0
        text = {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "limit": 40000, "remaining": 1}]}
        while (now := time.monotonic()) < began + seconds:
            while sent < (now - began) * rate:
                assert self.call is not None
                refused += bool(self.call.peer.send(json.dumps({**text, "event_id": f"flood_{sent}"})))
                sent += 1
            await asyncio.sleep(FLOOD_TICK)
        note("flooded", sent, refused, time.monotonic() - began)


def watch_packets(server: Server) -> None:
    """Every RTP packet passes here just before its bytes go to the socket."""
    send = RTCDtlsTransport._send_rtp

    async def watched(transport: RTCDtlsTransport, data: bytes) -> None:
        await send(transport, data)
        if len(data) >= 12 and not 64 <= data[1] & 0x7F < 96:  # RTCP shares the way
            server.packet_left(int.from_bytes(data[4:8], "big"))

    setattr(RTCDtlsTransport, "_send_rtp", watched)  # noqa: B010


async def main() -> None:
    server = Server()
    watch_packets(server)
    async with listening(server.handle) as url:
        note("url", url)
        words = asyncio.get_running_loop().create_task(server.speak_words())
        await server.obey()
        words.cancel()
        if server.call is not None:
            await server.call.peer.close()


if __name__ == "__main__":
    asyncio.run(main())

"""A call over WebRTC through the tap: the client's offer ends here, and an offer of ours goes to the service.

Whatever else the client's request carries (session, headers, query) reaches the service as it came, and so does the
service's answer reach the client, a refusal too. Sound and messages go from leg to leg without being touched.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import web
from aiortc import RTCDataChannel

from voicechat.errors import SignallingError
from voicechat.tap.answers import problem
from voicechat.tap.desk import Desk
from voicechat.tap.leg import Leg, SoundPacket, parameters_of
from voicechat.tap.offers import carried
from voicechat.tap.rest import ask
from voicechat.tap.session import Direction, Session
from voicechat.tap.upstream import passed_on
from voicechat.tasks import spawn
from voicechat.visitors import sent_in_time

CONNECT_LIMIT = 30.0
"""Seconds until a call of which a leg does not connect is given up."""


@dataclass(eq=False)
class Call:
    """Two legs and the session they make."""

    session: Session
    calls: set[Call]
    _opened: set[str] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        clock = self.session.clock
        self.client, self.service = Leg(clock), Leg(clock)
        self._join(self.client, self.service, "out")
        self._join(self.service, self.client, "in")

    def begin(self) -> None:
        """The descriptions are exchanged: both legs connect now, or the call is given up."""
        self.calls.add(self)
        self._run(self._give_up())

    async def close(self) -> None:
        """Hang up both legs."""
        self.calls.discard(self)
        for task in tuple(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(self.client.close(), self.service.close())

    def end(self, by: str, why: str) -> None:
        """The call is over: one leg is gone, and so will the other be."""
        if not self.session.is_over:
            self.session.ended(by, why)
            self._run(self.close())

    def _join(self, source: Leg, sink: Leg, direction: Direction) -> None:
        name = "client" if direction == "out" else "upstream"

        def sound(packet: SoundPacket) -> None:
            sink.send(packet)

        def sent(packet: SoundPacket) -> None:
            self.session.heard(direction, packet.payload, packet.came_at, self.session.clock())

        source.on_packet, sink.on_sent = sound, sent
        source.on_channel = lambda channel: self._relay(channel, sink.open_channel(channel), direction)
        source.on_state = lambda state: self._state(name, state)

    def _relay(self, theirs: RTCDataChannel, ours: RTCDataChannel, direction: Direction) -> None:
        """A channel that one side has opened, and the one we have opened on the other for it."""
        back: Direction = "in" if direction == "out" else "out"
        self.session.noted("tap.channel", label=theirs.label[:100], by="client" if direction == "out" else "upstream")
        self._messages(theirs, ours, direction)
        self._messages(ours, theirs, back)

    def _messages(self, source: RTCDataChannel, sink: RTCDataChannel, direction: Direction) -> None:
        waiting: list[tuple[str | bytes, float]] = []
        who = "client" if direction == "out" else "upstream"

        def pass_on(message: str | bytes, came_at: float) -> None:
            raw = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message
            try:
                sink.send(message)
            except (ValueError, ConnectionError, RuntimeError) as error:
                told = f"{len(raw)} bytes from the {who} could not be passed on: {error}"
                self.session.noted("tap.lost", reason=told)
            except Exception as error:
                if type(error).__name__ != "InvalidStateError":
                    raise
                self.session.noted("tap.lost", reason=f"{len(raw)} bytes from the {who} came after the other's end")
            self.session.saw(direction, raw, came_at, self.session.clock(), is_text=isinstance(message, str))

        def came(message: str | bytes) -> None:
            now = self.session.clock()
            if sink.readyState == "connecting":
                waiting.append((message, now))
            else:
                pass_on(message, now)

        def opened() -> None:
            for message, at in waiting:
                pass_on(message, at)
            waiting.clear()
            self._has_opened()

        source.on("message", came)
        source.on("close", lambda: self.end(who, f"The {who} closed the channel for events."))
        sink.on("open", opened)

    def _has_opened(self) -> None:
        if not self.session.is_over and "channel" not in self._opened:
            self._opened.add("channel")
            self.session.opened("channel")

    def _state(self, name: str, state: str) -> None:
        match state:
            case "connected":
                self._opened.add(name)
                self.session.noted("tap.connected", leg=name)
            case "failed":
                self.end(name, f"No connection to the {name}: no packet came through, or it is gone.")
            case "closed":
                self.end(name, f"The {name} hung up.")
            case _:
                pass

    async def _give_up(self) -> None:
        await asyncio.sleep(CONNECT_LIMIT)
        for name in ("client", "upstream"):
            if name not in self._opened:
                self.end(name, f"No connection to the {name} within {CONNECT_LIMIT:g} s.")
                return

    def _run(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        task: asyncio.Task[None] = spawn(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class CallDesk:
    """Takes offers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._calls: set[Call] = set()

    async def take(self, request: web.Request) -> web.Response | None:
        """The answer for the client; None for a request that carries no offer."""
        async with sent_in_time():
            body = await request.read()
        offer = carried(request.headers.get("Content-Type", ""), body)
        if offer is None:
            return None
        session = self._desk.call("WebRTC", request.headers, request.raw_path)
        call = Call(session, self._calls)
        try:
            await call.client.accept_offer(offer.sdp)
            ours = await call.service.offer(parameters_of(offer.sdp))
            headers = passed_on(request.headers)
            reply = await ask(self._desk, "POST", request.raw_path, headers, offer.with_sdp(ours))
            body = reply.body if isinstance(reply.body, bytes) else b""
            answer = carried(reply.headers.get("Content-Type", ""), body) if reply.status < 300 else None
            if answer is None:
                session.refused(reply.status, body)
                await call.close()
                return reply
            await call.service.accept_answer(answer.sdp)
            reply.body = answer.with_sdp(await call.client.answer(parameters_of(answer.sdp)))
        except BaseException as error:
            why = error.message if isinstance(error, SignallingError) else type(error).__name__
            session.ended("tap", f"This call cannot be tapped: {why}.")
            await call.close()
            if not isinstance(error, SignallingError):
                raise
            return problem(400, "cannot_tap", f"voicechat tap: {error.message}")
        call.begin()
        return reply

    async def close(self) -> None:
        """End all calls."""
        for call in tuple(self._calls):
            call.end("tap", "The tap was closed.")
            await call.close()

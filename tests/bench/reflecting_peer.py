"""A peer that sends back every packet of sound unchanged, in a process of its own; never run by hand.

python -m tests.bench.reflecting_peer

It neither decodes nor buffers, so what lies between a client's mouth and its ear is the client alone, and the network.
Sequence numbers and timestamps are kept: a packet lost on the way here is a hole on the way back. Prints its port, then
answers `POST /calls?delay=&jitter=&loss=&burst=&seed=` (an offer in, an answer out) with a lossy relay between the two
where loss or delay is asked for, serves the browser's page at `/`, and ends when its input is closed.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

from aiohttp import web
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from av import AudioFrame

from tests.support.lossy_relay import LossyRelay, Network
from voicechat.rtc import sdp

PAGE = Path(__file__).with_name("browser_page.html")
_NO_EXTENSIONS = HeaderExtensionsMap()


class NothingToSay(MediaStreamTrack):
    """Keeps the way back open; what goes out there are the reflected packets."""

    kind = "audio"

    async def recv(self) -> AudioFrame:
        """Waits until the call is over."""
        await asyncio.get_running_loop().create_future()
        raise MediaStreamError


@asynccontextmanager
async def reflecting() -> AsyncIterator[str]:
    """The peer in a process of its own; its address."""
    command = (sys.executable, "-m", "tests.bench.reflecting_peer")
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdin is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()


def reflect(transceiver: RTCRtpTransceiver) -> None:
    """Send each packet back before aiortc looks at it; its own reports on the line go on."""
    sender, receiver = transceiver.sender, transceiver.receiver
    stock = cast(Callable[..., Awaitable[None]], receiver._handle_rtp_packet)

    async def reflecting(packet: RtpPacket, arrival_time_ms: int) -> None:
        back = RtpPacket(
            payload_type=packet.payload_type,
            marker=packet.marker,
            sequence_number=packet.sequence_number,
            timestamp=packet.timestamp,
            ssrc=sender._ssrc,
            payload=packet.payload,
        )
        await sender.transport._send_rtp(back.serialize(_NO_EXTENSIONS))
        await stock(packet, arrival_time_ms=arrival_time_ms)

    # An instance attribute hides the method for this receiver alone; the transport calls it by name.
    setattr(receiver, "_handle_rtp_packet", reflecting)  # noqa: B010


async def drain(track: MediaStreamTrack) -> None:
    """aiortc's decoded sound is thrown away."""
    try:
        while True:
            await track.recv()
    except MediaStreamError:
        return


class Mirror:
    """All calls of one run."""

    def __init__(self) -> None:
        self._connections: set[RTCPeerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, request: web.Request) -> web.Response:
        """One call: an SDP offer in, an SDP answer out."""
        asked = request.query
        network = Network(
            delay=float(asked.get("delay", "0")),
            jitter=float(asked.get("jitter", "0")),
            loss=float(asked.get("loss", "0")),
            seed=int(asked.get("seed", "7")),
            burst=float(asked.get("burst", "1")),
        )
        offer = sdp.only_opus(await request.text())
        if not (network.delay or network.loss):
            return web.Response(text=await self._answer(offer, None), content_type="application/sdp")
        relay = await LossyRelay.start(network)
        answer = await self._answer(relay.through_a(offer), relay)
        return web.Response(text=relay.through_b(answer), content_type="application/sdp")

    async def _answer(self, offer: str, relay: LossyRelay | None) -> str:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._connections.add(connection)

        def state_changed() -> None:
            if connection.connectionState in ("closed", "failed"):
                self._connections.discard(connection)
                if relay is not None:
                    relay.close()

        connection.on("connectionstatechange", state_changed)
        connection.on("track", self._drain)
        await connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        connection.addTrack(NothingToSay())
        reflect(next(each for each in connection.getTransceivers() if each.kind == "audio"))
        await connection.setLocalDescription()
        return sdp.with_opus_fec(connection.localDescription.sdp)

    def _drain(self, track: MediaStreamTrack) -> None:
        task = asyncio.ensure_future(drain(track))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Hang up on everybody."""
        for connection in list(self._connections):
            await connection.close()


async def page(_: web.Request) -> web.FileResponse:
    """What the browser is told to do."""
    return web.FileResponse(PAGE)


async def main() -> None:
    mirror = Mirror()
    app = web.Application()
    app.add_routes([web.post("/calls", mirror.call), web.get("/", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await mirror.close()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())

"""Our own loop in the place of aiortc's sender: what arrives, what the other side is told of it, and when it fits."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import RTCRtpSender

from tests.support.peers import call, eventually, loudness, pitch, silence, tone
from voicechat.rtc.send_path import why_not_taken


def of(peer: object) -> RTCRtpSender:
    """The sender of a peer's sound."""
    sender: RTCRtpSender = peer._connection.getSenders()[0]  # type: ignore[attr-defined]
    return sender


async def test_sound_arrives_is_counted_for_the_sender_reports_and_they_tell_the_round_trip() -> None:
    async with call(tone(440), silence) as (client, server):
        heard = await server.listen(lambda pcm: server.peer.receive.arrivals.packets >= 60)
        assert "SendPath" in of(client.peer)._run_rtp.__qualname__
        assert pitch(heard[-24_000:]) == pytest.approx(440, abs=4) and loudness(heard[-24_000:]) > 500
        told = next(entry for entry in (await of(client.peer).getStats()).values() if entry.type == "outbound-rtp")
        assert told.packetsSent == pytest.approx(client.peer.stats().packets_sent, abs=1)
        assert told.bytesSent == pytest.approx(client.peer.stats().bytes_sent, abs=200)
        await eventually(lambda: client.peer.stats().rtt is not None)
        assert 0.0 <= (client.peer.stats().rtt or 0.0) < 1.0


async def test_a_call_that_ends_leaves_no_loop_behind() -> None:
    async with call() as (client, _):
        task = of(client.peer)._RTCRtpSender__rtp_task  # type: ignore[attr-defined]
        await client.peer.close()
        await asyncio.wait([task], timeout=5)
        assert task.done() and client.peer._track.readyState == "ended"


def test_a_sender_of_another_shape_is_left_alone() -> None:
    class Newer:
        async def _run_rtp(self, codec: object, pace: float) -> None: ...

    class Bare:
        async def _run_rtp(self, codec: object) -> None: ...

    assert why_not_taken(object()) == "this aiortc has no _run_rtp to be replaced"
    assert why_not_taken(Newer()) == "this aiortc has no _run_rtp to be replaced"
    assert why_not_taken(Bare()) == "this aiortc's sender keeps no rtp_started"

"""The tap on aiortc's receiver, and life without it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCRtpReceiver
from aiortc.rtp import RtcpByePacket, RtpPacket

from tests.support.peers import Pcm, call, eventually, pitch, tone
from voicechat.rtc import receive_path
from voicechat.rtc.receive_path import ReceivePath, why_not_tapped


def test_todays_aiortc_can_be_tapped_and_one_that_changed_is_noticed() -> None:
    class Receiver(RTCRtpReceiver):
        def __init__(self) -> None:
            pass

    class Renamed:
        pass

    class OtherArguments:
        async def _handle_rtp_packet(self, packet: RtpPacket) -> None: ...

    class NotACoroutine:
        def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None: ...

    assert why_not_tapped(Receiver()) == ""
    for receiver in (Renamed(), OtherArguments(), NotACoroutine()):
        assert "this aiortc" in why_not_tapped(receiver)


async def test_without_the_tap_sound_still_comes_and_the_reason_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive_path, "opus_is_available", lambda: "no library on this machine")
    async with call(tone(440), tone(880)) as (client, _):
        assert not client.peer.receive.is_own
        assert "no library on this machine" in client.peer.stats().fallback_reason
        heard = await client.listen(lambda pcm: int(np.count_nonzero(pcm)) > 40_000)
        assert pitch(heard[-24_000:]) == pytest.approx(880, abs=4)
        client.peer.receive.flush()
        assert client.peer.receive.stats().played > 0


async def test_what_our_buffer_plays_is_not_decoded_by_aiortc_too(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = 0

    async def drain(path: ReceivePath, track: MediaStreamTrack) -> None:
        nonlocal decoded
        while True:
            await track.recv()
            decoded += 1

    monkeypatch.setattr(ReceivePath, "drain", drain)
    async with call(tone(440), tone(880)) as (client, _):
        heard = await client.listen(lambda pcm: int(np.count_nonzero(pcm)) > 40_000)
        assert pitch(heard[-24_000:]) == pytest.approx(880, abs=4)
        assert decoded == 0


async def test_stock_sound_that_nobody_pulls_stays_bounded() -> None:
    path = ReceivePath(lambda: 0.0)
    for _ in range(500):
        path._keep_stock(np.ones(960, np.int16))
    assert len(path._stock) <= 25
    assert path.pull(0.0).shape == (960,)
    async with call(tone(), tone()) as (client, _):
        await eventually(lambda: client.peer.receive.arrivals.packets > 30)
        assert client.peer._connection is not None
        track = client.peer._connection.getReceivers()[0].track
        assert track._queue.qsize() <= 2


async def test_a_flush_silences_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    async with call(tone(), tone()) as (client, _):

        def loud(pcm: Pcm) -> bool:
            return pcm.size > 0 and int(np.abs(pcm[-960:]).max()) > 4_000

        await client.listen(loud)
        dropped_before = client.peer.receive.stats().dropped
        packets = client.peer.receive.arrivals.packets
        await eventually(lambda: client.peer.receive.arrivals.packets >= packets + 5)
        client.peer.receive.flush()
        frame = client.peer.receive.pull(asyncio.get_running_loop().time())
        assert not frame[240:].any()
        assert client.peer.receive.stats().dropped > dropped_before


async def test_packets_that_are_not_opus_are_not_played() -> None:
    async with call(tone(), tone()) as (client, _):
        path = client.peer.receive
        before = path.arrivals.packets
        path._take(RtpPacket(payload_type=13, sequence_number=1, payload=b"noise"))
        path._take(RtpPacket(payload_type=96, sequence_number=1, payload=b""))
        assert path.arrivals.packets == before
        path._take(RtpPacket(payload_type=96, sequence_number=1, payload=b"x"))
        assert path.arrivals.packets == before + 1


async def test_a_sender_that_says_goodbye_and_starts_again_is_heard_again() -> None:
    """aiortc ends its own track for good at an RTCP BYE; a server that restarts its sender must not find us deaf."""
    async with call(tone(), tone(880)) as (client, _):
        await client.listen(lambda pcm: int(np.count_nonzero(pcm)) > 24_000)
        assert client.peer._connection is not None
        receiver = client.peer._connection.getReceivers()[0]
        await receiver._handle_rtcp_packet(RtcpByePacket(sources=[1]))
        before = client.peer.receive.stats().played
        heard = await client.listen(lambda pcm: client.peer.receive.stats().played > before + 50)
        assert pitch(heard[-24_000:]) == pytest.approx(880, abs=4)
        assert receiver.track.readyState == "ended"


async def test_blocks_of_any_size_come_from_either_path(monkeypatch: pytest.MonkeyPatch) -> None:
    path = ReceivePath(lambda: 0.0)
    path._keep_stock(np.arange(960, dtype=np.int16))
    assert (np.concatenate([path.pull(0.0, 480), path.pull(0.0, 480)]) == np.arange(960)).all()
    async with call(tone(), tone()) as (client, _):
        await eventually(lambda: client.peer.receive.arrivals.packets > 5)
        assert client.peer.receive.pull(asyncio.get_running_loop().time(), 480).shape == (480,)


@pytest.mark.parametrize(("level", "is_loud"), [(20, False), (400, True)])
def test_a_voice_is_told_from_streamed_silence_within_50_ms(level: int, is_loud: bool) -> None:
    path = ReceivePath(lambda: 7.0)
    path._keep_stock(np.full(2_400, level, np.int16))
    for _ in range(5):
        path.pull(0.0, 480)
    assert path.loud_at == (7.0 if is_loud else None)


async def test_every_counter_of_the_buffer_is_in_the_lines_figures() -> None:
    async with call(tone(), tone()) as (client, _):
        await client.listen(lambda pcm: int(np.count_nonzero(pcm)) > 24_000)
        stats = client.peer.stats()
        assert stats.receive.played > 20 and stats.receive.heard > 0.4
        assert stats.concealed == pytest.approx(stats.receive.invented / stats.receive.heard)
        assert stats.receive.target > 0.0 and stats.receive.depth > 0.0
        assert stats.expected_loss == pytest.approx(0.15)
        await eventually(lambda: client.peer.stats().uplink_loss is not None)
        assert client.peer.stats().uplink_loss == pytest.approx(0.0, abs=0.03)

"""The tap on aiortc's receiver, and life without it."""

from __future__ import annotations

import asyncio
import os

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCRtpReceiver
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtcpByePacket, RtpPacket
from hypothesis import given, strategies as st

from tests.support.each import each
from tests.support.peers import Pcm, Side, call, eventually, pitch, tone
from voicechat.rtc import receive_path
from voicechat.rtc.receive_path import Arrivals, Packet, ReceivePath, read, why_not_tapped, why_too_long


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


# Packets of sound come right from the socket, and nothing that aiortc does with them is missed


def receiver_of(side: Side) -> RTCRtpReceiver:
    assert side.peer._connection is not None
    return side.peer._connection.getReceivers()[0]


async def hears_its_peer(side: Side) -> None:
    heard = await side.listen(lambda pcm: int(np.count_nonzero(pcm)) > 40_000)
    assert pitch(heard[-24_000:]) == pytest.approx(880, abs=4)


async def test_after_the_first_packet_todays_aiortc_is_passed_by() -> None:
    async with call(tone(440), tone(880)) as (client, _):
        await hears_its_peer(client)
        receiver = receiver_of(client)
        assert why_too_long(receiver) == ""
        long_way = 0
        taken = receiver._handle_rtp_packet

        async def counted(packet: RtpPacket, arrival_time_ms: int) -> None:
            nonlocal long_way
            long_way += 1
            await taken(packet, arrival_time_ms=arrival_time_ms)

        setattr(receiver, "_handle_rtp_packet", counted)  # noqa: B010
        before = client.peer.receive.arrivals.packets
        await eventually(lambda: client.peer.receive.arrivals.packets > before + 20)
        assert long_way == 0


async def test_where_aiortc_has_changed_it_is_noticed_and_sound_takes_the_long_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with call(tone(440), tone(880)) as (client, _):
        await hears_its_peer(client)
        receiver = receiver_of(client)
        dtls = receiver.transport
        for owner, name in ((dtls, "_rx_srtp"), (dtls, "_rtp_router"), (dtls.transport, "_connection")):
            kept = getattr(owner, name)
            setattr(owner, name, object())
            assert "this aio" in why_too_long(receiver)
            setattr(owner, name, kept)
        assert "no statistics" in why_too_long(type("Receiver", (), {"transport": dtls})())
    monkeypatch.setattr(receive_path, "why_too_long", lambda receiver: "changed")
    async with call(tone(440), tone(880)) as (client, _):
        await hears_its_peer(client)


async def test_what_was_received_is_still_reported_to_the_sender() -> None:
    """Every second packet is lost on the way to the server, whose reports are made of what the short way counts."""
    async with call(tone(440), tone(880)) as (client, server):
        await eventually(lambda: server.peer.receive.arrivals.packets > 10)
        socket = receive_path._socket_of(receiver_of(server))
        came = socket.data_received  # type: ignore[attr-defined]
        count = 0

        def losing(data: bytes, component: int) -> None:
            nonlocal count
            count += 1
            if count % 2 or not 128 <= data[0] < 192:
                came(data, component)

        setattr(socket, "data_received", losing)  # noqa: B010
        await eventually(lambda: (client.peer.stats().uplink_loss or 0.0) > 0.1)


async def test_what_is_repeated_or_forged_is_dropped_without_a_word() -> None:
    async with call(tone(440), tone(880)) as (client, _):
        await hears_its_peer(client)
        receive, socket = client.peer.receive, receive_path._socket_of(receiver_of(client))
        kept: list[bytes] = []
        came = socket.data_received  # type: ignore[attr-defined]

        def keeping(data: bytes, component: int) -> None:
            kept.append(data)
            came(data, component)

        setattr(socket, "data_received", keeping)  # noqa: B010
        await eventually(lambda: any(data[0] == 0x90 or data[0] == 0x80 for data in kept))
        sound = next(data for data in kept if data[0] in (0x80, 0x90) and not 192 <= data[1] <= 208)
        before = receive.arrivals.packets
        came(sound, 1)
        came(sound[:12] + os.urandom(40), 1)
        came(sound[:5], 1)
        assert receive.arrivals.packets == before


def test_packets_with_every_part_of_a_header_are_read() -> None:
    plain = bytes([0x80, 0x6F]) + bytes.fromhex("0001 00000002 00000003")
    assert read(plain + b"opus") == Packet(111, 1, 2, 3, b"opus")
    with_sources = bytes([0x82]) + plain[1:] + bytes(8)
    assert read(with_sources + b"opus") == Packet(111, 1, 2, 3, b"opus")
    with_extension = bytes([0x90]) + plain[1:] + bytes.fromhex("BEDE0001 10300000")
    assert read(with_extension + b"opus") == Packet(111, 1, 2, 3, b"opus")
    with_padding = bytes([0xA0]) + plain[1:] + b"opus" + b"\0\0\3"
    assert read(with_padding) == Packet(111, 1, 2, 3, b"opus")


@each(
    "data",
    [
        b"",
        bytes(11),
        bytes([0x40, 0x6F]) + bytes(10),
        bytes([0x8F, 0x6F]) + bytes(10),
        bytes([0x90, 0x6F]) + bytes(10),
        bytes([0x90, 0x6F]) + bytes(10) + bytes.fromhex("BEDE0009"),
        bytes([0xA0, 0x6F]) + bytes(10) + b"opus\0",
        bytes([0xA0, 0x6F]) + bytes(10) + b"opus\xff",
    ],
)
def test_what_is_no_packet_is_none(data: bytes) -> None:
    assert read(data) is None


@given(
    st.integers(0, 127), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=60), st.lists(st.integers(0, 0xFFFFFFFF), max_size=15), st.integers(0, 255),
)  # fmt: skip
def test_it_reads_what_aiortc_writes(
    payload_type: int, number: int, timestamp: int, ssrc: int, payload: bytes, sources: list[int], padding: int
) -> None:
    packet = RtpPacket(payload_type=payload_type, sequence_number=number, timestamp=timestamp, ssrc=ssrc)
    packet.payload, packet.csrc, packet.padding_size = payload, sources, padding
    packet.extensions = HeaderExtensions()
    expected = Packet(payload_type, number, timestamp, ssrc, payload)
    assert read(packet.serialize(HeaderExtensionsMap())) == expected


@given(st.binary(max_size=200))
def test_nothing_that_comes_makes_it_fail(data: bytes) -> None:
    packet = read(data)
    assert packet is None or len(packet.payload) <= len(data)


# Counting packets the way a listener would


def fed(numbers: list[int], *, ssrc: int = 1, start: float = 0.0, first: int = 65_000) -> Arrivals:
    arrivals = Arrivals()
    for n in numbers:
        arrivals.add((first + n) & 0xFFFF, n * 960, 50, ssrc, start + n * 0.02)
    return arrivals


def test_a_whole_stream_has_no_loss_and_no_jitter_across_the_wrap() -> None:
    nothing = Arrivals()
    assert nothing.loss(1.0) is None and nothing.jitter is None and nothing.last_at is None
    arrivals = fed(list(range(2_000)))
    assert arrivals.loss(40.0) == 0.0
    assert arrivals.jitter == pytest.approx(0.0, abs=1e-9)
    assert (arrivals.packets, arrivals.bytes) == (2_000, 100_000)
    assert arrivals.last_at == pytest.approx(39.98)


def test_loss_is_that_of_the_last_5_s_and_neither_disorder_nor_repetition() -> None:
    assert fed([n for n in range(1_000) if n >= 500 or n % 2 == 0]).loss(20.0) == 0.0
    assert fed([n for n in range(1_000) if n < 500 or n % 10]).loss(20.0) == pytest.approx(0.1, abs=0.02)
    numbers = list(range(400))
    numbers[300:302] = 301, 300
    numbers.insert(350, 349)
    assert fed(numbers).loss(8.0) == 0.0


def test_jitter_is_the_mean_change_of_transit() -> None:
    arrivals = Arrivals()
    for n in range(1_000):
        arrivals.add(n, n * 960, 50, 1, n * 0.02 + (0.01 if n % 2 else 0.0))
    assert arrivals.jitter == pytest.approx(0.01, rel=0.05)


def test_a_new_sender_is_not_a_gap_of_thousands() -> None:
    arrivals = fed(list(range(300)))
    for n in range(300, 600):
        arrivals.add((n + 20_000) & 0xFFFF, n * 7, 50, 2, n * 0.02)
    assert arrivals.loss(12.0) == 0.0

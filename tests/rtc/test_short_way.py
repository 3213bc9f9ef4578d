"""Packets of sound come right from the socket, and nothing that aiortc does with them is missed."""

from __future__ import annotations

import os

import numpy as np
import pytest
from aiortc import RTCRtpReceiver
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket
from hypothesis import given, strategies as st

from tests.support.each import each
from tests.support.peers import Side, call, eventually, pitch, tone
from voicechat.rtc import receive_path
from voicechat.rtc.receive_path import Packet, read, why_too_long


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

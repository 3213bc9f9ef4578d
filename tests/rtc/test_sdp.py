"""Edits to session descriptions, on the texts that browsers and servers really send."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest
from aioice import stun
from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.rtc.ice_servers import resolved
from voicechat.rtc.sdp import largest_message, only_opus, opus_payload_types, problem_with, with_opus_fec

CHROME = "\r\n".join(
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdabcdabcdabcdabcdabcd",
        "a=fingerprint:sha-256 00:11",
        "a=setup:actpass",
        "a=mid:0",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:13 CN/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:126 telephone-event/8000",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        "a=bundle-only",
        "a=mid:1",
        "a=sctp-port:5000",
        "",
    ]
)


def test_only_opus_is_left_of_a_browsers_offer() -> None:
    left = only_opus(CHROME)
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" in left
    assert [line for line in left.splitlines() if line.startswith(("a=rtpmap", "a=fmtp", "a=rtcp-fb"))] == [
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
    ]
    assert left.count("\r\n") == len(left.splitlines())


def test_a_description_without_opus_is_left_as_it_is() -> None:
    g711 = CHROME.replace("opus/48000/2", "speex/16000")
    assert only_opus(g711) == g711
    assert problem_with(g711) == "it has no Opus audio"


def test_error_correction_is_asked_for_once() -> None:
    assert with_opus_fec(CHROME).count("useinbandfec=1") == 1
    plain = CHROME.replace("a=fmtp:111 minptime=10;useinbandfec=1\r\n", "")
    assert "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n" in with_opus_fec(plain)
    assert with_opus_fec(with_opus_fec(plain)) == with_opus_fec(plain)


def test_a_bundle_only_section_is_not_a_refused_one() -> None:
    assert problem_with(CHROME) == ""
    assert problem_with(CHROME.replace("a=bundle-only\r\n", "")) == "it has no channel for events"


@each(
    ("text", "problem"),
    [
        ("", "it is not a session description"),
        ("<html></html>", "it is not a session description"),
        ("v=0\r\n", "it has no audio"),
        ("v=0\r\nm=audio\r\n", "it has no audio"),
        (CHROME.replace("a=fingerprint:", "a=x:"), "it lacks a fingerprint"),
        (CHROME.replace("a=ice-ufrag:", "a=x:"), "it lacks ICE credentials"),
        ("v=0" + "x" * 300_000, "it is far too long"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    assert problem_with(text) == problem


def test_payload_types_and_message_size_are_read() -> None:
    assert opus_payload_types(CHROME) == {111}
    assert opus_payload_types("a=rtpmap:96 OPUS/48000/2\na=rtpmap:97 opus/48000\n") == {96, 97}
    assert largest_message(CHROME) == 65_536
    assert largest_message(CHROME + "a=max-message-size:0\r\n") == 0
    assert largest_message("a=max-message-size:99999999999999\r\n") == 65_536


LINES = st.sampled_from(
    [*CHROME.split("\r\n"), "m=audio 9 ", "m=audio", "m=", "a=rtpmap:111 opus/48000", "a=mid:", "m=video"]
)


@given(st.lists(LINES | st.text(max_size=20), max_size=12), st.integers(0, 28))
def test_any_description_is_refused_in_words_or_can_be_edited(lines: list[str], at: int) -> None:
    whole = CHROME.split("\r\n")
    text = "\r\n".join([*whole[:at], *lines, *whole[at:]])
    if not problem_with(text):
        assert opus_payload_types(only_opus(text))
        with_opus_fec(text)
        largest_message(text)


# STUN and TURN addresses, resolved before aiortc sees them


class Stun(asyncio.DatagramProtocol):
    """Answers each Binding request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        answer = stun.Message(asked.message_method, stun.Class.RESPONSE, transaction_id=asked.transaction_id)
        self.transport.sendto(bytes(answer), address)


@pytest.fixture
async def answering() -> AsyncIterator[int]:
    """The port of a STUN server."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Stun, local_addr=("127.0.0.1", 0))
    yield transport.get_extra_info("sockname")[1]
    transport.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes packets and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def listening() -> Iterator[int]:
    """A port that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


async def test_names_become_numbers_and_credentials_are_kept_apart(answering: int, listening: int) -> None:
    stun, turn, tls = await resolved(
        (
            f"stun:localhost:{answering}",
            f"turn:me:secret@localhost:{listening}?transport=tcp",
            f"turns:me:secret@localhost:{listening}",
        )
    )
    assert stun.urls == f"stun:127.0.0.1:{answering}"
    assert (turn.urls, turn.username, turn.credential) == (
        f"turn:127.0.0.1:{listening}?transport=tcp",
        "me",
        "secret",
    )
    assert tls.urls == f"turns:localhost:{listening}"


async def test_a_silent_ice_server_does_not_delay_the_offer(
    silent: int, answering: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicechat.rtc.ice_servers._DEADLINE", 0.3)
    found = await resolved(
        (f"stun:127.0.0.1:{silent}", f"turn:me:pw@127.0.0.1:{silent}", f"turn:me:pw@127.0.0.1:{answering}")
    )
    assert [server.urls for server in found] == [f"turn:127.0.0.1:{answering}"]


async def test_what_is_no_address_or_nobody_listens_at_is_left_out() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        nobody = (f"turn:me:pw@127.0.0.1:{port}?transport=tcp", "stun:127.0.0.1:99999")
        wrong = ("", "http://localhost", "stun:", "stun:a b", "turn:x@y@z", "stun:localhost:port")
        assert await resolved((*nobody, *wrong)) == await resolved(()) == []


async def test_a_name_nobody_answers_for_is_left_out_after_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*args: object, **named: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    monkeypatch.setattr("voicechat.rtc.ice_servers._DEADLINE", 0.01)
    assert await resolved(("stun:stun.example:3478",)) == []

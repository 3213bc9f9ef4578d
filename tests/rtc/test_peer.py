"""Real aiortc peers in one process: what a call does, and what it does when the other side misbehaves."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aioice import ice

from tests.support.each import each
from tests.support.lossy_relay import LossyRelay, Network
from tests.support.peers import Pcm, call, eventually, loudness, pitch, side, silence, tone
from voicechat.errors import SignallingError
from voicechat.rtc import loopback_candidates
from voicechat.rtc.peer import Liveness, Peer


async def test_each_side_hears_the_other_through_the_own_path() -> None:
    async with call(tone(440), tone(880)) as (client, server):
        assert client.peer.receive.is_own and server.peer.receive.is_own
        assert client.peer.receive.fallback_reason == ""

        def a_second(pcm: Pcm) -> bool:
            return int(np.count_nonzero(pcm)) > 40_000

        at_client, at_server = await asyncio.gather(client.listen(a_second), server.listen(a_second))
        assert pitch(at_client[-24_000:]) == pytest.approx(880, abs=4)
        assert pitch(at_server[-24_000:]) == pytest.approx(440, abs=4)
        assert loudness(at_client[-24_000:]) == pytest.approx(8_000 / 2**0.5, rel=0.25)


async def test_silence_keeps_the_line_alive() -> None:
    async with call() as (client, server):
        await server.listen(lambda pcm: server.peer.receive.arrivals.packets >= 40)
        stats = server.peer.stats()
        assert stats.packets_received >= 40 and stats.codec == "opus"
        assert stats.bytes_received / stats.packets_received < 30
        assert client.peer.stats().packets_sent >= 40


async def test_the_offer_asks_for_error_correction_and_for_nothing_but_opus() -> None:
    client = side("client")
    try:
        offer = await client.peer.offer()
    finally:
        await client.peer.close()
    assert re.findall(r"a=rtpmap:\d+ (\S+)", offer) == ["opus/48000/2"]
    assert re.search(r"a=fmtp:96 minptime=10;useinbandfec=1\r\n", offer)
    assert offer.count("m=audio") == offer.count("m=application") == 1


async def test_an_offer_with_the_channel_first_is_answered_and_connects() -> None:
    def swapped(sdp: str) -> str:
        head, audio, events = re.split(r"^(?=m=)", sdp, flags=re.MULTILINE)
        return head.replace("BUNDLE 0 1", "BUNDLE 1 0") + events + audio

    client, server = side("client"), side("server")
    try:
        answer = await server.peer.answer(swapped(await client.peer.offer()))
        assert [line[:7] for line in answer.splitlines() if line.startswith("m=")] == ["m=appli", "m=audio"]
        await client.peer.accept_answer(swapped_back(answer))
        await asyncio.wait_for(client.opened.wait(), 5)
    finally:
        await client.peer.close()
        await server.peer.close()


def swapped_back(answer: str) -> str:
    head, events, audio = re.split(r"^(?=m=)", answer, flags=re.MULTILINE)
    return head.replace("BUNDLE 1 0", "BUNDLE 0 1") + audio + events


async def test_a_message_the_other_side_cannot_take_is_refused_with_both_sizes() -> None:
    def small(sdp: str) -> str:
        return sdp.replace("a=max-message-size:262144", "a=max-message-size:1000")

    async with call(change_answer=small) as (client, server):
        assert client.peer.send("x" * 1_001) == ("the message has 1001 bytes and the other side takes 1000 at most")
        assert client.peer.send("é" * 501) != ""
        assert client.peer.send("y" * 1_000) == ""
        assert await asyncio.wait_for(server.texts.get(), 5) == "y" * 1_000


async def test_broken_unicode_and_a_flood_are_values_not_exceptions() -> None:
    async with call() as (client, _):
        assert client.peer.send("\ud800") == ""
        reasons = [client.peer.send("z" * 250_000) for _ in range(30)]
        assert "congested" in reasons[-1] and reasons[0] == ""


async def test_when_the_other_side_hangs_up_it_is_told_once_with_a_reason() -> None:
    async with call() as (client, server):
        await server.peer.close()
        assert "other side" in await asyncio.wait_for(client.closed.get(), 5)
        await client.peer.close()
        assert client.closed.empty()
        assert server.closed.empty()


async def test_closing_twice_or_cancelled_in_between_still_closes() -> None:
    async with call() as (client, _):
        closing = asyncio.ensure_future(client.peer.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        await asyncio.wait_for(asyncio.gather(client.peer.close(), client.peer.close()), 5)


async def test_a_call_that_is_broken_off_while_it_looks_for_a_path_leaves_no_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, opened = asyncio.get_running_loop(), list[asyncio.BaseTransport]()
    create = loop.create_datagram_endpoint

    async def watched(*given: Any, **named: Any) -> Any:
        pair = await create(*given, **named)
        opened.append(pair[0])
        return pair

    monkeypatch.setattr(loop, "create_datagram_endpoint", watched)
    for turns in range(40):
        peer = side("client").peer
        offering = asyncio.create_task(peer.offer())
        for _ in range(turns):
            await asyncio.sleep(0)
        offering.cancel()
        await asyncio.gather(offering, return_exceptions=True)
        await peer.close()
    assert opened
    assert all(transport.is_closing() for transport in opened)


async def test_a_closed_call_leaves_no_thread_and_no_task() -> None:
    threads = set(threading.enumerate())
    async with call(tone(), tone()) as (client, _):
        await client.listen(lambda pcm: loudness(pcm) > 500)
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    await eventually(lambda: not {t for t in threading.enumerate() if "decoder" in t.name} - threads)


async def test_a_defect_in_a_handler_does_not_take_the_line_down() -> None:
    raised: list[str] = []
    no_handlers: dict[str, None] = {}
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["message"]))
    async with call() as (client, server):
        server.peer._on_message = no_handlers.__getitem__
        assert client.peer.send("first") == ""
        await eventually(lambda: raised)
        server.peer._on_message = server.texts.put_nowait
        assert client.peer.send("second") == ""
        assert await asyncio.wait_for(server.texts.get(), 5) == "second"


async def test_a_machine_with_only_loopback_can_call_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback_candidates, "_real_host_addresses", lambda use_ipv4, use_ipv6: [])
    assert ice.get_host_addresses is loopback_candidates.host_addresses
    offers: list[str] = []

    def keep(sdp: str) -> str:
        offers.append(sdp)
        return sdp

    async with call(tone(), change_offer=keep) as (_, server):
        await server.listen(lambda pcm: loudness(pcm) > 500)
    assert set(re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+)", offers[0])) == {"127.0.0.1"}


def test_a_machine_with_a_network_offers_what_it_always_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback_candidates, "_real_host_addresses", lambda use_ipv4, use_ipv6: ["192.0.2.7"])
    assert loopback_candidates.host_addresses(True, True) == ["192.0.2.7"]


async def test_text_goes_both_ways_after_the_milestones_and_outside_the_call_it_is_refused() -> None:
    lonely, began = side("client"), time.monotonic()
    assert lonely.peer.why_not_open() == "the server answered, but no packet came through"
    async with call() as (client, server):
        reached = client.peer.milestones
        assert reached.found_path_at and reached.encrypted_at and reached.opened_at
        assert began <= reached.found_path_at <= reached.encrypted_at <= reached.opened_at
        assert client.peer.send('{"type": "session.update", "x": "é✓"}') == ""
        assert await asyncio.wait_for(server.texts.get(), 5) == '{"type": "session.update", "x": "é✓"}'
        assert [server.peer.send(text) for text in ("", "hello")] == ["", ""]
        assert [await asyncio.wait_for(client.texts.get(), 5) for _ in range(2)] == ["", "hello"]
    await lonely.peer.close()
    assert lonely.peer.send("hello") == client.peer.send("hello") == "the connection is not open"


def without_candidates(sdp: str) -> str:
    """The OpenAI JS SDK posts its offer before it has gathered any."""
    kept = [line for line in sdp.splitlines() if not re.match("a=(candidate|end-of-candidates)", line)]
    return "\r\n".join(kept) + "\r\n"


def with_other_codecs(sdp: str) -> str:
    """As a browser offers them."""
    return sdp.replace("RTP/SAVPF 96", "RTP/SAVPF 0 9 63 96").replace(
        "a=rtpmap:96", "a=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:96"
    )


@pytest.mark.parametrize("change", [without_candidates, with_other_codecs])
async def test_offers_of_other_clients_are_answered_and_connect(change: Callable[[str], str]) -> None:
    async with call(tone(), change_offer=change) as (_, server):
        await server.listen(lambda pcm: loudness(pcm) > 500)


@asynccontextmanager
async def answered() -> AsyncIterator[tuple[Peer, str]]:
    """A client, and the answer that a server gave to its offer."""
    client, server = side("client"), side("server")
    try:
        yield client.peer, await server.peer.answer(await client.peer.offer())
    finally:
        await client.peer.close()
        await server.peer.close()


NONSENSE = (
    "",
    "not found",
    "v=0\r\n",
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio x y z\r\n",
    "<html>" * 50_000,
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:97 x\r\na=ice-ufrag:x\r\n"
    "a=fingerprint:sha-256 00\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=setup:nonsense\r\n",
)


def lacking(start: str) -> Callable[[str], str]:
    return lambda answer: "".join(line for line in answer.splitlines(keepends=True) if not line.startswith(start))


def refusing(section: str) -> Callable[[str], str]:
    return lambda answer: re.sub(rf"m={section} \d+", f"m={section} 0", answer)


@each(
    ("name", "damage", "says"),
    [
        *((text[:20], lambda _, text=text: text, "the server's session description") for text in NONSENSE),
        *(
            (f"without a={line}", lacking(f"a={line}"), "")
            for line in ("fingerprint", "ice-ufrag", "setup", "ice-pwd", "rtcp-mux", "rtpmap")
        ),
        ("no audio", refusing("audio"), "no audio"),
        ("no events", refusing("application"), "no channel for events"),
    ],
)
async def test_a_damaged_answer_is_an_error_with_a_next_step(
    name: str, damage: Callable[[str], str], says: str
) -> None:
    async with answered() as (client, answer):
        with pytest.raises(SignallingError) as caught:
            await client.accept_answer(damage(answer))
        assert says in caught.value.message and caught.value.hint


async def test_rubbish_offered_to_a_server_is_refused() -> None:
    server = side("server")
    with pytest.raises(SignallingError, match="client's session description"):
        await server.peer.answer("GET / HTTP/1.1")
    await server.peer.close()


async def test_no_damage_to_an_answer_makes_anything_but_a_signalling_error() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    rng, outcomes = random.Random(11), set[str]()
    for _ in range(30):
        async with answered() as (client, answer):
            lines = answer.splitlines()
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(1, len(lines))
                match rng.randrange(4):
                    case 0:
                        del lines[at]
                    case 1:
                        lines[at] = lines[at][: rng.randrange(len(lines[at]))]
                    case 2:
                        lines.insert(at, lines[rng.randrange(len(lines))])
                    case _:
                        lines[at] = lines[at].replace(rng.choice(": 0/19"), rng.choice(["", "x", "99999999999"]))
            try:
                await client.accept_answer("\r\n".join(lines) + "\r\n")
                outcomes.add("accepted")
            except SignallingError:
                outcomes.add("refused")
    assert outcomes == {"accepted", "refused"}


# A real call over a network that delays and loses


async def test_a_call_with_one_packet_in_twenty_lost_is_heard_nearly_without_a_gap() -> None:
    client, server = side("client"), side("server", tone(300))
    relay = await LossyRelay.start(Network(delay=0.02, jitter=0.01, loss=0.05, seed=3))
    try:
        answer = await server.peer.answer(relay.through_a(await client.peer.offer()))
        await client.peer.accept_answer(relay.through_b(answer))
        await asyncio.wait_for(client.opened.wait(), 10)

        def three_seconds(pcm: Pcm) -> bool:
            return int(np.count_nonzero(pcm)) > 3 * 48_000

        heard = await client.listen(three_seconds, timeout=20)
        stats = client.peer.stats()
    finally:
        await client.peer.close()
        await server.peer.close()
        relay.close()
    assert stats.loss is not None and 0.01 < stats.loss < 0.12
    assert stats.receive.fec > 0
    frames = heard[: heard.size // 960 * 960].reshape(-1, 960)[50:]
    silent = np.count_nonzero(np.abs(frames).max(axis=1) < 1_000)
    assert silent / len(frames) < 0.05


# R27: a line that is gone is noticed within 1.5 s, and one that is bad, or pauses, is never taken for gone


LOOK = 0.1


class Line:
    """A line on a fake clock. `sends(t)`: whether a packet of sound comes at `t`; `answers(t)`: whether one asked does.

    Looks and questions happen as the peer makes them; answers take `round_trip`.
    """

    def __init__(
        self,
        sends: Callable[[float], bool],
        answers: Callable[[float], bool] = lambda t: False,
        *,
        loud: Callable[[float], bool] = lambda t: False,
        round_trip: float = 0.05,
    ) -> None:
        self.life = Liveness(0.0)
        self._sends, self._answers, self._loud, self._round_trip = sends, answers, loud, round_trip
        self._on_their_way: list[tuple[float, float]] = []
        self._loud_at: float | None = None
        self._ask(0.0)

    def lost_at(self, until: float) -> float | None:
        """When the loss is noticed; None if it is not until then."""
        for tick in range(round(until / 0.02)):
            now = tick * 0.02
            self._loud_at = now if self._loud(now) else self._loud_at
            if self._sends(now):
                self.life.sound_came(now, self._loud_at)
            for asked_at, due in tuple(self._on_their_way):
                if due <= now:
                    self._on_their_way.remove((asked_at, due))
                    self.life.answered(asked_at, now)
            if tick % round(LOOK / 0.02) == 0:
                if self.life.why_lost(now):
                    return now
                if self.life.is_question_due(now):
                    self._ask(now)
        return None

    def _ask(self, now: float) -> None:
        if self._answers(now):
            self._on_their_way.append((now, now + self._round_trip))


def before(end: float) -> Callable[[float], bool]:
    return lambda t: t < end


@each(
    ("line", "end"),
    [
        (Line(before(10.0), before(10.0)), 10.0),
        (Line(before(10.0)), 10.0),  # no question can be put
        (Line(before(4.0), before(4.0), loud=lambda t: True), 4.0),  # in the middle of the first response
    ],
)
def test_a_stream_that_stops_is_noticed_within_a_second_and_a_half(line: Line, end: float) -> None:
    noticed = line.lost_at(20.0)
    assert noticed is not None and noticed - end <= 1.5


@each(
    ("name", "line"),
    [
        ("pauses", Line(lambda t: t % 20.0 < 8.0, lambda t: True, loud=lambda t: t % 20.0 < 6.0)),
        (
            "saves packets in silence",
            Line(lambda t: t % 10.0 < 3.0 or round(t / 0.02) % 20 == 0, lambda t: True, loud=lambda t: t % 10.0 < 3.0),
        ),
        ("cannot be asked", Line(lambda t: t % 20.0 < 8.0, loud=lambda t: t % 20.0 < 8.0)),
        ("is far away", Line(lambda t: t % 30.0 < 5.0, lambda t: True, round_trip=0.9, loud=lambda t: True)),
    ],
)
def test_a_sender_that_stops_between_responses_is_asked_and_not_given_up(name: str, line: Line) -> None:
    assert line.lost_at(600.0) is None


def test_ten_minutes_of_ten_per_cent_loss_raise_no_alarm() -> None:
    dice = random.Random(5)
    arrives = [lambda t: dice.random() > 0.1, lambda t: dice.random() > 0.1 and t % 20.0 < 6.0]
    for sends in arrives:
        assert Line(sends, lambda t: dice.random() > 0.19).lost_at(600.0) is None


def test_after_an_absence_of_our_own_the_other_side_gets_another_chance() -> None:
    life = Liveness(0.0)
    for tick in range(200):
        life.sound_came(tick * 0.02, None)
    assert life.streams
    assert life.why_lost(4.0) == ""
    assert life.why_lost(3600.0) == ""  # the lid was shut; what came meanwhile is read next
    noticed = next(tick for tick in range(1, 20) if life.why_lost(3600.0 + tick * LOOK))
    assert 4 <= noticed <= 8


def test_while_sound_flows_it_rests_longer_and_never_past_a_question_that_is_due() -> None:
    life = Liveness(0.0)
    life.sound_came(10.0, None)
    assert round(life.rest(10.02), 6) == 0.1
    assert round(life.rest(10.35), 6) == 0.05
    assert life.rest(11.0) < 0.0


async def test_a_peer_reports_that_the_other_side_is_gone() -> None:
    async with call(silence, tone()) as (client, server):
        await client.listen(lambda pcm: pcm.size > 48_000)
        server.peer._track.stop()  # nothing is said good-bye to: the process was killed, the cable is out
        ice = server.peer._connection.sctp.transport.transport._connection  # type: ignore[union-attr]
        for protocol in ice._protocols:
            protocol.transport.abort()
        reason = await client.closed.get()
    assert "not answered" in reason or "nothing has come" in reason


async def test_a_peer_that_only_listens_is_asked_and_stays() -> None:
    async with call(silence, silence) as (client, server):
        client.peer.receive.on_packet = lambda now: None  # as if the other side sent no sound at all
        await eventually(lambda: client.peer._life.can_ask)
        for _ in range(3):
            await eventually(lambda: server.peer.stats().packets_received)
        assert client.closed.empty()

"""A call over WebRTC through the tap: real peers on both sides, sound and messages untouched."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import numpy as np
from aiohttp import web

from tests.support.local_server import local_server
from tests.support.peers import eventually
from tests.support.realtime_call import RealtimeCall, realtime_call
from tests.support.service import read
from tests.tap.tapped import service, tapping
from voicechat.rtc.peer import Peer

SILENCE = np.zeros(960, np.int16)


def utterance() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    voice = 12_000 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 48_000)
    return np.concatenate([np.zeros(24_000), voice, np.zeros(72_000)]).astype(np.int16)


async def test_a_spoken_turn_goes_through_both_legs_and_is_heard_on_the_way() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped:
        session: dict[str, object] = {"type": "realtime", "audio": {"input": {"transcription": {"model": "any"}}}}
        async with realtime_call(tapped.base_url, session) as call:
            assert call.call_id.startswith("rtc_"), "the service's own call id"
            call.say(utterance())
            said = await call.until("conversation.item.input_audio_transcription.completed")
            await call.until("output_audio_buffer.started")
            await eventually(lambda: call.loud_at)
            await eventually(lambda: "output_audio_buffer.started" in tapped.types("in"))
            watched = tapped.sessions[0]
            assert said["transcript"] == "What is twelve times seven?"
            assert call.types() == tapped.types("in")[: len(call.types())], "the same events in the same order"
            assert watched.audio_delays.count > 20 and watched.event_delays.count
        await eventually(lambda: "tap.ended" in tapped.types())
        assert tapped.find("tap.channel")["label"] == "oai-events"
        assert tapped.find("tap.ended")["by"] == "client"
        await eventually(lambda: not server.house.sessions)


async def test_what_the_client_says_reaches_the_service_in_order() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped:
        async with realtime_call(tapped.base_url) as call:
            for number in range(50):
                call.send(type="conversation.item.retrieve", item_id=f"item_{number}", event_id=f"e{number}")
            await eventually(lambda: len(call.find("error")) == 50)
            answered = [event["error"]["event_id"] for event in call.find("error")]  # type: ignore[index]  # JSON
    assert answered == [f"e{number}" for number in range(50)]
    assert tapped.types("out") == ["conversation.item.retrieve"] * 50


async def test_a_label_of_the_clients_own_reaches_the_service() -> None:
    labels: list[str] = []
    peers: list[Peer] = []

    async def answer(request: web.Request) -> web.Response:
        peer = Peer(
            role="server",
            uplink=lambda: SILENCE,
            on_message=lambda text: None,
            on_open=lambda: labels.append(peer._channel.label if peer._channel else ""),
            on_closed=lambda reason: None,
        )
        peers.append(peer)
        return web.Response(status=201, text=await peer.answer(await request.text()), content_type="application/sdp")

    opened = asyncio.Event()
    client = Peer(
        role="client",
        uplink=lambda: SILENCE,
        on_message=lambda text: None,
        on_open=opened.set,
        on_closed=lambda reason: None,
        label="realtime-channel",
    )
    async with service(answer) as url, tapping(url) as tapped, aiohttp.ClientSession() as http:
        headers = {"Content-Type": "application/sdp"}
        async with http.post(f"{tapped.base_url}/realtime/calls", data=await client.offer(), headers=headers) as reply:
            assert reply.status == 201
            await client.accept_answer(await reply.text())
        await eventually(lambda: labels)
        await client.close()
        await peers[0].close()
    assert labels == ["realtime-channel"]


async def test_a_refused_call_is_refused_in_the_services_own_words() -> None:
    body = b'{"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}'

    async def refuse(request: web.Request) -> web.Response:
        assert b"v=0" in await request.read()
        return web.Response(status=429, body=body, headers={"Content-Type": "application/json", "Retry-After": "3"})

    call = RealtimeCall("")
    async with service(refuse) as url, tapping(url) as tapped, aiohttp.ClientSession() as http:
        headers = {"Content-Type": "application/sdp"}
        async with http.post(
            f"{tapped.base_url}/realtime/calls", data=await call.peer.offer(), headers=headers
        ) as reply:
            assert (reply.status, await reply.read(), reply.headers["Retry-After"]) == (429, body, "3")
        assert "exceeded your current quota" in str(tapped.find("tap.ended")["reason"])
    await call.peer.close()


async def test_the_form_around_an_offer_travels_on_as_it_was() -> None:
    seen: dict[str, str] = {}

    async def look(request: web.Request) -> web.Response:
        seen.update({name: text for name, (_, text) in (await read(request)).parts.items()})
        return web.Response(status=400, text="{}")

    call = RealtimeCall("")
    form = aiohttp.FormData()
    form.add_field("sdp", await call.peer.offer(), content_type="application/sdp")
    form.add_field("session", json.dumps({"type": "realtime", "model": "any"}), content_type="application/json")
    async with service(look) as url, tapping(url) as tapped, aiohttp.ClientSession() as http:
        async with http.post(f"{tapped.base_url}/realtime/calls?x=1", data=form) as reply:
            assert reply.status == 400
    await call.peer.close()
    assert json.loads(seen["session"]) == {"type": "realtime", "model": "any"}
    assert seen["sdp"].startswith("v=0") and "useinbandfec=1" in seen["sdp"]


async def test_an_offer_that_no_peer_can_use_is_said_so() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped, aiohttp.ClientSession() as http:
        headers = {"Content-Type": "application/sdp"}
        async with http.post(f"{tapped.base_url}/realtime/calls", data="v=0\r\nnonsense", headers=headers) as reply:
            assert reply.status == 400 and "it has no audio" in (await reply.json())["error"]["message"]


async def test_a_service_that_hangs_up_ends_the_clients_call() -> None:
    async with local_server() as server, tapping(server.base_url) as tapped, aiohttp.ClientSession() as http:
        async with realtime_call(tapped.base_url) as call:
            async with http.post(f"{tapped.base_url}/realtime/calls/{call.call_id}/hangup") as reply:
                assert reply.status == 200
            await eventually(lambda: call.closed)
        assert tapped.find("tap.ended")["by"] == "upstream"

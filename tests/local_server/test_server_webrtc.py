"""The server over WebRTC: real signalling, real aiortc, sound both ways; and what its door says to bad callers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.support.local_server import local_server
from tests.support.peers import eventually, pitch
from tests.support.realtime_call import RealtimeCall, realtime_call
from voicechat.local_server.session import MOST_SESSIONS
from voicechat.rtc.peer import Peer

VOICE = (0.5 * 32767 * np.sin(2 * np.pi * 200 * np.arange(48_000) / 48_000)).astype(np.int16)
TRANSCRIBED: dict[str, object] = {"type": "realtime", "audio": {"input": {"transcription": {"model": "any"}}}}


async def offer() -> tuple[Peer, str]:
    peer = Peer(
        role="client",
        uplink=lambda: np.zeros(960, np.int16),
        on_message=lambda text: None,
        on_open=lambda: None,
        on_closed=lambda reason: None,
    )
    return peer, await peer.offer()


async def test_a_spoken_turn_comes_back_as_words_and_sound_with_playout_events() -> None:
    async with local_server() as server, realtime_call(server.base_url, TRANSCRIBED) as call:
        session: Any = call.find("session.created")[0]["session"]
        assert session["audio"]["input"]["transcription"] == {"model": "any"}
        call.say(VOICE)
        await call.until("output_audio_buffer.stopped")
    kinds = call.types()
    order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "response.created",
        "response.output_item.added",
        "output_audio_buffer.started",
        "response.output_audio_transcript.done",
        "response.done",
        "output_audio_buffer.stopped",
    ]
    assert [kind for kind in kinds if kind in order] == order
    assert "response.output_audio.delta" not in kinds and "response.output_audio.done" in kinds
    done: Any = call.find("response.output_audio_transcript.done")[0]
    deltas = "".join(str(event["delta"]) for event in call.find("response.output_audio_transcript.delta"))
    assert deltas == done["transcript"] and "84" in deltas
    heard = np.concatenate(call.heard)
    loud = heard[np.abs(heard) > 300]
    assert abs(len(loud) / 48_000 - 0.05 * len(deltas)) < 0.2
    assert abs(pitch(heard[np.flatnonzero(np.abs(heard) > 300)[0] :][4_800:24_000]) - 440) < 10


async def test_speaking_over_the_answer_silences_it() -> None:
    async with local_server("Tell me what you can do.") as server, realtime_call(server.base_url) as call:
        call.say(VOICE)
        await call.until("output_audio_buffer.started")
        await eventually(lambda: len(call.loud_at) > 20)
        after = len(call.events)
        call.say(VOICE)
        await call.until("response.done", after=after)
        kinds = call.types(after)
        cut = call.find("conversation.item.truncated", after)
        done: Any = call.find("response.done", after)[0]
    started = kinds.index("input_audio_buffer.speech_started")
    assert kinds[started + 1] == "output_audio_buffer.cleared"
    assert done["response"]["status_details"]["reason"] == "turn_detected"
    assert isinstance(cut[0]["audio_end_ms"], int) and cut[0]["audio_end_ms"] > 200


async def test_push_to_talk_with_turn_detection_off() -> None:
    session = {"type": "realtime", "audio": {"input": {"turn_detection": None, "transcription": {"model": "any"}}}}
    async with local_server() as server, realtime_call(server.base_url, dict(session)) as call:
        call.send(type="input_audio_buffer.clear")
        await call.until("input_audio_buffer.cleared")
        call.say(VOICE)
        await eventually(lambda: not call._mic)
        await asyncio.sleep(0.2)
        call.send(type="input_audio_buffer.commit")
        call.send(type="response.create", response={"output_modalities": ["text"]})
        await call.until("response.done")
    assert "input_audio_buffer.speech_started" not in call.types()
    assert call.find("conversation.item.input_audio_transcription.completed")[0]["transcript"]
    assert "84" in str(call.find("response.output_text.done")[0]["text"])


async def test_hanging_up_by_http_ends_the_call_and_frees_the_session() -> None:
    async with local_server() as server, realtime_call(server.base_url) as call:
        url = f"{server.base_url}/realtime/calls/{call.call_id}/hangup"
        async with aiohttp.ClientSession() as http:
            async with http.post(url) as reply:
                assert reply.status == 200
            async with http.post(url) as reply:
                assert reply.status == 404
        await eventually(lambda: call.closed)
        assert not server.house.sessions


async def test_a_client_that_goes_away_frees_its_session() -> None:
    async with local_server() as server:
        async with realtime_call(server.base_url):
            assert len(server.house.sessions) == 1
        await eventually(lambda: not server.house.sessions)


async def test_an_offer_without_candidates_is_accepted_as_browsers_send_it() -> None:
    async with local_server() as server:
        call = RealtimeCall(server.base_url)
        text = "".join(
            line
            for line in (await call.peer.offer()).splitlines(keepends=True)
            if not line.startswith(("a=candidate", "a=end-of-candidates"))
        )
        headers = {"Content-Type": "application/sdp", "Authorization": "Bearer any"}
        async with aiohttp.ClientSession() as http:
            url = f"{server.base_url}/realtime/calls?model=any"
            async with http.post(url, data=text.encode(), headers=headers) as reply:
                assert reply.status == 201 and "/realtime/calls/rtc_" in reply.headers["Location"]
                answer = await reply.text()
        await call.peer.accept_answer(answer)
        await call.until("session.created")
        session: Any = call.find("session.created")[0]["session"]
        assert session["model"] == "any"
        await call.peer.close()


async def test_a_client_secret_carries_its_session_into_the_call() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        body = {"session": {"type": "realtime", "instructions": "Be kind."}}
        async with http.post(f"{server.base_url}/realtime/client_secrets", json=body) as reply:
            secret = await reply.json()
        assert secret["value"].startswith("ek_") and secret["session"]["instructions"] == "Be kind."
        call = RealtimeCall(server.base_url)
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {secret['value']}"}
        data = (await call.peer.offer()).encode()
        async with http.post(f"{server.base_url}/realtime/calls", data=data, headers=headers) as reply:
            await call.peer.accept_answer(await reply.text())
        created: Any = await call.until("session.created")
        assert created["session"]["instructions"] == "Be kind."
        await call.peer.close()


OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=setup:actpass",
        "a=mid:0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdabcdabcdabcdabcdabcd",
        "a=fingerprint:sha-256 00:11",
        "a=rtcp-mux",
        "a=sendrecv",
        "a=rtpmap:96 opus/48000/2",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=setup:actpass",
        "a=mid:1",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdabcdabcdabcdabcdabcd",
        "a=fingerprint:sha-256 00:11",
        "a=sctp-port:5000",
        "",
    ]
)
HUGE = b"v=0\r\n" + b"a=x\r\n" * 100_000


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("text/plain", b"v=0", 415, "unsupported_content_type"),
        ("application/json", b"{}", 415, "unsupported_content_type"),
        ("application/sdp", b"", 400, "missing_required_parameter"),
        ("application/sdp", b"hello", 400, "invalid_offer"),
        ("application/sdp", HUGE, 413, "request_too_large"),
        ("application/sdp", OFFER.replace("m=audio 9 UDP/TLS/RTP/SAVPF 96", "m=audio 9 "), 400, "invalid_offer"),
        ("application/sdp", OFFER + "m=video 9 UDP/TLS/RTP/SAVPF 97\r\n" * 51, 400, "invalid_offer"),
        ("application/sdp", OFFER.replace("sha-256 00:11", "nonsense"), 400, "invalid_offer"),
    ],
    ids=["text", "json", "empty", "no SDP", "huge", "no formats", "51 sections", "no fingerprint"],
)
async def test_a_bad_offer_is_refused_as_json(content_type: str, body: bytes | str, status: int, code: str) -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        headers = {"Content-Type": content_type}
        async with http.post(f"{server.base_url}/realtime/calls", data=body, headers=headers) as reply:
            assert reply.status == status
            assert (await reply.json())["error"]["code"] == code


async def test_a_bad_session_in_the_handshake_is_refused_with_its_path() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        peer, sdp = await offer()
        form = aiohttp.FormData()
        form.add_field("sdp", sdp, content_type="application/sdp")
        form.add_field("session", json.dumps({"type": "realtime", "foo": 1}), content_type="application/json")
        async with http.post(f"{server.base_url}/realtime/calls", data=form) as reply:
            assert reply.status == 400
            assert (await reply.json())["error"]["param"] == "session.foo"
        await peer.close()


async def test_a_page_of_this_computer_may_call_and_read_where_its_call_is() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        asked = {
            "Origin": "http://localhost:5173",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-openai-agents-sdk",
        }
        async with http.options(f"{server.base_url}/realtime/calls", headers=asked) as reply:
            assert reply.status == 204
            assert reply.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
            assert "x-openai-agents-sdk" in reply.headers["Access-Control-Allow-Headers"].lower()
            assert reply.headers["Access-Control-Expose-Headers"] == "Location"
        asked["Origin"] = "https://example.com"
        async with http.options(f"{server.base_url}/realtime/calls", headers=asked) as reply:
            assert reply.status == 403 and "Access-Control-Allow-Origin" not in reply.headers


async def test_hostile_offers_leave_room_for_a_call() -> None:
    hostile = OFFER.replace("m=audio 9 UDP/TLS/RTP/SAVPF 96", "m=audio 9 ")
    headers = {"Content-Type": "application/sdp"}
    async with local_server() as server:
        async with aiohttp.ClientSession() as http:
            for _ in range(2 * MOST_SESSIONS):
                async with http.post(f"{server.base_url}/realtime/calls", data=hostile, headers=headers) as reply:
                    assert reply.status == 400 and "m=" not in (await reply.json())["error"]["message"]
        async with realtime_call(server.base_url) as call:
            assert call.find("session.created")

"""What stock clients stumbled over, in the words of the API: each was seen with one that is not ours."""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.local_server.dialogue_talk import Talk, code_of, events
from tests.support.each import each
from tests.support.local_server import AlwaysHears, Hums, local_server, loud_is_voice
from tests.support.realtime_call import RealtimeCall, realtime_call
from voicechat.local_server.conversation import Reply
from voicechat.local_server.dialogue import LONGEST_RETRIEVED
from voicechat.local_server.session import MOST_SESSIONS, Senses
from voicechat.protocol.server_events import ConversationItemRetrieved, ResponseDone, SessionUpdated

TIMEOUT = 20.0
USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


def retrieved(talk: Talk, item_id: str) -> Any:
    outs = talk.send("conversation.item.retrieve", item_id=item_id)
    return talk.one(ConversationItemRetrieved, outs).item


def test_truncating_a_response_in_the_making_leaves_every_content_part_with_its_type() -> None:
    talk = Talk()
    talk.send("conversation.item.create", item=USER)
    talk.send("response.create")
    talk.answer("One two three four.", seconds=2.0, complete=False)
    item_id = talk.dialogue._conversation.last_id or ""
    outs = talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=500)
    assert events(outs) == ["conversation.item.truncated"]
    assert all(part.type for part in retrieved(talk, item_id).content)
    talk.send("response.cancel")
    assert [part.type for item in talk.last(ResponseDone).response.output for part in item.content] == ["output_audio"]
    assert [part.type for part in retrieved(talk, item_id).content] == ["output_audio"]


def test_conversation_created_is_an_event_of_the_beta_dialect_only() -> None:
    assert events(Talk().outs) == ["session.created"]
    assert events(Talk(dialect="beta").outs) == ["session.created", "conversation.created"]


def test_a_retrieved_item_has_all_its_sound_over_websocket_and_says_over_webrtc_why_not() -> None:
    long = {"type": "input_audio", "audio": base64.b64encode(b"\x00\x10" * 60_000).decode()}
    item = {"type": "message", "role": "user", "id": "long", "content": [long]}
    talk = Talk()
    talk.send("conversation.item.create", item=item)
    assert len(base64.b64decode(retrieved(talk, "long").content[0].audio)) > LONGEST_RETRIEVED
    talk = Talk("webrtc")
    talk.send("conversation.item.create", item=item)
    assert code_of(talk.send("conversation.item.retrieve", item_id="long")) == "item_retrieve_audio_too_large"


@each(
    "fields",
    [
        {"reasoning": {"effort": "low"}},
        {"include": ["item.input_audio_transcription.logprobs"]},
        {"prompt": {"id": "pmpt_1", "version": "2"}},
        {"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://example.com"}]},
        {"reasoning": None, "include": None, "prompt": None, "tracing": None},
    ],
)
def test_what_has_no_effect_here_and_does_no_harm_is_accepted_and_echoed(fields: dict[str, object]) -> None:
    talk = Talk()
    updated = talk.one(SessionUpdated, talk.update(**fields)).session
    assert {name: updated[name] for name in fields} == fields
    assert talk.dialogue.config.tools == ()


def test_a_picture_is_accepted_and_said_to_be_unseen() -> None:
    talk = Talk()
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
    content = [image, {"type": "input_text", "text": "What is this?"}]
    outs = talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    assert events(outs) == ["conversation.item.added", "conversation.item.done"]
    talk.send("response.create")
    assert talk.last(Reply).preamble == "I cannot see pictures."


def test_a_long_append_is_listened_to_in_slices_and_before_what_was_sent_behind_it() -> None:
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": None}})
    sound = base64.b64encode(np.full(24_000 * 20, 8_000, "<i2").tobytes()).decode()
    talk.send("input_audio_buffer.append", audio=sound)
    assert talk.dialogue.has_sound_left()
    talk.dialogue.hear_more(talk.now)
    talk.take()
    outs = talk.send("input_audio_buffer.commit")
    assert not talk.dialogue.has_sound_left() and "input_audio_buffer.committed" in events(outs)
    entry = talk.dialogue._conversation.find(talk.dialogue._conversation.last_id)
    assert entry and entry.length == pytest.approx(20, abs=0.1)


def test_a_caption_is_dropped_while_words_are_awaited_and_for_a_time_after_another() -> None:
    senses = Senses(lambda: loud_is_voice, AlwaysHears("").transcribe, Hums().speak)
    assert senses.allows_partial(10.0) and not replace(senses, finals=1).allows_partial(10.0)
    assert not replace(senses, partial_from=10.5).allows_partial(10.0)


async def received(socket: aiohttp.ClientWebSocketResponse, kind: str) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["type"] != kind:
        seen.append(await socket.receive_json(timeout=TIMEOUT))
    return seen


async def test_a_long_append_does_not_keep_another_session_waiting() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        url = f"{server.base_url}/realtime"
        async with http.ws_connect(url) as busy, http.ws_connect(url) as other:
            await received(busy, "session.created")
            await received(other, "session.created")
            sound = base64.b64encode(np.zeros(24_000 * 120, "<i2").tobytes()).decode()
            await busy.send_json({"type": "input_audio_buffer.append", "audio": sound})
            await busy.send_json({"type": "session.update", "session": {"type": "realtime"}})
            order: list[str] = []

            async def told(socket: aiohttp.ClientWebSocketResponse, name: str) -> None:
                await received(socket, "session.updated")
                order.append(name)

            await other.send_json({"type": "session.update", "session": {"type": "realtime"}})
            await asyncio.gather(told(busy, "busy"), told(other, "other"))
            assert order == ["other", "busy"]


async def test_a_spoken_answer_is_made_at_the_pace_of_the_service_and_not_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("voicechat.local_server.session.PACE", 60.0)
    async with local_server() as server, aiohttp.ClientSession() as http, asyncio.timeout(TIMEOUT):
        async with http.ws_connect(f"{server.base_url}/realtime?model=local") as line:
            content = [{"type": "input_text", "text": "Tell me a long story."}]
            item = {"type": "message", "role": "user", "content": content}
            await line.send_json({"type": "conversation.item.create", "item": item})
            await line.send_json({"type": "response.create"})
            came: list[tuple[float, float]] = []
            while (event := await line.receive_json())["type"] != "response.done":
                if event["type"] == "response.output_audio.delta":
                    came.append((time.monotonic(), len(base64.b64decode(event["delta"])) / 48_000))
    bursts = [[came[0]]]
    for before, one in itertools.pairwise(came):
        bursts.append([one]) if one[0] - before[0] > 0.01 else bursts[-1].append(one)
    assert len(bursts) > 4
    made_before_the_last = sum(seconds for burst in bursts[:-1] for _, seconds in burst)
    assert came[-1][0] - came[0][0] >= 0.8 * made_before_the_last / 60.0


async def test_over_webrtc_an_answer_is_made_at_the_pace_of_the_service_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicechat.local_server.session.PACE", 60.0)
    async with local_server() as server, realtime_call(server.base_url) as call:
        content = [{"type": "input_text", "text": "Tell me a long story."}]
        call.send(type="conversation.item.create", item={"type": "message", "role": "user", "content": content})
        call.send(type="response.create")
        await call.until("response.done")
        assert not call.find("output_audio_buffer.stopped")
    deltas = [(at, event) for at, event in call.events if event["type"] == "response.output_audio_transcript.delta"]
    seconds = 0.05 * sum(len(str(event["delta"])) for _, event in deltas)
    assert deltas[-1][0] - deltas[0][0] >= 0.7 * seconds / 60.0 > 0.5


@each("dialect, before", [("ga", "response.done"), ("beta", "response.created")])
async def test_rate_limits_come_where_recorded_sessions_of_the_dialect_have_them(dialect: str, before: str) -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{server.base_url}/realtime?dialect={dialect}") as socket:
            await socket.send_json({"type": "conversation.item.create", "item": USER})
            await socket.send_json({"type": "response.create"})
            kinds = [event["type"] for event in await received(socket, "rate_limits.updated")]
    assert kinds[-2:] == [before, "rate_limits.updated"]


async def secret_for(http: aiohttp.ClientSession, base_url: str, **body: object) -> dict[str, Any]:
    async with http.post(f"{base_url}/realtime/client_secrets", json=body) as reply:
        told: dict[str, Any] = await reply.json()
        assert reply.status == 200, told
        return told


@pytest.mark.parametrize("by", ["header", "subprotocol"])
async def test_an_ephemeral_keys_session_is_kept_over_websocket(by: str) -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        key = (await secret_for(http, server.base_url, session={"type": "transcription"}))["value"]
        headers = {"Authorization": f"Bearer {key}"} if by == "header" else {}
        protocols = () if by == "header" else ("realtime", f"openai-insecure-api-key.{key}")
        url = f"{server.base_url}/realtime"
        async with http.ws_connect(url, headers=headers, protocols=protocols) as socket:
            created = (await received(socket, "session.created"))[-1]
    assert created["session"]["type"] == "transcription"


async def test_an_ephemeral_key_that_was_made_up_or_has_expired_is_refused() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        life = {"anchor": "created_at", "seconds": 10}
        secret = await secret_for(http, server.base_url, session={"type": "realtime"}, expires_after=life)
        assert 0 < secret["expires_at"] - time.time() <= 10
        server.house._tokens[secret["value"]] = ({}, time.time() - 1)
        for key in (secret["value"], "ek_made_up"):
            headers = {"Authorization": f"Bearer {key}"}
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(f"{server.base_url}/realtime", headers=headers)
            assert refused.value.status == 401
            headers["Content-Type"] = "application/sdp"
            async with http.post(f"{server.base_url}/realtime/calls", data=b"v=0", headers=headers) as reply:
                assert reply.status == 401 and (await reply.json())["error"]["code"] == "invalid_api_key"
        too_long = {"expires_after": {"anchor": "created_at", "seconds": 9}}
        async with http.post(f"{server.base_url}/realtime/client_secrets", json=too_long) as reply:
            assert reply.status == 400 and (await reply.json())["error"]["param"] == "expires_after.seconds"


async def test_a_minimal_session_of_a_multipart_offer_does_not_replace_the_keys() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        session = {"type": "realtime", "instructions": "Be kind."}
        key = (await secret_for(http, server.base_url, session=session))["value"]
        call = RealtimeCall(server.base_url)
        form = aiohttp.FormData()
        form.add_field("sdp", await call.peer.offer(), content_type="application/sdp")
        form.add_field("session", '{"type": "realtime", "model": "any"}', content_type="application/json")
        headers = {"Authorization": f"Bearer {key}"}
        async with http.post(f"{server.base_url}/realtime/calls", data=form, headers=headers) as reply:
            await call.peer.accept_answer(await reply.text())
        created: Any = await call.until("session.created")
        assert created["session"]["instructions"] == "Be kind."
        await call.peer.close()


async def test_a_full_server_says_when_to_ask_again() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http, AsyncExitStack() as closing:
        url = f"{server.base_url}/realtime"
        for _ in range(MOST_SESSIONS):
            await closing.enter_async_context(http.ws_connect(url))
        with pytest.raises(aiohttp.WSServerHandshakeError) as full:
            await http.ws_connect(url)
        assert full.value.status == 503 and full.value.headers is not None
        assert int(full.value.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1//realtime", "realtime"),
        ("/openai/v1/realtime", "realtime"),
        ("/v1/realtime?intent=transcription", "transcription"),
        ("/openai/realtime?api-version=2024-10-01-preview&deployment=mine", "beta"),
    ],
)
async def test_every_address_of_the_api_and_of_azure_opens_a_session(path: str, kind: str) -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        async with http.ws_connect(server.base_url.removesuffix("/v1") + path) as socket:
            session = (await received(socket, "session.created"))[-1]["session"]
    assert session.get("type", "beta") == kind
    assert kind != "beta" or session["model"] == "mine"


async def test_a_transcription_sessions_key_opens_a_transcription_session() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http:
        body = {"input_audio_format": "pcm16", "input_audio_transcription": {"model": "whisper-1"}}
        async with http.post(f"{server.base_url}/realtime/transcription_sessions", json=body) as reply:
            assert reply.status == 200
            key = (await reply.json())["client_secret"]["value"]
        headers = {"Authorization": f"Bearer {key}"}
        async with http.ws_connect(f"{server.base_url}/realtime", headers=headers) as socket:
            session = (await received(socket, "session.created"))[-1]["session"]
    assert session["type"] == "transcription"
    assert session["audio"]["input"]["transcription"]["model"] == "whisper-1"


async def test_a_sideband_sees_a_call_and_commands_it() -> None:
    async with local_server() as server, aiohttp.ClientSession() as http, realtime_call(server.base_url) as call:
        await call.until("session.created")
        (call_id,) = server.calls
        async with http.ws_connect(f"{server.base_url}/realtime?call_id={call_id}") as socket:
            await socket.send_json({"type": "session.update", "session": {"type": "realtime", "instructions": "Hm."}})
            updated = (await received(socket, "session.updated"))[-1]
            assert updated["session"]["instructions"] == "Hm."
            await call.until("session.updated")
        with pytest.raises(aiohttp.WSServerHandshakeError) as unknown:
            await http.ws_connect(f"{server.base_url}/realtime?call_id=rtc_nobody")
        assert unknown.value.status == 404

"""Handshake x dialect x transport, against scripted services that refuse as services in the wild do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine.caller import calling
from tests.support.service import ALL, PAGE, DialectName, ScriptedService, key_of, step_of
from voicechat.config.service_memory import Known, ServiceMemory

ABSENT = (404, "")


@pytest.mark.parametrize("dialect", ["ga", "beta"])
@pytest.mark.parametrize("handshake", ["multipart", "sdp", "client_secret", "sessions"])
async def test_every_handshake_leads_to_a_configured_session_in_either_dialect(
    tmp_path: Path, handshake: str, dialect: DialectName
) -> None:
    service = ScriptedService(takes=frozenset({handshake}), dialect=dialect, needs_key="sk-long-lived")
    async with service.serving() as url, calling(url, tmp_path, key="sk-long-lived", handshake=handshake) as caller:
        await caller.configured()
        state = caller.session.state
        assert (state.connection.transport, state.connection.handshake) == ("WebRTC", handshake)
        assert state.configuration.dialect == dialect
    offered = [seen for seen in service.seen if seen.path.endswith(("/calls", "/realtime"))]
    minted = handshake in ("client_secret", "sessions")
    assert key_of(offered[0]) == ("ek_minted" if minted else "sk-long-lived")
    assert set(service.steps) == {handshake}


@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_a_websocket_that_was_chosen_is_configured_in_either_dialect(
    tmp_path: Path, dialect: DialectName
) -> None:
    service = ScriptedService(takes=frozenset({"websocket"}), dialect=dialect)
    async with service.serving() as url, calling(url, tmp_path, transport="websocket") as caller:
        await caller.configured()
        assert caller.session.state.connection.transport == "WebSocket"
        assert caller.session.state.configuration.dialect == dialect
    assert set(service.steps) == {"websocket"}


@pytest.mark.parametrize("dialect", ["ga", "beta"])
@pytest.mark.parametrize(
    ("takes", "refusals", "steps"),
    [
        (ALL, {}, ["multipart"]),
        ({"sdp", "websocket"}, {"multipart": (415, "application/sdp only")}, ["multipart", "sdp"]),
        ({"sdp"}, {"multipart": (422, '{"detail": [{"msg": "Field required"}]}')}, ["multipart", "sdp"]),
        ({"sdp"}, {"multipart": (500, "Internal Server Error")}, ["multipart", "sdp"]),
        ({"sessions"}, {}, ["multipart", "sdp", "sessions", "sessions"]),
        ({"sessions"}, {"multipart": (405, ""), "sdp": (200, PAGE)}, ["multipart", "sdp", "sessions", "sessions"]),
        ({"websocket"}, {}, ["multipart", "sdp", "sessions", "sessions", "websocket"]),
    ],
)
async def test_an_unknown_server_at_a_bare_address_is_found_out(
    tmp_path: Path, takes: set[str], refusals: dict[str, tuple[int, str]], steps: list[str], dialect: DialectName
) -> None:
    service = ScriptedService(takes=frozenset(takes), refusals=refusals, dialect=dialect)
    async with service.serving() as url:
        async with calling(url, tmp_path) as caller:
            await caller.configured()
            assert caller.session.state.configuration.dialect == dialect
        assert service.steps == steps
        service.steps.clear()
        async with calling(url, tmp_path) as caller:
            await caller.configured()
        assert set(service.steps) == {steps[-1]}, "what worked is tried first the next time"
        known = ServiceMemory(tmp_path / "services.json").known(url)
        assert known.dialect == dialect
        assert known.transport == ("websocket" if steps[-1] == "websocket" else "webrtc")


@pytest.mark.parametrize(
    ("provider", "dialect", "path", "says"),
    [
        ("xai", "xai", "/v1/realtime", {"voice": "eve"}),
        ("azure-voice-live", "beta", "/voice-live/realtime", {"input_audio_format": None}),
        ("glm", "beta", "/v1/realtime", {"input_audio_format": "pcm16"}),
        ("dashscope-intl", "beta", "/v1/realtime", {"modalities": ["text", "audio"]}),
    ],
)
async def test_a_preset_calls_a_service_that_is_nearly_openais_as_it_wants_to_be_called(
    tmp_path: Path, provider: str, dialect: DialectName, path: str, says: dict[str, object]
) -> None:
    service = ScriptedService(takes=frozenset({"websocket"}), dialect=dialect, needs_key="k")
    async with service.serving() as url, calling(url, tmp_path, provider=provider, key="k") as caller:
        await caller.configured()
        assert caller.session.state.configuration.refused == ()
        assert caller.notices() == []
    assert [seen.path for seen in service.seen] == [path]
    (update,) = [event for event in service.events if event["type"] == "session.update"]
    assert {name: update["session"].get(name) for name in says} == says
    assert "turn_detection" in update["session"]


async def test_words_that_are_sent_whole_each_time_take_the_place_of_those_before(tmp_path: Path) -> None:
    transcription = "conversation.item.input_audio_transcription"
    service = ScriptedService(takes=frozenset({"websocket"}), dialect="xai")
    async with service.serving() as url, calling(url, tmp_path, provider="xai", key="k") as caller:
        await caller.configured()

        async def hears(kind: str, words: str) -> None:
            event = {"type": f"{transcription}.{kind}", "item_id": "item_1", "transcript": words}
            await service.socket.send_str(json.dumps(event))
            await caller.until(lambda: [turn.text for turn in caller.session.state.conversation.turns] == [words])

        await service.socket.send_str(json.dumps({"type": "ping", "event_id": "p"}))
        started = {"type": "input_audio_buffer.speech_started", "item_id": "item_1", "audio_start_ms": 0}
        await service.socket.send_str(json.dumps(started))
        await hears("updated", "Two")
        await hears("updated", "Too plus two")
        assert not caller.session.state.conversation.turns[0].final
        await hears("completed", "Two plus two.")
        assert caller.session.state.conversation.turns[0].final


async def test_what_is_remembered_and_refused_is_forgotten(tmp_path: Path) -> None:
    service = ScriptedService(takes=frozenset({"multipart"}))
    async with service.serving() as url:
        ServiceMemory(tmp_path / "services.json").remember(url, Known("sessions", "websocket", "beta"))
        async with calling(url, tmp_path) as caller:
            await caller.configured()
        assert service.steps == ["websocket", "multipart"]
        known = ServiceMemory(tmp_path / "services.json").known(url)
        assert known == Known("multipart", "webrtc", "ga")


async def test_a_service_that_refuses_everything_is_named_with_every_step_in_one_sentence(tmp_path: Path) -> None:
    service = ScriptedService(takes=frozenset(), refusals={"multipart": (415, ""), "sdp": (200, PAGE)})
    async with service.serving() as url, calling(url, tmp_path) as caller:
        said = await caller.refused()
    for part in (
        "multipart to /v1/realtime/calls got 415",
        "SDP to /v1/realtime/calls got a web page (200)",
        "sessions and SDP to /v1/realtime got 404",
        "WebSocket: ",
        "(404)",
    ):
        assert part in said, said
    assert "\n" not in said and ". " not in said.split(" · ")[0]


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, {"error": {"code": "invalid_api_key", "message": "no"}}, "needs a key, and none is set"),
        (403, {"error": {"message": "no"}}, "does not allow this"),
        (404, {"error": {"code": "model_not_found", "message": "no model m"}}, "no model m"),
    ],
)
async def test_a_refusal_that_is_not_about_the_handshake_ends_the_search(
    tmp_path: Path, status: int, body: dict[str, object], says: str
) -> None:
    service = ScriptedService(takes=frozenset(), refusals={"multipart": (status, json.dumps(body))})
    async with service.serving() as url, calling(url, tmp_path) as caller:
        said = await caller.refused()
    assert says in said and "multipart to /v1/realtime/calls" in said
    assert service.steps == ["multipart"]


async def test_a_busy_service_is_not_asked_in_every_style(tmp_path: Path) -> None:
    service = ScriptedService(takes=frozenset(), refusals={"multipart": (429, "")})
    async with service.serving() as url, calling(url, tmp_path) as caller:
        await caller.until(lambda: caller.session.state.connection.failures > 1)
        assert set(service.steps) == {"multipart"}


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
async def test_a_beta_header_that_was_retired_is_left_out_and_ga_is_spoken(tmp_path: Path, transport: str) -> None:
    service = ScriptedService(beta_is_off=True, dialect="ga")
    async with (
        service.serving() as url,
        calling(url, tmp_path, provider="newapi", key="k", transport=transport) as caller,
    ):
        await caller.configured()
        assert caller.session.state.configuration.dialect == "ga"
    assert "openai-beta" in service.seen[0].headers
    assert "openai-beta" not in service.seen[-1].headers


async def test_a_service_that_never_says_which_dialect_is_told_apart_by_what_it_refuses(tmp_path: Path) -> None:
    service = ScriptedService(takes=frozenset({"sdp"}), dialect="beta", greets_vaguely=True)
    async with service.serving() as url, calling(url, tmp_path, handshake="sdp") as caller:
        await caller.until(lambda: caller.session.state.configuration.dialect_switched)
        await caller.configured()
        assert caller.session.state.configuration.dialect == "beta"
    updates = [event for event in service.events if event["type"] == "session.update"]
    assert len(updates) == 2 and "type" in updates[0]["session"] and "type" not in updates[1]["session"]


async def test_messages_that_come_in_base64_and_in_parts_are_understood(tmp_path: Path) -> None:
    service = ScriptedService(takes=frozenset({"sessions"}), dialect="beta", wraps=True)
    async with service.serving() as url:
        async with calling(f"{url}/v1", tmp_path, provider="speaches", model="m") as caller:
            await caller.configured()
            assert caller.session.state.configuration.effective["audio"]["output"]["voice"]
    assert [step_of(seen) for seen in service.seen] == ["sessions"]
    assert service.seen[0].query == {"model": "m"}


async def test_an_answer_in_json_and_a_service_without_hangup_are_taken(tmp_path: Path) -> None:
    service = ScriptedService(takes=frozenset({"multipart"}), answers_in_json=True)
    async with service.serving() as url, calling(url, tmp_path) as caller:
        await caller.configured()
        await caller.session.close()
        assert service.hung_up == ["POST /v1/realtime/calls/rtc_1/hangup", "DELETE /v1/realtime/calls/rtc_1"]


@pytest.mark.parametrize(
    ("style", "where"), [("bearer", "authorization"), ("api-key", "api-key"), ("query", "?api-key")]
)
@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
async def test_the_key_travels_as_the_service_wants_it(tmp_path: Path, style: str, where: str, transport: str) -> None:
    service = ScriptedService(needs_key="sk-long-lived")
    async with (
        service.serving() as url,
        calling(
            url,
            tmp_path,
            key="sk-long-lived",
            environ={"TEAM": "voice"},
            auth_style=style,
            transport=transport,
            headers={"X-Team": "env:TEAM"},
            query={"v": "1"},
        ) as caller,
    ):
        await caller.configured()
    seen = service.seen[0]
    places = [name for name in ("authorization", "api-key") if name in seen.headers]
    assert [*places, *(f"?{name}" for name in seen.query if name == "api-key")] == [where]
    assert seen.headers["x-team"] == "voice" and seen.query["v"] == "1"


async def test_a_header_in_a_refusal_never_reaches_the_screen(tmp_path: Path) -> None:
    service = ScriptedService(
        takes=frozenset(), refusals={"multipart": (403, '{"error": {"message": "X-Gate was s3cret-gate"}}')}
    )
    async with service.serving() as url, calling(url, tmp_path, headers={"X-Gate": "s3cret-gate"}) as caller:
        said = await caller.refused()
    assert "s3cret-gate" not in said and "[key]" in said


async def test_a_session_that_the_handshake_refuses_is_sent_when_the_line_is_up(tmp_path: Path) -> None:
    """R22 settles the field; the call is not lost for it."""
    service = ScriptedService(takes=frozenset({"multipart"}), refuses_session=True)
    async with service.serving() as url, calling(url, tmp_path) as caller:
        await caller.configured()
    _, taken = service.seen
    assert set(json.loads(taken.parts["session"][1])) == {"type", "model"}
    assert [event["type"] for event in service.events][:1] == ["session.update"]


async def test_retired_names_are_told_and_never_refused(tmp_path: Path) -> None:
    service = ScriptedService()
    async with (
        service.serving() as url,
        calling(url, tmp_path, provider="litellm", model="gpt-realtime") as caller,
    ):
        await caller.configured()
    assert any("gpt-realtime" in text and "2027-01-20" in text and "2.1" in text for text in caller.notices())

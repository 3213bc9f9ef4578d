"""`voicechat token-server` as whoever runs it meets it: where it is, what it refuses, what it never says."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.command import KEY, environ_for, started, voicechat
from tests.support.local_server import local_server
from tests.support.service import always, listening

ACCESS = "access-0123456789abcdef"


@asynccontextmanager
async def serving(*arguments: str, environ: Mapping[str, str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The command while it runs, and the address it printed."""
    async with started("token-server", "--port", "0", *arguments, environ=environ, forked=True) as process:
        assert process.stdout is not None and process.stderr is not None
        address = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        assert address, (await process.stderr.read()).decode()
        yield process, address


async def get(url: str, **headers: str) -> tuple[int, dict[str, object]]:
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as response:
        return response.status, await response.json()


async def test_it_prints_its_address_gives_tokens_and_ends_cleanly(tmp_path: Path) -> None:
    async with local_server() as upstream:
        environ = environ_for(tmp_path)
        async with serving("--base-url", upstream.base_url, environ=environ) as (process, address):
            status, body = await get(address)
            process.send_signal(signal.SIGUSR1)
            process.send_signal(signal.SIGTERM)
            out, err = await asyncio.wait_for(process.communicate(), 20)
    assert address.startswith("http://127.0.0.1:") and address.endswith("/session")
    assert status == 200 and str(body["value"]).startswith("ek_") and out == b""
    said = err.decode()
    assert process.returncode == 0 and "minted 1" in said and "Traceback" not in said
    assert KEY not in said and str(body["value"]) not in said


async def test_a_beta_service_is_asked_for_a_beta_token(tmp_path: Path) -> None:
    handler, seen = always(200, json.dumps({"client_secret": {"value": "ek_b", "expires_at": int(time.time()) + 60}}))
    async with listening(handler) as url:
        environ = environ_for(tmp_path)
        async with serving("--base-url", url, "--handshake", "sessions", environ=environ) as (_, address):
            _, body = await get(address)
    assert seen[0].path == "/v1/realtime/sessions" and body["value"] == "ek_b"


async def test_the_model_and_what_was_wished_travel_in_the_token(tmp_path: Path) -> None:
    handler, seen = always(200, json.dumps({"value": "ek_1"}))
    async with listening(handler) as url:
        flags = ("--base-url", url, "--model", "mine", "--voice", "ash", "--life", "300")
        async with serving(*flags, environ=environ_for(tmp_path)) as (_, address):
            await get(address)
    assert json.loads(seen[0].body) == {
        "session": {"type": "realtime", "model": "mine", "audio": {"output": {"voice": "ash"}}},
        "expires_after": {"anchor": "created_at", "seconds": 300},
    }


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (("--host", "0.0.0.0"), {}, "needs an access token"),
        (("--host", "::"), {}, "needs an access token"),
        (("--behind-proxy", "127.0.0.1"), {}, "needs an access token"),
        (("--behind-proxy", "everybody"), {"VOICECHAT_TOKEN_ACCESS": ACCESS}, "is no address"),
        (("--host", "0.0.0.0"), {"VOICECHAT_TOKEN_ACCESS": "short"}, "too short"),
        (("--origin", "*"), {}, "no origin"),
        ((), {"VOICECHAT_API_KEY": ""}, "needs the API key"),
    ],
)
async def test_what_would_not_be_safe_is_refused_before_anything_listens(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], says: str
) -> None:
    environ = environ_for(tmp_path, **variables)
    ran = await voicechat(
        "token-server", "--port", "0", "--base-url", "http://127.0.0.1:9", *arguments, environ=environ
    )
    assert ran.code == 2 and says in ran.err and ran.out == "" and KEY not in ran.err


async def test_the_local_server_has_no_keys_to_give(tmp_path: Path) -> None:
    ran = await voicechat("token-server", environ=environ_for(tmp_path))
    assert ran.code == 2 and "--provider openai" in ran.err


async def test_a_taken_port_is_one_sentence_with_the_next_step(tmp_path: Path) -> None:
    handler, _ = always()
    async with listening(handler) as url:
        port = url.rpartition(":")[2]
        ran = await voicechat("token-server", "--port", port, "--base-url", url, environ=environ_for(tmp_path))
    assert ran.code == 3 and "--port 0" in ran.err and "Traceback" not in ran.err


async def test_an_offer_for_gpt_live_is_passed_on_with_the_session_of_the_owner(tmp_path: Path) -> None:
    answer = {"session": {"id": "live_1"}, "transport": {"type": "webrtc", "sdp": "v=0\r\nanswer"}}
    handler, seen = always(201, json.dumps(answer))
    said: list[dict[str, object]] = [
        {"type": "message", "role": role, "content": []} for role in ("developer", "user", "assistant")
    ]
    asked = {"session": {"model": "dear", "instructions": "Mine.", "input": said}}
    offer = asked | {"transport": {"type": "webrtc", "sdp": "v=0\r\noffer"}}
    flags = ("--model", "gpt-live-1", "--voice", "marin", "--instructions", "The owner's.")
    async with listening(handler) as url, aiohttp.ClientSession() as http:
        async with serving("--base-url", url, *flags, environ=environ_for(tmp_path)) as (_, address):
            async with http.post(address, json=offer) as passed:
                got = passed.status, await passed.json()
            status, body = await get(address)
    (sent,) = seen
    session = json.loads(sent.body)["session"]
    assert got == (201, answer) and sent.path == "/v1/live/sessions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(sent.body)["transport"] == offer["transport"]
    assert (session["model"], session["instructions"]) == ("gpt-live-1", "The owner's.")
    assert [one["role"] for one in session["input"]] == ["user", "assistant"], "what a developer says is the owner's"
    allowed = session["client"]["data_channel"]["allowed_client_events"]
    assert "session.instructions.append" in allowed and "session.update" not in allowed
    assert (status, body["error"]) == (400, "no_tokens")


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"transport": {"type": "webrtc", "sdp": 1}}', "[" * 9_000])
async def test_what_is_no_offer_for_gpt_live_is_refused_and_never_passed_on(tmp_path: Path, body: str) -> None:
    handler, seen = always(201)
    async with listening(handler) as url, aiohttp.ClientSession() as http:
        async with serving("--base-url", url, "--model", "gpt-live-1", environ=environ_for(tmp_path)) as (_, address):
            async with http.post(address, data=body) as refused:
                said = await refused.json()
    assert (refused.status, said["error"], seen) == (400, "bad_request", [])


async def test_gpt_live_over_a_websocket_has_no_short_lived_key(tmp_path: Path) -> None:
    client = environ_for(tmp_path, VOICECHAT_API_KEY="")
    line = ("--transport", "websocket", "--token-url", "http://127.0.0.1:9/session", "--base-url", "http://127.0.0.1:9")
    ran = await voicechat("run", "--model", "gpt-live-1", *line, "--speaker", "none", "--text", "hi", environ=client)
    assert ran.code == 2 and "choose webrtc" in ran.err


@pytest.mark.parametrize(
    ("transport", "model"), [("webrtc", "gpt-realtime"), ("websocket", "gpt-realtime"), ("webrtc", "local-live")]
)
async def test_a_client_without_a_key_talks_through_it(tmp_path: Path, transport: str, model: str) -> None:
    async with local_server() as upstream:
        access = {"VOICECHAT_TOKEN_ACCESS": ACCESS}
        theirs = ("--base-url", upstream.base_url, "--model", model)
        async with serving(*theirs, environ=environ_for(tmp_path, **access)) as (_, address):
            client = environ_for(tmp_path, VOICECHAT_API_KEY="", **access)
            flags = (*theirs, "--token-url", address, "--speaker", "none", "--transport", transport)
            ran = await voicechat("run", *flags, "--text", "What is twelve times seven?", "--json", environ=client)
            wrong = await voicechat("run", *flags, "--text", "hi", environ=environ_for(tmp_path, VOICECHAT_API_KEY=""))
    assert ran.code == 0, ran.err
    assert any("84" in text or "eighty-four" in text for who, text in ran.said if who == "assistant")
    assert wrong.code == 3 and "VOICECHAT_TOKEN_ACCESS" in wrong.err

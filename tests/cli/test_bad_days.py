"""A bad day is one sentence with the next step, its own exit status, in time, and never a traceback or the key."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.command import KEY, Ran, ended, environ_for, logs_of, started, voicechat
from tests.support.local_server import local_server
from tests.support.peers import side, silence
from tests.support.processes import children_of
from tests.support.service import Handler, SocketServer, always, listening, read
from voicechat.exit_codes import AUDIO, CONNECTION, DONE, ENGINE_DIED, FAILED_TURN, USAGE

HI = ("--text", "hi", "--speaker", "none", "--json")
QUESTION = f'{{"error": {{"message": "Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}}}'


async def bad_day(folder: Path, code: int, says: str, *arguments: str, **variables: str) -> Ran:
    """Run a command that must fail, and hold it to everything that a failure promises."""
    ran = await voicechat("run", *arguments, environ=environ_for(folder, **variables))
    assert ran.code == code, ran.err
    sentences = [line for line in ran.err.splitlines() if line.startswith("voicechat: ")]
    assert len(sentences) == 1, ran.err
    assert says in ran.err
    assert " · " in ran.err or "\n  " in ran.err, "there is no next step"
    assert "Traceback" not in ran.err + logs_of(folder)
    assert KEY not in ran.out + ran.err + logs_of(folder)
    if "--json" in arguments:
        assert set(ran.summary) >= {"turns", "completed", "transcript", "latencies_ms", "problems"}
        assert len(ran.summary["problems"]) == 1
        assert ran.summary["completed"] == 0
    return ran


# the service says no, or something else altogether
@pytest.mark.parametrize(
    ("status", "body", "headers", "says"),
    [
        (401, QUESTION, {}, "did not accept the key (401)"),
        (403, "", {}, "does not allow this with this key (403)"),
        (404, '{"detail": "Not Found"}', {}, "no such address or model (404)"),
        (429, "", {"Retry_After": "7"}, "wait 7 s"),
        (500, "oops", {}, "has an internal error (500): oops"),
        (200, "<!doctype html><title>Log in</title>", {"Content_Type": "text/html"}, "a web page"),
        (200, '{"id": "sess_1"}', {"Content_Type": "application/json"}, "got 200 without a session description"),
        (201, "v=0 this is no session description", {}, "session description"),
    ],
    ids=["401", "403", "404", "429", "500", "html", "json", "bad-sdp"],
)
async def test_a_refusal_is_told_in_the_words_of_its_cause(
    tmp_path: Path, status: int, body: str, headers: dict[str, str], says: str
) -> None:
    handler, seen = always(status, body, **headers)
    async with listening(handler) as url:
        await bad_day(tmp_path, CONNECTION, says, *HI, "--base-url", url)
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"


def never() -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    return handler


async def test_a_server_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    async with listening(never()) as url:
        says = "did not answer in time (1 s)"
        await bad_day(tmp_path, CONNECTION, says, *HI, "--base-url", url, VOICECHAT_CONNECT_TIMEOUT="1")


async def test_the_timeout_of_the_run_ends_it_before_the_connection_gives_up(tmp_path: Path) -> None:
    async with listening(never()) as url:
        await bad_day(tmp_path, CONNECTION, "gave up after 1 s", *HI, "--base-url", url, "--timeout", "1")


async def test_an_answer_behind_which_nobody_is_names_the_firewall(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        call = side("server", silence)
        answer = await call.peer.answer((await read(request)).parts["sdp"][1])
        await call.peer.close()
        return web.Response(status=201, text=answer, content_type="application/sdp")

    async with listening(handler) as url:
        await bad_day(tmp_path, CONNECTION, "firewall", *HI, "--base-url", url, VOICECHAT_CONNECT_TIMEOUT="1")


# there is nobody
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://nowhere.invalid/v1", "cannot be found"),
        ("https://127.0.0.1:{closed}/v1", "nothing listens"),
        ("http://192.0.2.1/v1", "will not be sent"),
        ("ftp://example.invalid", "cannot be understood"),
    ],
    ids=["name", "refused", "plain-http", "scheme"],
)
async def test_an_address_that_leads_nowhere(tmp_path: Path, url: str, says: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        address = url.format(closed=probe.getsockname()[1])
        await bad_day(tmp_path, CONNECTION, says, *HI, "--base-url", address)


# sound
async def test_a_sound_file_that_cannot_be_used_costs_no_call(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is not sound")
    handler, seen = always()
    async with listening(handler) as url:
        wishes = [
            ("not a usable WAV", "--mic", str(tmp_path / "text.wav"), "--speaker", "none"),
            ("cannot read missing.wav", "--mic", str(tmp_path / "missing.wav"), "--speaker", "none"),
            ("cannot write out.wav", "--text", "hi", "--speaker", str(tmp_path / "nowhere" / "out.wav")),
        ]
        for says, *wish in wishes:
            await bad_day(tmp_path, AUDIO, says, *wish, "--base-url", url, "--json")
    assert not seen


async def test_a_microphone_that_is_not_there_ends_a_run_that_needs_one(tmp_path: Path) -> None:
    async with listening(never()) as url:
        wish = ("--mic", "Yeti Nano 4711", "--speaker", "none")
        ran = await bad_day(tmp_path, AUDIO, "", *wish, "--base-url", url, "--json")
    assert "microphone" in ran.err or "PortAudio" in ran.err


# settings
@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (("--preset", "fancy", *HI), {}, "--preset cannot be 'fancy'"),
        (HI, {"VOICECHAT_CONNECT_TIMEOUT": "soon"}, "VOICECHAT_CONNECT_TIMEOUT=soon is not a number"),
        (("--config", "{folder}/broken.toml", *HI), {}, "is not valid TOML"),
        (("--session", "{folder}/broken.json", *HI), {}, "broken.json, line 1"),
        (("--provider", "openai", *HI), {"VOICECHAT_API_KEY": ""}, "needs an API key"),
        (("--base-url", "http://[", *HI), {}, "--base-url is no address: 'http://['"),
        (("--mic", "none", "--json"), {}, "nothing to say"),
    ],
)
async def test_a_wrong_setting_is_refused_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], says: str
) -> None:
    (tmp_path / "broken.toml").write_text('preset = "quick\n')
    (tmp_path / "broken.json").write_text("{voice: 1}")
    filled = [argument.format(folder=tmp_path) if "{" in argument else argument for argument in arguments]
    await bad_day(tmp_path, USAGE, says, *filled, **variables)
    assert not (tmp_path / "state" / "engine.log").exists()


async def test_an_option_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    ran = await bad_day(tmp_path, USAGE, "No such option", "--voize", "marin")
    assert ran.out == ""


async def test_without_the_offline_engine_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text("import sys\nsys.modules['hibari'] = None\n")
    path = os.pathsep.join([str(tmp_path / "lib"), environ_for(tmp_path)["PYTHONPATH"]])
    await bad_day(tmp_path, USAGE, 'pip install ".[local]"', *HI, PYTHONPATH=path)


# trouble in the middle
async def test_an_answer_that_fails_fails_the_run_with_the_server_s_reason(tmp_path: Path) -> None:
    async with local_server(fault="fails-responses") as server:
        await bad_day(tmp_path, FAILED_TURN, "the answer failed: ", *HI, "--base-url", server.base_url)


async def against(tmp_path: Path, exit_code: int, *events: dict[str, Any]) -> str:
    """What a run prints as its problems when a service says this upon `response.create`."""
    server = SocketServer()

    async def answer() -> None:
        while True:
            kind = json.loads(await server.texts.get())["type"]
            if kind == "session.update":
                await server.say(json.dumps({"type": "session.updated", "session": {"id": "sess_1"}}))
            elif kind == "response.create":
                await server.say(*(json.dumps(event) for event in events))

    async with server.serving() as url:
        answering = asyncio.create_task(answer())
        ran = await voicechat("run", *HI, "--transport", "websocket", "--base-url", url, environ=environ_for(tmp_path))
        answering.cancel()
    assert ran.code == exit_code, ran.err
    return "\n".join(ran.summary["problems"])


async def test_an_answer_that_fails_for_quota_names_the_bill_and_not_another_try(tmp_path: Path) -> None:
    error = {"code": "insufficient_quota", "message": "You exceeded your current quota."}
    failed = {"id": "r1", "status": "failed", "status_details": {"type": "failed", "error": error}}
    begun = {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}}
    said = await against(tmp_path, FAILED_TURN, begun, {"type": "response.done", "response": failed})
    assert "the answer failed: You exceeded your current quota." in said
    assert "billing page" in said and "ask again" not in said


async def test_a_transcription_that_fails_is_named_and_is_no_failed_answer(tmp_path: Path) -> None:
    said = await against(
        tmp_path,
        DONE,
        {"type": "input_audio_buffer.committed", "item_id": "item_u"},
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": "item_u",
            "content_index": 0,
            "error": {"code": "model_missing", "message": "No such transcription engine."},
        },
        {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}},
        {"type": "response.output_audio_transcript.delta", "response_id": "r1", "item_id": "item_a", "delta": "Hello."},
        {"type": "response.done", "response": {"id": "r1", "status": "completed"}},
    )
    assert "the transcription of what you said failed: No such transcription engine." in said
    assert "the answer failed" not in said and "ask again" not in said


async def test_a_message_that_the_service_refuses_fails_the_run_though_an_answer_came(tmp_path: Path) -> None:
    said = await against(
        tmp_path,
        FAILED_TURN,
        {"type": "error", "error": {"code": "invalid_value", "message": "No.", "event_id": "msg_typed-1-1"}},
        {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}},
        {"type": "response.done", "response": {"id": "r1", "status": "completed"}},
    )
    assert "The service did not take your message: No." in said


async def test_a_line_that_breaks_is_a_connection_error(tmp_path: Path) -> None:
    async with local_server(fault="closes-after=0.5") as server:
        await bad_day(
            tmp_path, CONNECTION, "the connection was lost", *HI, "--turns", "9", "--base-url", server.base_url
        )


async def test_a_line_that_is_lost_ends_the_run_though_it_would_come_back(tmp_path: Path) -> None:
    async with local_server(fault="closes-after=0.4") as server:
        flags = (*HI, "--transport", "websocket", "--base-url", server.base_url)
        ran = await bad_day(tmp_path, CONNECTION, "the message was not answered; run it again", *flags)
    assert "the connection was lost" in ran.err


@pytest.mark.parametrize(
    ("fault", "says"), [("no-responses", "No answer came within 8 s."), ("no-response-done", "The answer stalled:")]
)
async def test_an_answer_that_does_not_come_ends_the_run_long_before_its_timeout(
    tmp_path: Path, fault: str, says: str
) -> None:
    async with local_server(fault=fault) as server:
        flags = (*HI, "--output", "text", "--timeout", "600", "--base-url", server.base_url)
        ran = await bad_day(tmp_path, FAILED_TURN, says, *flags)
    assert "Press r" not in ran.err + str(ran.summary)


async def test_a_message_that_is_none_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for text, says in (("x" * 32_001, "a message may have 32000 characters"), (" ", "--text is empty")):
        await bad_day(tmp_path, USAGE, says, "--text", text, "--json")
    assert not (tmp_path / "state" / "engine.log").exists()


async def test_run_without_arguments_says_at_once_what_it_does(tmp_path: Path) -> None:
    async with (
        listening(never()) as url,
        started("run", "--speaker", "none", "--base-url", url, environ=environ_for(tmp_path)) as process,
    ):
        assert process.stderr is not None
        first, second = [(await asyncio.wait_for(process.stderr.readline(), 30.0)).decode() for _ in range(2)]
    assert "Ctrl+C ends it" in first
    assert "listens to the microphone: 1 answer, 60 s at most" in second


async def test_an_engine_that_dies_is_named_with_its_cause(tmp_path: Path) -> None:
    async with listening(never()) as url:
        environ = environ_for(tmp_path)
        async with started("run", *HI, "--base-url", url, environ=environ) as process:
            assert process.stdout is not None
            first = await process.stdout.readline()
            for pid in children_of(process.pid):
                os.kill(pid, signal.SIGKILL)
            ran = await ended(process)
    assert b"connect.wanted" in first
    assert ran.code == ENGINE_DIED
    assert "the engine was killed by SIGKILL (signal 9)" in ran.err
    assert ran.summary["problems"]


# what was typed
ESCAPES = "\x1b]0;PWNED\x07\x1b[2J"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--mic", f"{ESCAPES}.wav"),
        ("run", "--text", "hi", "--tools", f"{ESCAPES}.py"),
        ("run", "--text", "hi", "--session", f"{ESCAPES}.json"),
        ("run", "--text", "hi", "--preset", ESCAPES),
        ("replay", ESCAPES),
        ("ctl", "--session", ESCAPES, "status"),
        ("report", "--out", f"/nowhere/{ESCAPES}"),
    ],
    ids=["mic", "tools", "session", "preset", "replay", "ctl", "report"],
)
async def test_escapes_in_an_argument_are_shown_and_not_obeyed(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = await voicechat(*arguments, environ=environ_for(tmp_path))
    assert ran.code and "\x1b" not in ran.err + ran.out and "\\x1b]0;PWNED" in ran.err

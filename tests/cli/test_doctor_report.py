"""`voicechat doctor` as a whole: what it finds, what it costs, and what can be pasted in public."""

from __future__ import annotations

import asyncio
import getpass
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.command import KEY, Ran, ended, environ_for, started, voicechat
from tests.support.processes import left_after, needs_proc
from tests.support.service import always, listening
from voicechat.cli import doctor_steps
from voicechat.cli.doctor_looks import Check, Redactor
from voicechat.cli.doctor_services import doubtful
from voicechat.cli.doctor_steps import Step, looked_at
from voicechat.local_server.speech import engine_is_missing


async def doctor(folder: Path, *arguments: str, **variables: str) -> tuple[Ran, dict[str, list[dict[str, str]]]]:
    """(what ran, rows by section) of `doctor --json`."""
    ran = await voicechat("doctor", *arguments, "--json", environ=environ_for(folder, **variables))
    return ran, by_section(ran)


def by_section(ran: Ran) -> dict[str, list[dict[str, str]]]:
    assert "Traceback" not in ran.err, ran.err
    found: dict[str, list[dict[str, str]]] = {}
    for row in json.loads(ran.out)["checks"]:
        found.setdefault(row["section"], []).append(row)
    return found


def row(rows: dict[str, list[dict[str, str]]], section: str, name: str) -> dict[str, str]:
    return next(each for each in rows[section] if each["name"] == name)


@needs_proc
async def test_everything_is_looked_at_and_nothing_is_left_running(tmp_path: Path) -> None:
    async with started("doctor", "--json", environ=environ_for(tmp_path)) as process:
        rows = by_section(await ended(process))
    assert list(rows) == ["python", "config", "terminal", "engine", "sound", "key", "network", "service"]
    assert all(each["verdict"] in ("ok", "warn", "fail", "info") for section in rows.values() for each in section)
    assert all(each["cure"] for section in rows.values() for each in section if each["verdict"] == "fail")
    assert row(rows, "engine", "engine")["verdict"] == "ok"
    if not engine_is_missing():
        assert row(rows, "engine", "local server")["verdict"] == "ok"
    assert left_after(str(tmp_path)) == {}


async def test_one_section_can_be_looked_at_alone_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    ran, rows = await doctor(tmp_path, "python", "key")
    assert list(rows) == ["python", "key"] and ran.code == 0
    wrong = await voicechat("doctor", "moon", environ=environ_for(tmp_path))
    assert wrong.code == 2 and "network" in wrong.err


async def test_a_wrong_configuration_is_a_row_and_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('modle = "x"\nvolume = 99\n')
    ran, rows = await doctor(tmp_path, "config", "key")
    assert ran.code == 2
    bad = [each["text"] for each in rows["config"] if each["verdict"] == "fail"]
    assert len(bad) == 2 and ":1: modle" in bad[0] and ":2: volume" in bad[1]
    assert rows["key"][0]["verdict"] == "info"


@pytest.mark.parametrize(
    ("flags", "variables", "verdict", "says"),
    [
        (("--provider", "openai"), {"VOICECHAT_API_KEY": ""}, "fail", "none for OpenAI"),
        (("--provider", "openai"), {}, "ok", "found in VOICECHAT_API_KEY, 24 characters"),
        (("--provider", "openai"), {"VOICECHAT_API_KEY": "ek_0123456789abc"}, "warn", "short-lived"),
        (("--provider", "openai"), {"VOICECHAT_API_KEY": "0123456789abcdef"}, "warn", "begin with sk-"),
        (("--token-url", "http://127.0.0.1:9/session"), {}, "ok", "token server"),
        ((), {}, "info", "needs none"),
    ],
)
async def test_the_key_is_found_judged_and_never_printed(
    tmp_path: Path, flags: tuple[str, ...], variables: dict[str, str], verdict: str, says: str
) -> None:
    keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    ran, rows = await doctor(tmp_path, *flags, "key", **keyring, **variables)
    assert rows["key"][0]["verdict"] == verdict and says in rows["key"][0]["text"]
    assert ran.code == (2 if verdict == "fail" else 0)
    shown = variables.get("VOICECHAT_API_KEY") or KEY
    assert shown not in ran.out + ran.err


def test_what_is_no_key_is_doubted() -> None:
    assert doubtful("sk-proj-0123456789", "openai") == ""
    assert all(doubtful(key, "custom") for key in ("short", "with space in it!", "schlüssel-0123456789"))


async def test_a_service_that_listens_is_reached_and_one_that_does_not_is_named(tmp_path: Path) -> None:
    handler, seen = always(200, "")
    async with listening(handler) as url:
        ran, rows = await doctor(tmp_path, "--base-url", url, "network", "service")
        assert ran.code == 0 and row(rows, "network", "connection")["verdict"] == "ok"
        assert rows["service"][0]["verdict"] == "info" and "--online" in rows["service"][0]["text"]
    assert not seen, "nothing is asked of a service without --online"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ran, rows = await doctor(tmp_path, "--base-url", f"http://127.0.0.1:{port}", "network")
    assert ran.code == 3 and "nothing listens" in row(rows, "network", "connection")["text"]
    ran, rows = await doctor(tmp_path, "--base-url", "https://no-such-host.invalid", "network")
    assert ran.code == 3 and row(rows, "network", "name")["verdict"] == "fail"


async def test_plain_http_to_another_computer_and_a_proxy_are_told(tmp_path: Path) -> None:
    variables = {"http_proxy": "http://me:hidden-word@proxy.example:3128", "no_proxy": ""}
    _, rows = await doctor(tmp_path, "--base-url", "http://gateway.example/v1", "network", **variables)
    assert row(rows, "network", "encryption")["verdict"] == "fail"
    assert "WebSocket" in row(rows, "network", "proxy")["text"]
    assert "hidden-word" not in json.dumps(rows) and "gateway.example" not in json.dumps(rows)


@pytest.mark.parametrize(
    ("status", "body", "verdict", "says"),
    [
        (200, {"data": [{"id": "gpt-realtime-2.1"}]}, "ok", "has the model"),
        (200, {"data": [{"id": "gpt-realtime-mini"}]}, "warn", "not in its list"),
        (200, "<html>hello</html>", "warn", "not as a Realtime service"),
        (401, {"error": {"message": f"Incorrect API key {KEY}", "code": "invalid_api_key"}}, "fail", "key"),
        (503, {"error": {"message": "later"}}, "fail", "later"),
    ],
)
async def test_online_shows_the_key_to_the_service_by_something_free(
    tmp_path: Path, status: int, body: Any, verdict: str, says: str
) -> None:
    handler, seen = always(status, body if isinstance(body, str) else json.dumps(body))
    async with listening(handler) as url:
        ran, rows = await doctor(tmp_path, "--base-url", url, "--online", "service")
    assert (rows["service"][0]["verdict"], ran.code) == (verdict, 3 if verdict == "fail" else 0)
    assert says in rows["service"][0]["text"] and KEY not in ran.out
    assert [(one.method, one.path) for one in seen] == [("GET", "/v1/models")]
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"


async def test_where_no_models_are_listed_a_token_is_minted_instead(tmp_path: Path) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        return web.json_response({"value": "ek_1"}) if request.method == "POST" else web.Response(status=404)

    async with listening(handler) as url:
        _, rows = await doctor(tmp_path, "--base-url", url, "--online", "service")
    assert rows["service"][0]["verdict"] == "ok"
    assert asked == ["GET /v1/models", "POST /v1/realtime/client_secrets"]


async def test_a_report_can_be_pasted_in_public(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('model = "x"\n')
    private = {"HOME": str(tmp_path), "VOICECHAT_HEADERS": '{"X-Gate": "hidden-word-0123"}'}
    ran, _ = await doctor(tmp_path, "--base-url", "http://private-gateway.invalid:8080/hidden-word-0123", **private)
    assert str(tmp_path) not in ran.out and "~/config/config.toml" in ran.out
    for secret in (KEY, "hidden-word-0123", "private-gateway"):
        assert secret not in ran.out + ran.err
    host, user = socket.gethostname(), getpass.getuser()
    assert host.lower() in ("localhost", "local") or f"{host} " not in ran.out
    assert user == "root" or f"/{user}/" not in ran.out


def test_names_keys_and_passwords_are_hidden_and_ordinary_words_are_not() -> None:
    hide = Redactor(("s3cret-value",), "/home/anna", "anna", ("anna-laptop", "gate.example")).text
    assert hide("/home/anna/.config of Anna at anna-laptop") == "~/.config of [user] at [host]"
    assert hide("Anna's mic · annanas · GATE.example:8080") == "[user]'s mic · annanas · [host]:8080"
    assert (
        hide("key s3cret-value, sk-proj-abcdef123, turn:x, https://u:p@h/")
        == "key [key], [key], turn:x, https://[user]@h/"
    )
    assert Redactor(user="al", hosts=("pc", "localhost")).text("all is local on a pc") == "all is local on a pc"


def test_a_look_that_takes_long_is_told_and_a_short_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_steps, "PATIENCE", 0.01)
    told = threading.Event()

    class Narration(io.StringIO):
        def write(self, text: str) -> int:
            told.set()
            return super().write(text)

    def slow() -> list[Check]:
        assert told.wait(5)
        return [Check("a", "good", "b")]

    narration = Narration()
    assert looked_at(Step("x", "waiting for it", slow, 1), narration)[0].name == "a"
    assert narration.getvalue() == "waiting for it\n"
    monkeypatch.setattr(doctor_steps, "PATIENCE", 60.0)
    quick = Narration()
    looked_at(Step("x", "nothing", list, 1), quick)
    assert quick.getvalue() == ""


@pytest.mark.pty
@pytest.mark.parametrize(("answer", "verdict"), [(b"\x1b[?0u\x1b[?62c", "good"), (b"\x1b[?62c", "care"), (b"", "fact")])
def test_a_terminal_is_asked_whether_it_tells_the_end_of_a_key_press(answer: bytes, verdict: str) -> None:
    """The probe runs in a process of its own on a real pty; this side plays the terminal."""
    pty = pytest.importorskip("pty")  # not on Windows
    patience = 20.0 if answer else 0.2  # a machine that is busy with other tests answers late
    code = (
        f"from voicechat.cli import doctor_steps as machine; machine._ANSWER_WITHIN = {patience}; "
        "mark = machine._releases({'TERM': 'xterm-kitty'}).mark; print('\\nmark is', mark)"
    )
    master, slave = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name not in ("CI", "TMUX", "STY")}
    process = subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=environ)
    os.close(slave)
    said, ends = b"", time.monotonic() + 20
    try:
        while not said.partition(b"mark is")[2].endswith(b"\n") and time.monotonic() < ends:
            said += os.read(master, 1024)
            if b"\x1b[c" in said and answer:
                os.write(master, answer)
                answer = b""
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert f"mark is {verdict}".encode() in said.replace(b"\r", b"") and b"62c" not in said


async def test_an_engine_that_cannot_start_is_a_row_with_its_last_words(tmp_path: Path) -> None:
    environ = environ_for(tmp_path)
    code = (
        "import sys, voicechat.engine.host as host; "
        "from voicechat.cli import doctor_steps as doctor_engine; "
        "host.sys = type('S', (), {'executable': '/bin/false'}); "
        "print(doctor_engine.engine_checks({})[0])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert b"mark='bad'" in out and b"exit code 1" in out, err

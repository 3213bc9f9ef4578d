"""`voicechat debug`: one session for many commands, each a process of its own, against the real local server."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.debugged import PATIENCE, served
from tests.support.command import Ran, environ_for, voicechat
from tests.support.processes import is_running, needs_proc
from tests.support.speech import spoken
from tests.support.vaudio import until
from voicechat.cli import debug
from voicechat.engine.door import knock
from voicechat.exit_codes import CONNECTION, DONE, FAILED_TURN, USAGE
from voicechat.scripting.speech import write_wav

TOOLS = '''
def get_weather(city: str) -> dict:
    """The weather of a city."""
    return {"city": city, "temperature": 17}
'''


class Shell:
    """A shell with a service; every call is a new process."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.runtime = Path(tempfile.mkdtemp(prefix="vc", dir="/tmp"))  # a socket's path may have 107 characters
        self.runtime.chmod(0o700)
        self.environ = environ_for(folder, VOICECHAT_RUNTIME_DIR=str(self.runtime))
        self._service = ("--base-url", url, "--transport", "websocket")
        self.number = 0

    def __call__(self, *words: str) -> Ran:
        return asyncio.run(voicechat("debug", *words, environ=self.environ))

    def start(self, *flags: str) -> Ran:
        ran = self("start", *self._service, *flags)
        if ran.code == DONE:
            self.number = int(ran.out)
        return ran

    def ask(self, *words: str, code: int = DONE) -> dict[str, Any]:
        """The result of a command whose exit status is `code`."""
        ran = self(*words, "--json")
        assert ran.code == code, ran.out + ran.err
        result: dict[str, Any] = json.loads(ran.out)
        return result


@contextmanager
def shell(folder: Path, url: str, *flags: str) -> Iterator[Shell]:
    made = Shell(folder, url)
    try:
        assert made.start(*flags).err == ""
        yield made
    finally:
        made("stop")
        shutil.rmtree(made.runtime, ignore_errors=True)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def talk(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One session for all that leave it able to answer."""
    folder = tmp_path_factory.mktemp("debug")
    (folder / "tools.py").write_text(TOOLS)
    write_wav(folder / "question.wav", spoken(1.5, level=0.2), 48_000)
    with shell(folder, service, "--tools", str(folder / "tools.py")) as made:
        yield made


def test_say_returns_the_response_with_both_sides_and_its_times(talk: Shell) -> None:
    said = talk.ask("say", "What is twelve times seven?")
    assert said["outcome"] == "done" and said["session"] == talk.number
    assert [turn["who"] for turn in said["transcript"]] == ["you", "assistant"]
    assert "84" in said["transcript"][1]["text"]
    times = said["times"]
    assert 0 < times["first_text"] <= times["ended"] and 0 < times["first_sound"] <= times["response_done"] + 1
    assert said["findings"] == []


def test_a_session_survives_between_shells_and_tells_each_turn_once(talk: Shell) -> None:
    first, second = talk.ask("say", "What is two plus two?"), talk.ask("say", "What is three plus three?")
    assert first["session"] == second["session"] == talk.number
    assert [turn["text"] for turn in second["transcript"] if turn["who"] == "you"] == ["What is three plus three?"]
    assert first["event_range"][1] < second["event_range"][0] <= second["event_range"][1]
    assert talk.ask("hear", "--timeout", "0")["transcript"] == []


def test_a_recording_is_said_as_the_microphone_and_heard_by_the_service(talk: Shell) -> None:
    said = talk.ask("say", "--wav", str(talk.folder / "question.wav"))
    heard = said["transcript"][0]
    assert (heard["who"], "twelve times seven" in heard["text"]) == ("you", True)
    assert "84" in said["transcript"][-1]["text"]
    types = [event["type"] for event in talk.ask("events", "300")["events"]]
    assert "input_audio_buffer.speech_stopped" in types


def test_hear_goes_on_where_say_gave_up(talk: Shell) -> None:
    assert talk.ask("say", "What is nine times nine?", "--timeout", "0", code=FAILED_TURN)["outcome"] == "timeout"
    heard = talk.ask("hear")
    assert heard["outcome"] == "done"
    assert "81" in heard["transcript"][-1]["text"]


def test_events_are_the_last_ones_of_a_type_behind_a_number(talk: Shell) -> None:
    talk.ask("say", "What is one plus one?")
    rows = talk.ask("events", "2", "--type", "response.")["events"]
    assert [row["type"].startswith("response.") for row in rows] == [True, True]
    assert rows[-1]["event"]["type"] == "response.done"
    behind = talk.ask("events", "500", "--after", str(rows[0]["seq"]))["events"]
    assert min(row["seq"] for row in behind) == rows[0]["seq"] + 1
    lines = talk("events", "1", "--type", "response.done").out
    assert lines.count("\n") == 1 and "<- response.done" in lines


def test_a_field_is_set_refused_and_named_where_it_stands(talk: Shell) -> None:
    changed = talk.ask("set", "session.audio.output.speed", "1.2")
    assert (changed["outcome"], changed["in_force"]) == ("done", 1.2)
    wrong = talk.ask("set", "audio.output.speed", "9", code=FAILED_TURN)
    assert (wrong["outcome"], wrong["in_force"]) == ("refused", 1.2)
    assert "out of range" in wrong["reason"]
    assert "audio.output.voice" in talk.ask("set", "voice", "marin", code=USAGE)["reason"]


def test_why_names_the_field_that_repairs_an_answer_that_stopped_too_early(talk: Shell) -> None:
    talk.ask("set", "max_output_tokens", "2")
    failed = talk.ask("say", "Tell me who you are.", code=FAILED_TURN)
    assert failed["outcome"] == "failed"
    assert failed["findings"][0]["code"] == "response-incomplete"
    found = talk.ask("why", code=FAILED_TURN)
    repair = next(one for one in found["findings"] if one["code"] == "response-incomplete")["repair"]
    assert repair == [{"field": "max_output_tokens", "value": "inf"}]
    assert found["session_in_force"]["max_output_tokens"] == 2
    assert "repair: voicechat debug set max_output_tokens '\"inf\"'" in talk("why").out
    talk.ask("set", repair[0]["field"], json.dumps(repair[0]["value"]))
    assert talk.ask("say", "Tell me who you are.")["findings"] == []


def test_a_tool_of_the_model_waits_until_it_is_allowed_and_is_not_run_when_denied(talk: Shell) -> None:
    asked = talk.ask("say", "What is the weather in Paris?", code=FAILED_TURN)
    assert asked["outcome"] == "tool_waits"
    call = asked["waiting"][0]
    assert (call["name"], "Paris" in call["arguments"]) == ("get_weather", True)
    assert call["call_id"] in talk.ask("decide", "nonsense", "--deny", code=USAGE)["reason"]
    talk.ask("decide", call["call_id"], "--allow")
    heard = talk.ask("hear")
    assert [(tool["stage"], "17" in tool["result"]) for tool in heard["tools"]] == [("done", True)]
    assert "17" in heard["transcript"][-1]["text"]
    again = talk.ask("say", "What is the weather in Rome?", code=FAILED_TURN)["waiting"][0]
    talk.ask("decide", again["call_id"], "--deny", "--reason", "Not today.")
    denied = talk.ask("hear")["tools"][0]
    assert denied["stage"] == "failed" and "was not run. Not today." in denied["result"]


def test_what_is_no_request_is_refused_and_harms_nothing(talk: Shell) -> None:
    with knock(str(talk.runtime), talk.number) as door, door.makefile("r") as lines:
        for request in (
            "{",
            "[]",
            '{"verb": "say"}',
            '{"verb": "say", "text": " "}',
            '{"verb": "hear", "timeout": "x"}',
        ):
            door.sendall(f"debug {request}\n".encode())
            assert json.loads(lines.readline().removeprefix("ok "))["outcome"] == "usage"
    assert talk("say").code == talk("say", "hi", "--spoken", "hi").code == USAGE
    assert talk("say", "--wav", str(talk.folder / "tools.py")).code != DONE
    assert talk("why", "--session", "1").code == CONNECTION
    assert talk.ask("say", "What is two plus two?")["outcome"] == "done"


def test_a_client_that_leaves_while_it_waits_leaves_its_place(talk: Shell) -> None:
    for _ in range(20):
        with knock(str(talk.runtime), talk.number) as door:
            door.sendall(b'debug {"verb": "hear", "timeout": 600}\n')

    def is_served() -> bool:
        return talk("hear", "--timeout", "0").code == DONE

    until(is_served, PATIENCE, "the connections of clients that left are kept")


@needs_proc
def test_stop_ends_the_process_and_without_a_session_every_act_says_so(service: str, tmp_path: Path) -> None:
    with shell(tmp_path, service) as own:
        assert is_running(own.number)
        assert own("stop").code == DONE
        until(lambda: not is_running(own.number), PATIENCE, "the engine goes on")
        assert not list(own.runtime.glob("*.sock"))
        ran = own("say", "hello")
        assert (ran.code, ran.out) == (CONNECTION, "")
        assert "no debug session is running" in ran.err and "voicechat debug start" in ran.err


def test_two_sessions_are_told_apart_by_name(service: str, tmp_path: Path) -> None:
    with shell(tmp_path, service) as own:
        first = own.number
        own.start()
        ran = own("why")
        assert ran.code == USAGE and str(first) in ran.err and str(own.number) in ran.err
        assert own.ask("why", "--session", str(first))["session"] == first
        own("stop", "--session", str(first))


def test_a_service_that_refuses_ends_the_start_with_its_reason_and_no_engine(tmp_path: Path) -> None:
    with served(fault="unauthorised") as url:
        own = Shell(tmp_path, url)
        ran = own.start()
        assert ran.code == CONNECTION and ran.err.startswith("voicechat: ")
        assert not list(own.runtime.glob("*.sock"))
        shutil.rmtree(own.runtime)


@needs_proc
def test_a_session_that_is_forgotten_ends_by_itself(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Shell(tmp_path, service)
    for name, value in own.environ.items():
        monkeypatch.setenv(name, value)
    engine, _ = debug.begin({"base_url": service, "transport": "websocket"}, None, outlives=3.0)
    number = engine.pid
    engine.leave()
    until(lambda: not list(own.runtime.glob("*.sock")), PATIENCE, f"{number} goes on")
    shutil.rmtree(own.runtime)

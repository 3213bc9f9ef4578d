"""`voicechat run --script` in a process of its own: exit statuses, what is said where, and what Ctrl+C leaves."""

from __future__ import annotations

import json
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.support.command import ended, environ_for, started, voicechat
from tests.support.processes import left_after, needs_proc
from voicechat.exit_codes import AUDIO, CONNECTION, DONE, FAILED_TURN, INTERRUPTED, USAGE
from voicechat.local_server.speech import engine_is_missing

pytestmark = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")
STORY = '[[step]]\nlabel = "ask"\ntype = "Tell me a story."\nwait = "answer.audible"\n'


def written(folder: Path, text: str) -> str:
    path = folder / "talk.toml"
    path.write_text(text)
    return str(path)


async def test_script_example_is_printed_and_runs(tmp_path: Path, local_url: str) -> None:
    printed = await voicechat("run", "--script-example", environ=environ_for(tmp_path))
    assert (printed.code, printed.err) == (DONE, "")
    assert "--script-example" in (await voicechat("run", "--help", environ=environ_for(tmp_path))).out
    script = written(tmp_path, printed.out)
    ran = await voicechat("run", "--script", script, "--base-url", local_url, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    assert ", 0 failed, 0 skipped" in ran.err


async def test_a_failed_expectation_ends_it_with_evidence(tmp_path: Path, local_url: str) -> None:
    step = 'type = "What is two plus three?"\nwait = "answer.ended"\nexpect = { contains = "elephant", within = 0.2 }'
    script, junit = written(tmp_path, f"[[step]]\n{step}\n[[step]]\nstop = true"), tmp_path / "junit.xml"
    flags = ("--script", script, "--base-url", local_url, "--junit", str(junit))
    ran = await voicechat("run", *flags, environ=environ_for(tmp_path))
    assert ran.code == FAILED_TURN
    assert ran.out.splitlines()[0] == "you: What is two plus three?"
    assert 'answer contains "elephant"' in ran.err and "response.done" in ran.err
    assert "1 held, 1 failed, 1 skipped" in ran.err
    assert len(ET.parse(junit).getroot().findall(".//failure")) == 1


async def test_a_wrong_script_is_refused_with_every_mistake_before_anything_starts(tmp_path: Path) -> None:
    script = written(tmp_path, '[[step]]\nsya = "Hello"\nstop = true\n[[step]]\nwait = "answer.endet"\n')
    for more in ((), ("--check-script",)):
        ran = await voicechat("run", "--script", script, *more, "--json", environ=environ_for(tmp_path))
        assert ran.code == USAGE
        assert f"{script}:2: step 1: 'sya' is not known here · did you mean say?" in ran.err
        assert f"{script}:5: step 2: wait: there is no event 'answer.endet' · did you mean answer.ended?" in ran.err
        assert [one["line"] for one in json.loads(ran.out)["complaints"]] == [2, 5]


async def test_a_script_can_be_checked_without_a_talk(tmp_path: Path) -> None:
    ran = await voicechat("run", "--script", written(tmp_path, STORY), "--check-script", environ=environ_for(tmp_path))
    assert (ran.code, ran.out) == (DONE, "")
    assert "1 steps, nothing wrong" in ran.err


async def test_no_service_is_a_status_of_its_own_and_skips_every_step(tmp_path: Path) -> None:
    script, junit = written(tmp_path, STORY), tmp_path / "junit.xml"
    flags = ("--script", script, "--base-url", "http://127.0.0.1:9", "--json", "--junit", str(junit))
    ran = await voicechat("run", *flags, "--timeout", "5", environ=environ_for(tmp_path))
    assert ran.code == CONNECTION, ran.err
    told = json.loads(ran.out)
    assert told["counts"] == {"held": 0, "failed": 0, "skipped": 1}
    assert told["stopped"]
    assert ET.parse(junit).getroot().find(".//error") is not None


async def test_no_loudspeaker_of_that_name_is_a_status_of_its_own(tmp_path: Path, local_url: str) -> None:
    flags = ("--script", written(tmp_path, STORY), "--speaker", "no such loudspeaker", "--base-url", local_url)
    ran = await voicechat("run", *flags, environ=environ_for(tmp_path))
    assert ran.code == AUDIO, ran.err


async def test_options_that_a_script_has_no_use_for_are_refused(tmp_path: Path) -> None:
    script, environ = written(tmp_path, STORY), environ_for(tmp_path)
    for flags in (("--script", script, "--text", "hi"), ("--script", script, "--mic", "none"), ("--check-script",)):
        ran = await voicechat("run", *flags, environ=environ)
        assert ran.code == USAGE, flags
        assert len(ran.err.splitlines()) <= 3 and "Traceback" not in ran.err


async def test_results_that_cannot_be_kept_are_told_before_the_talk(tmp_path: Path) -> None:
    flags = ("--script", written(tmp_path, STORY), "--junit", str(tmp_path))
    ran = await voicechat("run", *flags, environ=environ_for(tmp_path))
    assert ran.code == USAGE and "cannot write" in ran.err


@needs_proc
async def test_ctrl_c_still_writes_the_results(tmp_path: Path, local_url: str) -> None:
    environ, junit = environ_for(tmp_path, VOICECHAT_BASE_URL=local_url), tmp_path / "junit.xml"
    story = STORY.replace('"answer.audible"', '{ event = "answer.audible", limit = 80 }')  # a busy machine is slow
    script = written(tmp_path, story + "[[step]]\nsilence = 60\n[[step]]\nstop = true")
    async with started(
        "run", "--script", script, "--junit", str(junit), "--json", "--timeout", "100", environ=environ
    ) as process:
        assert process.stderr is not None
        told = (await process.stderr.readline()).decode()
        assert "step 1 (ask)" in told and "FAIL" not in told and "✗" not in told
        process.send_signal(signal.SIGINT)
        ran = await ended(process)
    assert ran.code == INTERRUPTED
    results = json.loads(ran.out)
    assert (results["stopped"], results["counts"]) == ("interrupted", {"held": 1, "failed": 0, "skipped": 2})
    assert ET.parse(junit).getroot().find(".//error") is not None
    assert left_after(str(tmp_path)) == {}


async def test_settings_of_the_script_give_way_to_the_environment_and_to_options(
    tmp_path: Path, local_url: str
) -> None:
    script = written(
        tmp_path, f'[talk]\nbase_url = "http://127.0.0.1:9"\nmodel = "other"\n{STORY}[[step]]\nstop = true'
    )
    ran = await voicechat("run", "--script", script, environ=environ_for(tmp_path, VOICECHAT_BASE_URL=local_url))
    assert ran.code == DONE, ran.err


async def test_a_tape_of_the_talk_is_named(tmp_path: Path, local_url: str) -> None:
    record = ("--record", str(tmp_path / "tapes"), "--json")
    flags = ("--script", written(tmp_path, STORY), *record, "--base-url", local_url)
    ran = await voicechat("run", *flags, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    tape = Path(json.loads(ran.out)["tape"])
    assert tape.is_relative_to(tmp_path / "tapes") and (tape / "session.jsonl").exists()

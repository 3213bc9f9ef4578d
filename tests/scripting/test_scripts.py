"""The three example scripts, run as a user would against the real local server: every promise in them holds."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import environ_for, voicechat
from voicechat.exit_codes import DONE
from voicechat.local_server.speech import engine_is_missing

pytestmark = pytest.mark.skipif(bool(engine_is_missing()), reason="needs the extra `local`")
SCRIPTS = Path(__file__).parent / "scripts"


@pytest.mark.parametrize("name", ["turn", "barge_in", "push_to_talk"])
async def test_an_example_script_holds_and_its_results_are_kept(tmp_path: Path, local_url: str, name: str) -> None:
    junit = tmp_path / "results" / f"{name}.xml"
    flags = ("--script", str(SCRIPTS / f"{name}.toml"), "--base-url", local_url, "--junit", str(junit), "--json")
    ran = await voicechat("run", *flags, environ=environ_for(tmp_path))
    assert ran.code == DONE, ran.err
    told = json.loads(ran.out)
    assert (told["held"], told["exit_code"], told["counts"]["failed"], told["stopped"]) == (True, DONE, 0, "")
    suite = ET.parse(junit).getroot().find("testsuite")
    assert suite is not None
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase")) == len(told["results"]) > 5
    assert "0 failed" in ran.err


async def told_of(folder: Path, text: str, url: str) -> dict[str, Any]:
    """What is told of a script that held."""
    script = folder / "talk.toml"
    script.write_text(text)
    ran = await voicechat("run", "--script", str(script), "--base-url", url, "--json", environ=environ_for(folder))
    assert ran.code == DONE, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    assert {result["outcome"] for result in told["results"]} == {"held"}
    return told


async def test_the_rooms_echo_is_real(tmp_path: Path, local_url: str) -> None:
    """Without cancelling, the virtual loudspeaker sets off the detection, and its level and delay are found."""
    told = await told_of(
        tmp_path,
        """
        [talk]
        headphones = true
        [room]
        echo = "-12 dB"
        delay = "60 ms"
        noise = "-65 dB"
        [[step]]
        say = "Tell me a story, please."
        wait = "echo.self_heard"
        expect = [
            { findings = ["self-echo"] },
            { events = ["script.ended", "assistant.audible", "echo.self_heard"] },
        ]
        """,
        local_url,
    )
    assert "−12 dB, 60 ms" in "".join(told["summary"]["problems"])


async def test_words_said_before_the_key_is_down_are_the_pre_rolls(tmp_path: Path, local_url: str) -> None:
    await told_of(
        tmp_path,
        """
        [talk]
        turn_mode = "push-to-talk"
        [[step]]
        silence = 1
        [[step]]
        label = "early"
        say = "What is eight plus six?"
        background = true
        [[step]]
        press = true
        when = { after = "script.began", seconds = 0.15 }
        wait = "script.ended"
        [[step]]
        release = true
        wait = "answer.ended"
        expect = [
            { said = "What is eight plus six?" },
            { contains_any = ["14", "fourteen"] },
            { events = ["script.began", "talk.pressed", "script.ended", "talk.released"], since = "early" },
        ]
        """,
        local_url,
    )

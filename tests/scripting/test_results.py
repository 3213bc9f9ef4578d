"""Results as machines read them: JUnit XML that every reader takes, and one JSON object."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.scripting.scripted_talk import row
from voicechat.scripting.model import Script
from voicechat.scripting.playing import Result, Results, as_json, as_junit, evidence_of

SCRIPT = Script(Path("talk.toml"), "my <talk>", ())
HELD = Result(1, "ask", 'say "Hello & bye"', "held", 3, 1.5, 0.25)
FAILED = Result(
    1, "ask", "answer contains", "failed", 3, 2.0, 3.0, "it was \x1b[31mred\x00", False, ("1.0 <- a", "2.0 -> b")
)
SKIPPED = Result(2, "", "stop", "skipped", 9)


def suite_of(results: Results) -> ET.Element:
    suite = ET.fromstring(as_junit(results)).find("testsuite")
    assert suite is not None
    return suite


def test_junit_has_a_case_for_each_result_with_evidence_of_a_failure() -> None:
    suite = suite_of(Results(SCRIPT, [HELD, FAILED, SKIPPED], 7.5, tape="/tapes/one"))
    counts = {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1", "time": "7.500"}
    held, failed, skipped = suite.findall("testcase")
    assert held.attrib["name"] == 'step 1 (ask): say "Hello & bye"' and len(held) == 0
    assert (held.attrib["classname"], held.attrib["time"], held.attrib["line"]) == ("my <talk>", "0.250", "3")
    failure = failed.find("failure")
    assert failure is not None and failure.text is not None
    assert "red" in failure.attrib["message"] and "2.0 -> b" in failure.text
    assert skipped.find("skipped") is not None
    assert suite.findtext("system-out") == "tape: /tapes/one"


def test_a_talk_that_ended_early_is_an_error_of_its_own() -> None:
    suite = suite_of(Results(SCRIPT, [SKIPPED], 1.0, stopped="the connection was lost"))
    assert (suite.attrib["tests"], suite.attrib["errors"]) == ("2", "1")
    error = suite.findall("testcase")[-1].find("error")
    assert error is not None and error.attrib["message"] == "the connection was lost"


def test_json_says_whether_it_held_and_names_each_result() -> None:
    plain = json.loads(json.dumps(as_json(Results(SCRIPT, [HELD, FAILED], 7.5), 1, {"turns": 1})))
    assert (plain["held"], plain["exit_code"], plain["counts"]) == (False, 1, {"held": 1, "failed": 1, "skipped": 0})
    assert plain["results"][1]["evidence"] == ["1.0 <- a", "2.0 -> b"]
    assert plain["summary"] == {"turns": 1}


def test_evidence_is_the_last_events_without_the_pieces_of_words() -> None:
    rows = [row(n / 10, "response.output_text.delta" if n % 2 else f"event.{n}") for n in range(80)]
    lines = evidence_of(rows, 5.0)
    assert len(lines) == 14
    assert "event.50" in lines[-1] and "5.000 --" in lines[-1]
    assert not any("delta" in line for line in lines)

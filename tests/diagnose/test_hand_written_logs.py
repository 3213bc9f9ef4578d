"""Logs as the clients of many people print them; the first part of a file's name says what is wrong in it."""

from __future__ import annotations

from pathlib import Path

from tests.support.each import each
from voicechat.diagnose.report import diagnose

LOGS = sorted((Path(__file__).parent / "logs").iterdir())


@each("path", LOGS, ids=lambda path: path.stem)
def test_the_cause_is_named_and_nothing_else(path: Path) -> None:
    with path.open("rb") as stream:
        report = diagnose(stream, path.name)
    expected = path.name.split("__")[0].split("+")
    assert report.reading.events
    verdict = expected[0] if expected[0] in ("healthy", "too-little") else "found"
    assert sorted({one.code for one in report.findings}) == (sorted(expected) if verdict == "found" else [])
    assert report.verdict == verdict.replace("-", " ")


def test_there_are_many_of_either_kind() -> None:
    healthy = [path for path in LOGS if path.name.startswith("healthy__")]
    assert len(healthy) >= 9 and len(LOGS) - len(healthy) >= 28


def test_the_story_of_the_client_that_went_mute_names_the_event_it_waits_for() -> None:
    path = next(one for one in LOGS if "browser_field_story" in one.name)
    with path.open("rb") as stream:
        report = diagnose(stream, path.name)
    assert report.reading.line_of(report.findings[0].evidence[0].seq) == 7


def test_what_follows_from_a_cause_is_told_with_it_and_not_beside_it() -> None:
    path = next(one for one in LOGS if "flutter_timer_gbk" in one.name)
    with path.open("rb") as stream:
        report = diagnose(stream, path.name)
    assert [one.finding.code for one in report.causes] == ["mic-reopened-too-early"]
    assert "barge-in-too-eager" in {one.code for one in report.causes[0].consequences}

"""A healthy conversation has no findings; that is the first promise of a diagnosis."""

from __future__ import annotations

import json
from pathlib import Path

from tests.insight.session_log import (
    answered,
    beta_session,
    came,
    codes,
    diagnosed,
    here,
    opened,
    refused,
    sent,
    spoken,
)
from tests.support.each import each
from voicechat.insight import checks
from voicechat.insight.records import record_of
from voicechat.insight.run import CHECKS, CODES, Diagnosis

RECORDED = sorted((Path(__file__).parent / "recorded").glob("healthy_*.jsonl"))


@each("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_talk_with_the_local_server_is_healthy(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) > 60
    for timed in (True, False):
        diagnosis = Diagnosis()
        for seq, row in enumerate(rows):
            diagnosis.feed(record_of(seq, row["t"] if timed else None, row["dir"], row["event"]))
        diagnosis.finish()
        assert not diagnosis.findings


def test_there_is_a_recorded_talk() -> None:
    assert {path.stem for path in RECORDED} == {"healthy_spoken", "healthy_typed"}


@each("timed", [True, False])
@each("session", [None, beta_session()], ids=["ga", "beta"])
def test_three_turns_are_healthy_in_either_dialect_with_and_without_times(
    session: dict[str, object] | None, timed: bool
) -> None:
    turns = [row for n in range(3) for row in (*spoken(n * 10 + 1, f"u{n}"), *answered(n * 10 + 3.4, f"r{n}"))]
    assert not diagnosed(opened(0, session), turns, timed=timed, until=40)


def test_cutting_in_with_words_is_healthy() -> None:
    log = [
        *opened(),
        *spoken(1, "u1"),
        *answered(3.4, "r1", seconds=1.5)[:4],
        here(6.0, "barge_in.happened", voice_began_at=5.7),
        sent(6.0, "response.cancel", response_id="r1"),
        here(6.0, "playback.flushed"),
        here(6.0, "mic.opened"),
        came(
            6.1,
            "response.done",
            response={"id": "r1", "status": "cancelled", "status_details": {"reason": "client_cancelled"}},
        ),
        *spoken(6.1, "u2", "no, I meant tomorrow"),
        *answered(8.5, "r2"),
    ]
    assert not diagnosed(log, until=30)


def test_a_cancel_that_crosses_response_done_is_healthy() -> None:
    log = [
        *opened(),
        *spoken(1, "u1"),
        *answered(3.4, "r1")[:3],
        here(4.38, "stop.pressed"),
        sent(4.39, "response.cancel", event_id="c1"),
        came(4.40, "response.done", response={"id": "r1", "status": "completed"}),
        refused(4.45, "response_cancel_not_active", event_id="c1"),
    ]
    assert not codes(diagnosed(log))


def test_ending_the_talk_in_the_middle_of_everything_is_healthy() -> None:
    log = [*opened(), *spoken(1, "u1"), sent(3.1, "response.create"), here(3.2, "end.asked"), here(3.3, "line.lost")]
    assert not diagnosed(log, until=60)


def test_every_check_has_a_code_of_its_own_and_says_what_it_looks_at() -> None:
    assert len(set(CODES)) == len(CHECKS) >= 36
    assert all(check.on and callable(check.look) for check in CHECKS)


def test_every_file_among_the_checks_is_asked() -> None:
    files = {file.stem for file in Path(checks.__path__[0]).glob("[!_]*.py")}
    asked = {check.look.__module__.rpartition(".")[2] for check in CHECKS}
    assert files == asked

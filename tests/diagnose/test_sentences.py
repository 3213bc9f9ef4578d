"""What programs print when a conversation fails, in the words of their libraries: the cause, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

from tests.support.each import each
from voicechat.diagnose.report import diagnose

NOTHING = "-"
ROWS = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines()
"""`cause|line`; a minus for lines that tell of no failure."""


@each("row", ROWS, ids=lambda row: row)
def test_a_line_of_a_library_names_its_cause(row: str) -> None:
    cause, _, line = row.partition("|")
    report = diagnose(io.BytesIO(f"{line}\n".encode()), "log")
    assert [one.code for one in report.findings] == ([] if cause == NOTHING else [cause])
    assert not report.is_healthy

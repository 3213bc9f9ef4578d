"""What programs print when a conversation fails, in the words of their libraries: the cause, and nothing else."""

from __future__ import annotations

import io
import re
from pathlib import Path

from tests.support.each import each
from voicechat.diagnose.records import record_of
from voicechat.diagnose.report import diagnose
from voicechat.diagnose.run import Diagnosis

NOTHING = "-"
ROWS = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines()
"""`cause|line`; a minus for lines that tell of no failure."""


@each("row", ROWS, ids=lambda row: row)
def test_a_line_of_a_library_names_its_cause(row: str) -> None:
    cause, _, line = row.partition("|")
    report = diagnose(io.BytesIO(f"{line}\n".encode()), "log")
    assert [one.code for one in report.findings] == ([] if cause == NOTHING else [cause])
    assert not report.is_healthy


def test_no_cure_for_another_client_names_keys_or_settings_of_ours() -> None:
    named = re.compile(r"\([rdb]\)|:new|\bpreset|voicechat|--headphones|dialect = |base_url")
    logs = [path.read_bytes() for path in sorted((Path(__file__).parent / "logs").iterdir())]
    found = [one for log in (*logs, "\n".join(ROWS).encode()) for one in diagnose(io.BytesIO(log), "log").findings]
    assert len(found) > 50 and not [one.cure for one in found if named.search(one.cure)]


def test_the_cure_for_a_talk_of_our_own_names_the_key() -> None:
    ours = Diagnosis(is_ours=True)
    ours.feed(record_of(0, 0.0, "local", {"type": "line.lost", "reason": "no packets"}))
    (finding,) = ours.findings
    assert finding.cure.endswith("r reconnects.")

"""What programs print when a conversation fails, in the words of their libraries: the cause, and nothing else."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from tests.support.each import each
from voicechat.cli.diagnose_words import Words
from voicechat.diagnose.records import record_of
from voicechat.diagnose.report import as_plain, diagnose
from voicechat.diagnose.run import Diagnosis

NOTHING = "-"
ROWS = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines()
"""`cause|line`; a minus for lines that tell of no failure."""


@each("row", ROWS, ids=lambda row: row)
def test_library_error_line_names_its_cause(row: str) -> None:
    cause, _, line = row.partition("|")
    report = diagnose(io.BytesIO(f"{line}\n".encode()), "log")
    assert [one.code for one in report.findings] == ([] if cause == NOTHING else [cause])
    assert not report.is_healthy


def test_cures_for_other_clients_name_none_of_our_keys() -> None:
    named = re.compile(r"\([rdb]\)|:new|\bpreset|voicechat|--headphones|dialect = |base_url")
    logs = [path.read_bytes() for path in sorted((Path(__file__).parent / "logs").iterdir())]
    found = [one for log in (*logs, "\n".join(ROWS).encode()) for one in diagnose(io.BytesIO(log), "log").findings]
    assert len(found) > 50 and not [one.cure for one in found if named.search(one.cure)]


def test_cure_for_our_own_session_names_the_key() -> None:
    ours = Diagnosis(is_ours=True)
    ours.feed(record_of(0, 0.0, "local", {"type": "line.lost", "reason": "no packets"}))
    (finding,) = ours.findings
    assert finding.cure.endswith("r reconnects.")


def test_api_key_in_a_log_is_in_no_report() -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwx"
    wire = json.dumps({"type": "error", "error": {"type": "odd_error", "code": "odd", "message": f"what is {key}?"}})
    log = f"Incorrect API key provided: {key}\nERROR flux {key} broke\n{wire}\nAuthorization: Bearer {key} failed\n"
    report = diagnose(io.BytesIO(log.encode()), "log")
    told = json.dumps(as_plain(report)) + Words(80).of(report)
    assert "auth-failed" in told and "odd" in told and "flux" in told
    assert key not in told and "abcdefghij" not in told

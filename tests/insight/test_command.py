"""`voicechat diagnose`: files, folders, standard input; words for people and JSON for programs."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

from tests.support.each import each
from voicechat.cli.diagnose import Words, diagnose_command, logs_in
from voicechat.errors import TapeError
from voicechat.insight.report import diagnose

LOGS = Path(__file__).parent / "logs"
BAD = LOGS / "unknown-session-field__chinese_app.txt"
WELL = LOGS / "healthy__stop_button.txt"


def test_json_keeps_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose_command([str(BAD)], as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["healthy"] is False and told["read"]["events"] > 5
    (one,) = told["findings"]
    assert {"code", "severity", "title", "cause", "cure", "evidence", "confidence", "rests_on"} <= set(one)
    assert one["cure_js"].startswith("send(") and '"realtime"' not in one["cure_python"], "this log speaks beta"
    assert one["evidence"][0].keys() == {"line", "t", "ref", "quote"}


def test_a_healthy_log_says_so_and_ends_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose_command([str(WELL)], as_json=False) == 0
    assert "Healthy" in capsys.readouterr().out


def test_a_folder_is_all_its_logs_and_tapes(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "session.jsonl").write_text('{"tape": 1}\n', encoding="utf-8")
    (tmp_path / "b.log").write_text("x", encoding="utf-8")
    (tmp_path / "song.wav").write_text("x", encoding="utf-8")
    assert [Path(name).name for name in logs_in(str(tmp_path))] == ["session.jsonl", "b.log"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(TapeError):
        logs_in(str(tmp_path / "empty"))


def test_standard_input_is_read_and_a_person_is_told_how_to_end_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pasted:
        buffer = io.BytesIO(BAD.read_bytes())

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Pasted())
    assert diagnose_command([], as_json=False) == 1
    out, err = capsys.readouterr()
    assert "unknown-session-field" in out and "Paste the log" in err


def test_a_missing_file_and_a_senseless_confidence_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose_command(["/nowhere/at all"], as_json=False) == 2
    assert diagnose_command([str(BAD)], as_json=False, min_confidence=7) == 2
    assert "cannot read" in capsys.readouterr().err


def test_what_is_less_sure_than_asked_for_is_left_out() -> None:
    with BAD.open("rb") as stream:
        assert not diagnose(stream, "x", least=0.99).findings


@each("columns", [60, 80, 200])
def test_no_line_of_words_is_wider_than_the_terminal(columns: int) -> None:
    for path in sorted(LOGS.iterdir()):
        with path.open("rb") as stream:
            told = Words(columns).of(diagnose(stream, path.name))
        assert "\x1b" not in told
        prose = [line for line in told.splitlines() if not re.search(r"[{}()]|://|_", line)]
        assert max(map(len, prose)) <= min(columns, 100)


def test_colours_change_no_word() -> None:
    with BAD.open("rb") as stream:
        report = diagnose(stream, "x")
    coloured = Words(80, is_coloured=True).of(report)
    assert "\x1b[31;1m" in coloured and re.sub(r"\x1b\[[0-9;]*m", "", coloured) == Words(80).of(report)


@pytest.mark.parametrize("as_json", [True, False])
def test_no_report_names_a_rule_by_its_number(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    diagnose_command([str(path) for path in sorted(LOGS.iterdir())], as_json=as_json)
    assert re.findall(r"\bR\d{1,2}\b[^\n]*", capsys.readouterr().out) == []


def test_cancelled_by_client_cites_only_events_of_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        {"type": "session.created", "session": {"type": "realtime"}},
        {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}},
        {"type": "response.output_audio_transcript.delta", "response_id": "r1", "delta": "Well, then"},
        {
            "type": "response.done",
            "response": {
                "id": "r1",
                "status": "cancelled",
                "status_details": {"type": "cancelled", "reason": "client_cancelled"},
            },
        },
    ]
    file = tmp_path / "log.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert diagnose_command([str(file)], as_json=True) == 1
    (one,) = json.loads(capsys.readouterr().out)["findings"]
    assert one["code"] == "cancelled-by-client"
    assert "in the evidence" not in one["cure"] and "which this log does not show" in one["cure"]


def test_each_line_a_finding_rests_on_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    diagnose_command([str(BAD)], as_json=True)
    lines = BAD.read_text(encoding="utf-8").splitlines()
    marks = [mark for one in json.loads(capsys.readouterr().out)["findings"] for mark in one["evidence"]]
    assert marks and all(mark["quote"] == " ".join(lines[mark["line"] - 1].split()) for mark in marks)
    diagnose_command([str(BAD)], as_json=False)
    assert marks[0]["quote"][:40] in capsys.readouterr().out

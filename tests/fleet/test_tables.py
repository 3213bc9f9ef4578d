"""Questions to a scan: one SELECT and nothing else; what changed, with intervals; a page that nothing breaks out of."""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.bench_fleet import write_tape
from tests.support.each import each
from voicechat.cli.main import run_cli
from voicechat.errors import ConfigError
from voicechat.fleet.engines import decode, read_batch
from voicechat.fleet.page import page_of
from voicechat.fleet.scan import scan
from voicechat.fleet.tables import Tables, compare, wilson

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")


def scanned(sources: list[Path], out: Path) -> Path:
    ticks = itertools.count()
    scan(
        [str(one) for one in sources],
        out,
        lambda batches: (decode(one) for batch in batches for one in read_batch(batch)),
        lambda told, last: None,
        clock=lambda: float(next(ticks)),
    )
    return out


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tapes")
    for number in range(12):
        write_tape(root, number)
    return root


@pytest.fixture(scope="module")
def out(tapes: Path) -> Path:
    return scanned([tapes], tapes.parent / f"{tapes.name}-out")


@each(
    "sql",
    [
        "COPY (SELECT 1) TO '{out}/turns.parquet'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}/turns.parquet'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '{out}/fleet.json'",
        "SELECT * FROM glob('{out}/*')",
        "SELECT * FROM read_parquet('{out}/segments/000000/turns.parquet')",
        "ATTACH '{out}/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access=true",
        "PRAGMA enable_profiling",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW turns",
        "SELECT 1; SELECT 2",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{out}/turns.parquet''')",
        "nonsense",
        "",
    ],
)
def test_what_is_no_select_over_the_tables_is_refused_and_changes_nothing(out: Path, sql: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    tables = Tables(out)
    with pytest.raises(ConfigError):
        tables.all(sql.replace("{out}", str(out)))
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert tables.all("SELECT count(*) FROM sessions") == [(12,)]


def test_ask_writes_each_form(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT file, events, healthy FROM sessions ORDER BY file LIMIT 2"
    assert run_cli(["fleet", "ask", sql, "--tables", str(out), "-f", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert run_cli(["fleet", "ask", sql, "--tables", str(out), "-f", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "file,events,healthy"
    assert run_cli(["fleet", "ask", sql, "--tables", str(out)]) == 0
    assert str(rows[0]["events"]) in capsys.readouterr().out
    assert run_cli(["fleet", "ask", sql, "--tables", str(out / "nowhere")]) == 2


def test_wilson_is_that_of_the_textbook() -> None:
    assert wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=2e-4)
    assert wilson(0, 50) == pytest.approx((0.0, 0.0713), abs=2e-4)
    assert wilson(50, 50)[1] == pytest.approx(1.0)


def changed(tapes: Path, to: Path, change: Callable[[str], str]) -> Tables:
    """The tables of the same tapes with each log changed."""
    for file in sorted(tapes.rglob("session.jsonl")):
        copy = to / file.parent.name / "session.jsonl"
        copy.parent.mkdir(parents=True)
        copy.write_text(change(file.read_text()))
    return Tables(scanned([to], to.parent / f"{to.name}-out"))


def with_an_error(log: str) -> str:
    created = '"dir":"in","event":{"type":"session.created"'
    error = '"error":{"type":"tokens","code":"rate_limit_exceeded","message":"Rate limit."}'
    return log.replace(created, f'"dir":"in","event":{{"type":"error","event_id":"e",{error}}}}}\n{{"t":1.45,{created}')


def slower(log: str) -> str:
    return re.sub(r'^\{"t":([\d.]+)', lambda match: f'{{"t":{float(match[1]) * 1.5:.6f}', log, flags=re.M)


def test_compare_tells_what_changed_and_only_that(out: Path, tapes: Path, tmp_path: Path) -> None:
    before = Tables(out)
    same = compare(before, before)
    assert same and not any(one.is_sure for one in same)
    limited = changed(tapes, tmp_path / "limited", with_an_error)
    sure = {one.what for one in compare(before, limited) if one.is_sure}
    assert "rate-limited" in sure and not any(name.startswith("wait") for name in sure)
    assert compare(before, limited) == compare(before, limited)
    late = changed(tapes, tmp_path / "late", slower)
    created = {one.what: one for one in compare(before, late)}["answer_created p50"]
    assert created.is_sure and created.b == pytest.approx(1.5 * created.a, rel=0.02)
    assert created.difference[0] > 0 and created.a_interval[0] <= created.a <= created.a_interval[1]


def test_the_page_escapes_what_a_log_says_and_links_to_its_tape(tapes: Path, tmp_path: Path) -> None:
    bad = tmp_path / "<img src=x onerror=alert(1)>.jsonl"
    message = "</td><script>alert(1)</script>\x1b]0;x\x07\u202e"
    error = {"type": "invalid_request_error", "code": "rate_limit_exceeded", "message": message}
    bad.write_text(json.dumps({"type": "error", "error": error}) + "\n")
    page = page_of(Tables(scanned([tapes, bad], tmp_path / "out")), "<b>title</b>")
    assert "<script" not in page and "<img" not in page and "<b>" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)
    assert bad.as_uri() in page and "rate-limited" in page and "<svg" in page
    assert "default-src 'none'" in html.unescape(page) and "http" not in page.replace("http-equiv", "")


def test_without_the_extra_the_command_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    assert run_cli(["fleet", "scan", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert 'pip install ".[fleet]"' in capsys.readouterr().err

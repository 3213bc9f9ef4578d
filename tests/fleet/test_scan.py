"""A scan's tables: the findings are those of `diagnose`, and neither kills nor the order of reading change a byte."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench.bench_fleet import write_corpus, write_tape
from tests.support.processes import is_running, needs_proc
from tests.support.vaudio import until
from voicechat.cli.diagnose import diagnose_command
from voicechat.errors import ConfigError
from voicechat.fleet import engines
from voicechat.fleet.engines import Batch, Read, local, read_batch
from voicechat.fleet.rows import TABLES, rows_of
from voicechat.fleet.scan import Scanned, files_in, scan

parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("duckdb")


def here(batches: Sequence[Batch]) -> Iterator[Read]:
    """The rows of each file, without another process."""
    for batch in batches:
        yield from map(engines.decode, read_batch(batch))


def scanned(*sources: Path, out: Path, engine: engines.Engine = here) -> Scanned:
    ticks = itertools.count()
    return scan([str(one) for one in sources], out, engine, lambda told, last: None, clock=lambda: float(next(ticks)))


def digests(out: Path) -> dict[str, str]:
    return {name: hashlib.sha256((out / f"{name}.parquet").read_bytes()).hexdigest() for name in TABLES}


def table(out: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(out / f"{name}.parquet").to_pylist()
    return rows


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(root, 24)
    return root


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    scanned(corpus, out=out)
    return out


def test_findings_are_those_of_diagnose_byte_for_byte(
    corpus: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, list[str]] = {}
    for row in table(whole, "findings"):
        if row["json"] is not None:
            found.setdefault(row["file"], []).append(row["json"])
    judged = 0
    for session in table(whole, "sessions"):
        if session["error"] is not None:
            continue
        diagnose_command([session["file"]], as_json=True)
        told = json.loads(capsys.readouterr().out)
        assert found.get(session["file"], []) == [json.dumps(one, ensure_ascii=False) for one in told["findings"]]
        assert (session["verdict"], session["events"]) == (told["verdict"], told["read"]["events"])
        judged += len(told["findings"])
    assert judged >= 5


def test_a_file_that_cannot_be_read_is_a_row_with_its_reason(corpus: Path, whole: Path) -> None:
    by_name = {Path(row["file"]).name: row for row in table(whole, "sessions")}
    assert "No such file" in by_name["gone.log"]["error"]
    assert by_name["empty.log"]["verdict"] == by_name["noise.log"]["verdict"] == "nothing read"
    assert len(by_name) >= 5 and by_name["gone.log"]["events"] is None


def test_a_defect_over_one_file_is_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tape(tmp_path, 1)

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("voicechat.fleet.rows.report_of", fails)
    rows = rows_of(str(tmp_path / "000" / "tape-000001" / "session.jsonl"))
    assert "ZeroDivisionError: by nothing" in rows["sessions"][0][1] and not rows["turns"]


def test_turns_and_usage_of_a_tape_add_up(whole: Path) -> None:
    turns, sessions = table(whole, "turns"), table(whole, "sessions")
    assert sum(row["turns"] or 0 for row in sessions) == len(turns) > 100
    answered = [row for row in turns if row["status"] == "completed" and row["wait"] is not None]
    for row in answered:
        steps = (row["end_of_speech"], row["answer_created"], row["first_words"], row["sound_after_words"])
        assert sum(one for one in steps if one is not None) == pytest.approx(row["wait"], abs=1e-4)
    used = [row for row in table(whole, "usage") if row["source"] == "response"]
    assert sum(row["output_text"] + row["output_audio"] for row in used) == sum(
        row["output_tokens"] or 0 for row in turns
    )
    assert {row["name"] for row in table(whole, "tools")} <= {"get_weather"}


def test_a_live_session_has_turns_like_any_other(tmp_path: Path) -> None:
    said = [
        (0.0, "in", {"type": "session.started", "session": {"id": "live_1", "model": "gpt-live-1"}}),
        (1.0, "in", {"type": "session.input_transcript.delta", "delta": "Hello?", "start_ms": 0, "end_ms": 900}),
        (2.0, "in", {"type": "session.output_transcript.delta", "delta": "Hi", "start_ms": 1900, "end_ms": 2000}),
        (5.0, "in", {"type": "session.input_transcript.delta", "delta": "Again?", "start_ms": 4000, "end_ms": 4900}),
        (6.0, "in", {"type": "session.output_transcript.delta", "delta": "Yes.", "start_ms": 5900, "end_ms": 6000}),
        (7.0, "in", {"type": "session.usage.updated", "usage": {"seconds": 6.0}}),
        (8.0, "in", {"type": "session.closed", "reason": "close_requested", "usage": {"seconds": 9.0}}),
    ]
    lines = [json.dumps({"t": t, "dir": way, "event": event}) for t, way, event in said]
    (tmp_path / "live.jsonl").write_text("\n".join(lines), encoding="utf-8")
    scanned(tmp_path / "live.jsonl", out=tmp_path / "out")
    turns = table(tmp_path / "out", "turns")
    assert [(row["turn"], row["status"]) for row in turns] == [(1, "completed"), (2, "completed")]
    (session,) = table(tmp_path / "out", "sessions")
    assert (session["model"], session["cost_usd"]) == ("gpt-live-1", pytest.approx(9 / 60 * 0.05))
    assert [row["seconds"] for row in table(tmp_path / "out", "usage")] == [6.0, 3.0]


def test_a_second_scan_reads_only_what_changed(tmp_path: Path) -> None:
    for number in range(4):
        write_tape(tmp_path / "tapes", number)
    first = scanned(tmp_path / "tapes", out=tmp_path / "out")
    again = scanned(tmp_path / "tapes", out=tmp_path / "out")
    changed = tmp_path / "tapes" / "000" / "tape-000002" / "session.jsonl"
    changed.write_bytes(changed.read_bytes() + b'{"t":900.0,"dir":"local","event":{"type":"mic.closed"}}\n')
    (tmp_path / "tapes" / "000" / "tape-000003" / "session.jsonl").unlink()
    last = scanned(tmp_path / "tapes", out=tmp_path / "out")
    fresh = scanned(tmp_path / "tapes", out=tmp_path / "fresh")
    assert (first.read, again.read, last.read, last.kept, fresh.read) == (4, 0, 1, 2, 3)
    assert digests(tmp_path / "out") == digests(tmp_path / "fresh")
    changed.unlink()
    assert scanned(tmp_path / "tapes", out=tmp_path / "out").kept == 2
    assert len(table(tmp_path / "out", "sessions")) == 2


def test_a_killed_scan_goes_on_and_writes_the_same_tables(corpus: Path, whole: Path, tmp_path: Path) -> None:
    read: list[str] = []

    def killed(batches: Sequence[Batch]) -> Iterator[Read]:
        for path, rows in itertools.islice(here(batches), 13):
            read.append(path)
            yield path, rows
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanned(corpus, out=tmp_path / "out", engine=killed)
    assert not (tmp_path / "out" / "sessions.parquet").exists()
    rest = scanned(corpus, out=tmp_path / "out")
    assert 0 < rest.kept <= len(read) and rest.kept + rest.read == rest.files
    assert digests(tmp_path / "out") == digests(whole)


def test_the_order_of_reading_changes_no_byte(corpus: Path, whole: Path, tmp_path: Path) -> None:
    def shuffled(batches: Sequence[Batch]) -> Iterator[Read]:
        paths = [path for batch in batches for path in batch]
        random.Random(5).shuffle(paths)
        return here([(path,) for path in paths])

    scanned(corpus, out=tmp_path / "out", engine=shuffled)
    assert digests(tmp_path / "out") == digests(whole)


def test_worker_processes_give_the_same_tables_though_one_is_killed(corpus: Path, whole: Path, tmp_path: Path) -> None:
    def one_killed(batches: Sequence[Batch]) -> Iterator[Read]:
        for count, result in enumerate(local(2, batches)):
            if count == 5:
                active_children()[0].kill()
            yield result

    scanned(corpus, out=tmp_path / "out", engine=one_killed)
    assert digests(tmp_path / "out") == digests(whole)


def test_a_file_that_kills_its_reader_is_a_row_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        write_tape(tmp_path / "tapes", number)
    paths = files_in([str(tmp_path / "tapes")])
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"sys.addaudithook(lambda event, of: os._exit(7) if event == 'open' and str(of[0]) == {paths[1]!r} else None)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    results = dict(local(1, [tuple(paths)]))
    reasons = [results[path]["sessions"][0][1] for path in paths]
    assert reasons[0] is reasons[2] is None and reasons[1].startswith("its reader died twice")


@needs_proc
def test_the_workers_of_a_scan_end_with_it(corpus: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom multiprocessing import active_children\nfrom voicechat.fleet.engines import local\n"
        "if __name__ == '__main__':\n"
        "    for _ in local(2, [(one,) for one in sys.argv[1:] * 20]):\n"
        "        print(*(child.pid for child in active_children()), flush=True)\n"
    )
    (tmp_path / "scan.py").write_text(code)
    command = [sys.executable, str(tmp_path / "scan.py"), *files_in([str(corpus)])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as scanning:
        assert scanning.stdout is not None
        workers = [int(pid) for pid in scanning.stdout.readline().split()]
        scanning.kill()
    assert workers
    until(lambda: not any(map(is_running, workers)), 10.0, "workers outlive the scan that was killed")


class RayError(Exception):
    """What Ray raises for a worker or a machine that died."""


class RayTaskError(RayError):
    """What it raises for an exception of a task."""

    cause = ModuleNotFoundError("No module named 'voicechat'")


def a_cluster(monkeypatch: pytest.MonkeyPatch, obey: Callable[[Batch], list[bytes]]) -> engines.Engine:
    """An engine on what looks like Ray: every task is obeyed by a thread."""
    threads = ThreadPoolExecutor(2)

    def remote(max_retries: int) -> Callable[[object], object]:
        def submit(batch: Batch) -> object:
            return SimpleNamespace(future=lambda: threads.submit(obey, batch))

        return lambda task: SimpleNamespace(remote=submit)

    ray = SimpleNamespace(
        __spec__=object(),
        init=lambda **_: None,
        shutdown=threads.shutdown,
        cluster_resources=lambda: {"CPU": 1.0},
        remote=remote,
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    errors = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)
    monkeypatch.setitem(sys.modules, "ray.exceptions", errors)
    return partial(engines.on_ray, "auto")


def test_tasks_of_a_cluster_give_the_same_tables_though_a_machine_dies(
    corpus: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[Batch] = []

    def obey(batch: Batch) -> list[bytes]:
        if not died:
            died.append(batch)
            raise RayError("node died")
        return read_batch(batch)

    scanned(corpus, out=tmp_path / "out", engine=a_cluster(monkeypatch, obey))
    assert died and digests(tmp_path / "out") == digests(whole)


def test_ray_cluster_without_voicechat_fails_the_scan_and_rejects_no_file(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def obey(batch: Batch) -> list[bytes]:
        raise RayTaskError

    with pytest.raises(ConfigError, match="a task of the cluster failed: ModuleNotFoundError"):
        scanned(corpus, out=tmp_path / "out", engine=a_cluster(monkeypatch, obey))


def test_sources_are_walked_and_scans_and_other_files_of_a_tape_are_not(tmp_path: Path) -> None:
    write_tape(tmp_path / "x", 1)
    (tmp_path / "x" / "000" / "tape-000001" / "about.json").write_text("{}")
    (tmp_path / "x" / "notes.md").write_text("none")
    (tmp_path / "x" / "a.log").write_text("hello")
    scanned(tmp_path / "x", out=tmp_path / "x" / "out")
    assert [os.path.relpath(one, tmp_path / "x") for one in files_in([str(tmp_path / "x")])] == [
        "000/tape-000001/session.jsonl",
        "a.log",
    ]
    with pytest.raises(ConfigError, match="there is no"):
        files_in([str(tmp_path / "nowhere")])
    with pytest.raises(ConfigError, match="neither a tape nor a log"):
        files_in([str(tmp_path / "x" / "out")])


def test_a_folder_that_is_no_scans_is_left_alone(tmp_path: Path) -> None:
    write_tape(tmp_path / "x", 1)
    with pytest.raises(ConfigError, match="not empty"):
        scanned(tmp_path / "x", out=tmp_path / "x")


def test_half_a_character_in_a_log_is_no_crash(tmp_path: Path) -> None:
    line = {
        "type": "error",
        "error": {"type": "invalid_request_error", "code": "unknown_parameter", "message": "x\ud83d"},
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(line) + "\n")
    scanned(tmp_path / "a.jsonl", out=tmp_path / "out")
    assert table(tmp_path / "out", "errors")[0]["message"] == "x?"

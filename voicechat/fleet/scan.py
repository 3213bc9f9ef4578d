"""Tapes and logs into tables: what is new or has changed is read, everything else is kept from the scans before.

In the folder of a scan:

    sessions.parquet turns.parquet findings.parquet tools.parquet errors.parquet usage.parquet      sorted by file
    segments/000000/...      the same tables as far as they were read at once; a scan that is killed goes on from here
    fleet.json               marks the folder, and says which version wrote it

Every row depends on its file alone, and the tables are sorted by file and place: who read it, in which order and after
how many interruptions changes no byte of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicechat import __version__
from voicechat.cli.diagnose import LOGS
from voicechat.errors import ConfigError
from voicechat.fleet.engines import Batch, Engine
from voicechat.fleet.rows import TABLES, Rows, stamp_of
from voicechat.journal.locks import lock
from voicechat.journal.tape import EVENTS_FILE

MARK = "fleet.json"
FORMAT = 1
"""Of the tables; another one, or another version of voicechat, reads everything again."""
FEWEST_IN_SEGMENT = 256
"""Files; at most so many are read again after a kill, or what was read in the last `FLUSH` seconds."""
MOST_SEGMENTS = 2_000
FLUSH = 10.0
MOST_ROWS_WAITING = 200_000
BATCH_FILES = 16
BATCH_BYTES = 8 * 1024 * 1024
ROW_GROUP = 102_400
MEMORY = "256MB"
"""Of the last step, which sorts; beyond that it uses the disk."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan did."""

    files: int
    read: int
    kept: int
    unread: int
    """Files that could not be read; each is a row with its reason."""
    events: int
    seconds: float


def needed() -> tuple[Any, Any]:
    """pyarrow and duckdb. Raises ConfigError where the extra is not installed."""
    try:
        import duckdb
        import pyarrow
    except ImportError as error:
        raise ConfigError("fleet needs pyarrow and duckdb", hint='pip install "voicechat[fleet]"') from error
    return pyarrow, duckdb


def files_in(sources: Sequence[str]) -> list[str]:
    """Every tape and log below the sources, sorted; a file that is named is one, whatever its ending.

    Of a tape only its events; folders of scans are passed over. Raises ConfigError for a source that is not there.
    """
    found: set[str] = set()
    for source in sources:
        if not os.path.lexists(source):
            raise ConfigError(f"there is no {source}", hint="give folders of tapes and logs, or files")
        root = os.path.abspath(source)
        found.update(_below(root) if os.path.isdir(root) else [root])
    if not found:
        raise ConfigError(
            f"there is neither a tape nor a log in {', '.join(sources)}", hint=f"logs end in {' '.join(sorted(LOGS))}"
        )
    return sorted(found)


def _below(root: str) -> Iterator[str]:
    for folder, inner, names in os.walk(root):
        if MARK in names:
            inner.clear()
        elif EVENTS_FILE in names:
            inner.clear()
            yield os.path.join(folder, EVENTS_FILE)
        else:
            yield from (os.path.join(folder, name) for name in names if os.path.splitext(name)[1].lower() in LOGS)


def scan(
    sources: Sequence[str], out: Path, engine: Engine, tell: Callable[[str, bool], None], *, clock: Callable[[], float]
) -> Scanned:
    """Bring the tables in `out` up to date. `tell`: progress, and whether it is the last word; `clock`: seconds.

    Raises ConfigError for a source that is not there, and for a folder that is no scan's or is in use.
    """
    needed()
    began = clock()
    named = {_name(path): path for path in files_in(sources)}
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = out / MARK
    if not mark.exists() and any(out.iterdir()):
        raise ConfigError(f"{out} is not empty, and no folder of a scan", hint="give a new folder with --out")
    with os.fdopen(os.open(mark, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as held:
        try:
            lock(held.fileno())
        except OSError as error:
            raise ConfigError(f"another scan writes {out}", hint="wait for it, or give another --out") from error
        segments = _Segments(out)
        known = segments.known()
        current = {name: stamp_of(path) for name, path in named.items()}
        kept = {
            name: known[name][1] for name, (stamp, _) in current.items() if name in known and known[name][0] == stamp
        }
        todo = [name for name in named if name not in kept]
        least = max(FEWEST_IN_SEGMENT, len(named) // MOST_SEGMENTS)
        progress = _Progress(len(todo), len(kept), tell, clock)
        batches = _batches([(named[name], current[name][1]) for name in todo])
        flushed = began
        for path, rows in engine(batches) if batches else ():
            segments.add(_name(path), rows)
            progress.one(rows)
            if segments.is_full(least) or clock() - flushed > FLUSH:
                kept |= segments.flush()
                flushed = clock()
        kept |= segments.flush()
        progress.end("sorting the tables")
        segments.merge(kept)
        mark.write_text(json.dumps({"fleet": FORMAT, "voicechat": __version__}) + "\n", encoding="utf-8")
    unread = segments.unread()
    return Scanned(len(named), len(todo), len(named) - len(todo), unread, progress.events, clock() - began)


def _name(path: str) -> str:
    """A path as a table has it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _batches(files: Iterable[tuple[str, int]]) -> list[Batch]:
    """The largest first, so that no worker is left alone with one at the end."""
    batches: list[list[str]] = []
    size = 0
    for path, many in sorted(files, key=lambda one: (-one[1], one[0])):
        if not batches or size + many > BATCH_BYTES or len(batches[-1]) >= BATCH_FILES:
            batches.append([])
            size = 0
        batches[-1].append(path)
        size += many
    return [tuple(batch) for batch in batches]


class _Progress:
    def __init__(self, todo: int, kept: int, tell: Callable[[str, bool], None], clock: Callable[[], float]) -> None:
        self._todo, self._kept, self._tell, self._clock = todo, kept, tell, clock
        self._began = clock()
        self._done = self._unread = 0
        self.events = 0

    def one(self, rows: Rows) -> None:
        """One more file is read."""
        columns = list(TABLES["sessions"])[1:]
        told = dict(zip(columns, rows["sessions"][0], strict=True))
        self.events += told["events"] or 0
        self._unread += told["error"] is not None
        self._done += 1
        left = (self._clock() - self._began) / self._done * (self._todo - self._done)
        self._tell(f"{self._counts()}, {left:.0f} s to go", False)

    def _counts(self) -> str:
        unread = f", {self._unread:,} unreadable" if self._unread else ""
        kept = f", {self._kept:,} known" if self._kept else ""
        return f"{self._done:,} of {self._todo:,} files{kept}, {self.events:,} events{unread}"

    def end(self, what: str) -> None:
        """The last word."""
        self._tell(f"{self._counts()}; {what}", True)


class _Segments:
    """What was read, on disk."""

    def __init__(self, out: Path) -> None:
        self._pyarrow, self._duckdb = needed()
        self._out, self._root = out, out / "segments"
        self._root.mkdir(mode=0o700, exist_ok=True)
        self._waiting: dict[str, list[list[Any]]] = {name: [] for name in TABLES}
        self._files: list[str] = []
        types = {"text": "string", "whole": "int64", "real": "float64", "flag": "bool_"}
        self._schemas = {
            name: self._pyarrow.schema(
                [(column, getattr(self._pyarrow, types[kind])()) for column, kind in told.items()]
            )
            for name, told in TABLES.items()
        }
        self._next = 0

    def known(self) -> dict[str, tuple[str, str]]:
        """File -> (its stamp, the segment it is in). Files that could not be read are none: they are tried again."""
        from pyarrow import parquet

        found: dict[str, tuple[str, str]] = {}
        says = json.dumps({"fleet": FORMAT, "voicechat": __version__})
        for folder in sorted(self._root.iterdir()):
            self._next = max(self._next, int(folder.name) + 1 if folder.name.isdecimal() else 0)
            try:
                is_ours = (folder / MARK).read_text(encoding="utf-8") == says
                told = (
                    parquet.read_table(folder / "sessions.parquet", columns=["file", "stamp", "error"])
                    if is_ours
                    else None
                )
            except (OSError, ValueError):
                told = None
            if told is None:  # of another version, or cut off by a kill
                shutil.rmtree(folder)
                continue
            for file, stamp, error in zip(*(column.to_pylist() for column in told.columns), strict=True):
                if error is None:
                    found[file] = stamp, folder.name
        return found

    def add(self, file: str, rows: Rows) -> None:
        """The rows of one file, written with the next `flush`."""
        self._files.append(file)
        for name, table in self._waiting.items():
            table += ([file, *row] for row in rows[name])

    def is_full(self, files: int) -> bool:
        """Whether it is time to write."""
        return len(self._files) >= files or sum(map(len, self._waiting.values())) >= MOST_ROWS_WAITING

    def flush(self) -> dict[str, str]:
        """Write what was added as one segment, whole or not at all. Returns the segment of each file."""
        from pyarrow import parquet

        if not self._files:
            return {}
        name = f"{self._next:06}"
        self._next += 1
        draft = self._root / f"{name}.draft"
        draft.mkdir(mode=0o700)
        for table, rows in self._waiting.items():
            schema = self._schemas[table]
            columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
            arrays = [self._pyarrow.array(list(cells), kind.type) for cells, kind in zip(columns, schema, strict=True)]
            parquet.write_table(
                self._pyarrow.table(arrays, schema=schema), draft / f"{table}.parquet", compression="zstd"
            )
            rows.clear()
        (draft / MARK).write_text(json.dumps({"fleet": FORMAT, "voicechat": __version__}), encoding="utf-8")
        draft.rename(self._root / name)
        files, self._files = self._files, []
        return dict.fromkeys(files, name)

    def merge(self, wanted: dict[str, str]) -> None:
        """Write the tables of these files, each out of its segment; segments that none is in are removed."""
        from pyarrow import parquet

        used = sorted(set(wanted.values()))
        for folder in self._root.iterdir():
            if folder.name not in used:
                shutil.rmtree(folder)
        digest = hashlib.sha256(json.dumps(sorted(wanted.items())).encode()).hexdigest()
        last = self._root.parent / "merged"
        if (
            last.exists()
            and last.read_text() == digest
            and all((self._out / f"{name}.parquet").exists() for name in TABLES)
        ):
            return
        last.unlink(missing_ok=True)
        spill = self._out / "sorting"
        with self._duckdb.connect() as base:
            base.execute(f"SET threads=1; SET memory_limit='{MEMORY}'; SET temp_directory={_quoted(spill)}")
            names = self._pyarrow.table({"file": list(wanted), "segment": list(wanted.values())})
            base.register("wanted", names)
            for table, columns in TABLES.items():
                draft = self._out / f"{table}.parquet.draft"
                places = ", ".join(_quoted(self._root / name / f"{table}.parquet") for name in used)
                told = ", ".join(f"t.{column}" for column in columns)
                order = "t.file, t.place" if "place" in columns else "t.file"
                rows = f"read_parquet([{places}], filename=true) t JOIN wanted w ON t.file = w.file "
                rows += "AND parse_filename(parse_path(t.filename)[-2]) = w.segment"
                query = f"SELECT {told} FROM {rows} ORDER BY {order}"
                reader = base.sql(query).to_arrow_reader(ROW_GROUP)  # DuckDB's own Parquet differs by history
                with parquet.ParquetWriter(draft, self._schemas[table], compression="zstd") as writer:
                    for batch in reader:
                        writer.write_batch(batch.cast(self._schemas[table]))
                draft.chmod(0o600)
        shutil.rmtree(spill, ignore_errors=True)
        for table in TABLES:
            (self._out / f"{table}.parquet.draft").replace(self._out / f"{table}.parquet")
        last.touch(0o600)
        last.write_text(digest)

    def unread(self) -> int:
        """Files of the tables that could not be read."""
        from pyarrow import parquet

        column = parquet.read_table(self._out / "sessions.parquet", columns=["error"]).column(0)
        return int(len(column) - column.null_count)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

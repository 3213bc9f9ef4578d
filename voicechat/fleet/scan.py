"""Tapes and logs into tables: what is new or has changed is read, everything else is kept from the scans before.

In the folder of a scan:

    sessions.parquet turns.parquet findings.parquet tools.parquet errors.parquet usage.parquet      sorted by file
    fleet.duckdb        the same rows as far as they were read; a scan that is killed goes on from here

Every row depends on its file alone, and the tables are sorted by file and place: who read it, in which order and after
how many interruptions changes no byte of them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicechat import __version__
from voicechat.errors import ConfigError, require_extra
from voicechat.fleet.engines import Batch, Engine
from voicechat.fleet.rows import TABLES, Rows, columns_of, stamp_of
from voicechat.journal.reports import LOGS
from voicechat.journal.tape import EVENTS_FILE

STORE = "fleet.duckdb"
FORMAT = 3
"""Of the tables; another one, or another version of voicechat, reads everything again."""
FLUSH = 10.0
"""Seconds of reading that a kill may cost."""
MOST_ROWS_WAITING = 200_000
BATCH_FILES = 16
LEAST_BATCHES = 128
"""Where there are so many files, so that all workers have something to do."""
ROW_GROUP = 102_400
MEMORY = "256MB"
"""Of the database, which sorts in the end; beyond that it uses the disk."""
EXTRA = ("fleet", "voicechat fleet needs", "pyarrow", "duckdb")


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
        if STORE in names:
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
    require_extra(*EXTRA)
    began = flushed = clock()
    named = {_name(path): path for path in files_in(sources)}
    stamps = {name: stamp_of(path) for name, path in named.items()}
    with _store(out) as store:
        kept = store.keep({name: stamp for name, (stamp, _) in stamps.items()})
        batches = _batches((size, named[name]) for name, (_, size) in stamps.items() if name not in kept)
        todo, done, events, unread = len(named) - len(kept), 0, 0, 0

        def counts() -> str:
            known, failed = f", {len(kept):,} known" if kept else "", f", {unread:,} unreadable" if unread else ""
            return f"{done:,} of {todo:,} files{known}, {events:,} events{failed}"

        for path, rows in engine(batches) if batches else ():
            session = dict(zip(columns_of("sessions"), rows["sessions"][0], strict=True))
            done, events, unread = done + 1, events + (session["events"] or 0), unread + (session["error"] is not None)
            now = clock()
            tell(f"{counts()}, {(now - began) / done * (todo - done):.0f} s to go", False)
            if store.add(_name(path), rows) >= MOST_ROWS_WAITING or now - flushed > FLUSH:
                store.flush()
                flushed = now
        store.flush()
        tell(f"{counts()}; sorting the tables", True)
        store.write()
        return Scanned(len(named), todo, len(kept), unread, events, clock() - began)


def _name(path: str) -> str:
    """A path as a table has it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _batches(files: Iterable[tuple[int, str]]) -> list[Batch]:
    """Large files and small ones together, the largest first: no worker is left alone with one at the end."""
    paths = [path for _, path in sorted(files, reverse=True)]
    count = max(math.ceil(len(paths) / BATCH_FILES), min(len(paths), LEAST_BATCHES))
    return [tuple(paths[start::count]) for start in range(count)]


@contextmanager
def _store(out: Path) -> Iterator[_Store]:
    """The store in a folder, whose new files only the user can read."""
    import duckdb

    mask = os.umask(0o077)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not (out / STORE).exists() and any(out.iterdir()):
            raise ConfigError(f"{out} is not empty, and no folder of a scan", hint="give a new folder with --out")
        try:
            base = duckdb.connect(str(out / STORE), config={"threads": "1", "memory_limit": MEMORY})
        except duckdb.Error as error:
            hint = "wait until another scan of it has ended, or give another --out"
            raise ConfigError(f"{out} cannot be written: {error}", hint=hint) from error
        with base:
            yield _Store(out, base)
    finally:
        os.umask(mask)


class _Store:
    """The rows that were read, in a database of their own; a scan that is killed loses what was not flushed."""

    def __init__(self, out: Path, base: Any) -> None:
        self._out, self._base = out, base
        self._waiting: dict[str, list[list[Any]]] = {name: [] for name in TABLES}
        self._sql("CREATE TABLE IF NOT EXISTS scan (format INTEGER, version VARCHAR, is_written BOOLEAN)")
        if self._sql("SELECT format, version FROM scan") == [(FORMAT, __version__)]:
            return
        with self._change():
            for name, columns in TABLES.items():
                self._sql(f"CREATE OR REPLACE TABLE {name} (file text, {columns})")
            self._sql("DELETE FROM scan")
            self._sql("INSERT INTO scan VALUES (?, ?, false)", FORMAT, __version__)

    def keep(self, stamps: dict[str, str]) -> set[str]:
        """Forget all but the files that were read as they are now, and return these; an unreadable one was not."""
        known = self._sql("SELECT file, stamp, error IS NULL FROM sessions")
        kept = {file for file, stamp, is_read in known if is_read and stamps.get(file) == stamp}
        if gone := [file for file, *_ in known if file not in kept]:
            with self._change():
                for name in TABLES:
                    self._sql(f"DELETE FROM {name} WHERE file IN (SELECT unnest(?))", gone)
        return kept

    def add(self, file: str, rows: Rows) -> int:
        """The rows of one file, stored with the next `flush`; returns how many wait for it."""
        for name, table in self._waiting.items():
            table += ([file, *row] for row in rows[name])
        return sum(map(len, self._waiting.values()))

    def flush(self) -> None:
        """Store what was added, all or nothing."""
        from pyarrow import table

        added = {name: rows for name, rows in self._waiting.items() if rows}
        with self._change() if added else nullcontext():
            for name, rows in added.items():
                columns = map(list, zip(*rows, strict=True))
                told = dict(zip(("file", *columns_of(name)), columns, strict=True))
                self._base.from_arrow(table(told)).insert_into(name)
                rows.clear()

    def write(self) -> None:
        """The tables as Parquet, where they are not written yet."""
        from pyarrow import parquet

        files = {name: self._out / f"{name}.parquet" for name in TABLES}
        if self._sql("SELECT is_written FROM scan") == [(True,)] and all(file.exists() for file in files.values()):
            return
        for name, file in files.items():
            order = "file, place" if "place" in columns_of(name) else "file"
            reader = self._base.sql(f"FROM {name} ORDER BY {order}").to_arrow_reader(ROW_GROUP)
            # DuckDB's own Parquet differs by what was deleted before
            with parquet.ParquetWriter(file.with_suffix(".draft"), reader.schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(batch)
        for file in files.values():
            file.with_suffix(".draft").replace(file)
        self._sql("UPDATE scan SET is_written = true")

    def _sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._base.execute(statement, values).fetchall()
        return rows

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Everything in the block happens, or nothing; the files are to be written then."""
        self._base.begin()
        self._sql("UPDATE scan SET is_written = false")
        yield
        self._base.commit()

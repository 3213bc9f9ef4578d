"""Questions to the tables of a scan: any SELECT, and what changed from one scan to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from voicechat.errors import ConfigError
from voicechat.fleet.rows import TABLES
from voicechat.fleet.scan import needed

Z = 1.959964
"""Standard deviations of a 95 % interval."""
RESAMPLES = 400
LATENCIES = ("wait", "end_of_speech", "answer_created", "transcript_in", "silent_in")
"""Of `turns`, seconds."""


class Tables:
    """The tables of one folder in DuckDB: SELECT alone, over these files alone. Raises ConfigError for no scan."""

    def __init__(self, folder: Path) -> None:
        _, self._duckdb = needed()
        files = {name: str((folder / f"{name}.parquet").resolve()) for name in TABLES}
        if missing := [name for name, file in files.items() if not Path(file).is_file()]:
            hint = "`voicechat fleet scan SRC --out DIR` makes it, and finishes one that was ended"
            raise ConfigError(f"{folder} has no tables of a scan: {', '.join(missing)}", hint=hint)
        self._base = self._duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
                "temp_directory": "",
                "python_enable_replacements": "false",
            }
        )
        allowed = ", ".join(map(_quoted, files.values()))
        self._base.execute(f"SET allowed_paths=[{allowed}]; SET enable_external_access=false")
        for name, file in files.items():
            self._base.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({_quoted(file)})")
        self._base.execute("SET lock_configuration=true")

    def ask(self, sql: str, *values: object) -> tuple[tuple[str, ...], Any]:
        """(columns, a result with `fetchmany`) of one SELECT. Raises ConfigError for anything else, or a wrong one."""
        try:
            statements = self._base.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
                raise ConfigError("only one SELECT can be asked", hint=f"tables: {', '.join(TABLES)}")
            result = self._base.execute(statements[0], list(values))
        except self._duckdb.Error as error:
            raise ConfigError(
                f"DuckDB: {str(error).strip()}", hint="`SELECT * FROM turns LIMIT 1` shows columns"
            ) from error
        return tuple(one[0] for one in result.description), result

    def all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a SELECT of ours."""
        rows: list[tuple[Any, ...]] = self.ask(sql, *values)[1].fetchall()
        return rows


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share."""
    if not of:
        return 0.0, 1.0
    share, spread = count / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Change:
    """One measure in two scans: its value and 95 % interval in each, and the interval of b - a."""

    what: str
    kind: Literal["share", "seconds", "usd"]
    a: float
    a_interval: tuple[float, float]
    b: float
    b_interval: tuple[float, float]
    difference: tuple[float, float]

    @property
    def is_sure(self) -> bool:
        """The interval of the difference does not hold 0."""
        return self.difference[0] > 0 or self.difference[1] < 0

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"changed": self.is_sure}


def compare(a: Tables, b: Tables) -> list[Change]:
    """Shares of sessions by Wilson and, for their difference, Newcombe; latencies and cost by a bootstrap of sessions.

    Sessions are resampled whole, because the turns of one are alike; the seed is fixed, so the answer is too.
    """
    counts = [_counts(one) for one in (a, b)]
    totals = [one.pop("") for one in counts]
    if not all(totals):
        raise ConfigError("a scan without any session that could be read has nothing to compare")
    names = sorted({*counts[0], *counts[1]}, key=lambda name: (name in ("healthy", "unreadable"), name))
    changes = [
        _share(name, *((one.get(name, 0), total) for one, total in zip(counts, totals, strict=True))) for name in names
    ]
    for column in LATENCIES:
        values = [
            one.all(f"SELECT file, {column} FROM turns WHERE {column} IS NOT NULL ORDER BY file, place")
            for one in (a, b)
        ]
        for share in (0.5, 0.95):
            changes += _resampled(f"{column} p{share * 100:.0f}", "seconds", values, share)
    costs = [one.all("SELECT file, cost_usd FROM sessions WHERE cost_usd IS NOT NULL ORDER BY file") for one in (a, b)]
    return changes + _resampled("cost of a session, mean", "usd", costs, None)


def _counts(tables: Tables) -> dict[str, int]:
    """Code -> sessions with that cause; with `""` for all that were read."""
    told = tables.all("SELECT code, count(DISTINCT file) FROM findings WHERE follows IS NULL GROUP BY code")
    query = "SELECT count(*) FILTER (error IS NULL), count(*) FILTER (healthy), count(error) FROM sessions"
    total, healthy, unread = tables.all(query)[0]
    return dict(told) | {"": total, "healthy": healthy, "unreadable": min(unread, total)}


def _share(name: str, one: tuple[int, int], other: tuple[int, int]) -> Change:
    a, b = one[0] / one[1], other[0] / other[1]
    (low_a, high_a), (low_b, high_b) = wilson(*one), wilson(*other)
    low = b - a - math.hypot(b - low_b, high_a - a)  # Newcombe 1998, method 10
    high = b - a + math.hypot(high_b - b, a - low_a)
    return Change(name, "share", a, (low_a, high_a), b, (low_b, high_b), (low, high))


def _resampled(
    what: str, kind: Literal["seconds", "usd"], rows: Sequence[list[tuple[Any, ...]]], share: float | None
) -> list[Change]:
    import numpy as np

    if any(len({row[0] for row in one}) < 2 for one in rows):
        return []
    drawn = [_draws(one, share, np.random.default_rng(seed)) for seed, one in enumerate(rows)]
    (a, of_a), (b, of_b) = drawn

    def interval(values: Any) -> tuple[float, float]:
        low, high = np.quantile(values, (0.025, 0.975))
        return float(low), float(high)

    return [Change(what, kind, a, interval(of_a), b, interval(of_b), interval(of_b - of_a))]


def _draws(rows: list[tuple[Any, ...]], share: float | None, random: Any) -> tuple[float, Any]:
    """The percentile (`share` None: the mean) of the rows, and of as many draws of as many whole sessions."""
    import numpy as np

    _, owner = np.unique([row[0] for row in rows], return_inverse=True)
    values = np.array([row[1] for row in rows], dtype=float)
    order = np.argsort(values, kind="stable")
    values, owner = values[order], owner[order]
    sessions = int(owner.max()) + 1

    def of(weights: Any) -> float:
        if share is None:
            return float((values * weights).sum() / weights.sum())
        until = np.cumsum(weights)
        return float(values[np.searchsorted(until, share * until[-1])])

    draws = [
        of(np.bincount(random.integers(0, sessions, sessions), minlength=sessions)[owner]) for _ in range(RESAMPLES)
    ]
    return of(np.ones(len(values), dtype=int)), np.array(draws)

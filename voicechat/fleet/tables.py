"""Questions to the tables of a scan: any SELECT, and what changed from one scan to another."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from voicechat.errors import ConfigError, require_extra
from voicechat.fleet.rows import TABLES
from voicechat.fleet.scan import EXTRA

Z = 1.959964
"""Standard deviations of a 95 % interval."""
LATENCIES = ("wait", "end_of_speech", "answer_created", "transcript_in", "silent_in")
"""Of `turns`, seconds; in the view `waits` a row each."""
_SHARES = """
SELECT '', count(*) - count(error) FROM sessions
UNION ALL SELECT 'healthy', count(*) FILTER (healthy) FROM sessions
UNION ALL SELECT 'unreadable', least(count(error), count(*) - count(error)) FROM sessions
UNION ALL SELECT code, count(DISTINCT file) FROM findings WHERE follows IS NULL GROUP BY code
"""
"""Code -> sessions with that cause, and `''` for all that were read."""
_PERCENTILES = f"""
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY what ORDER BY seconds, file) AS rank,
        count(*) OVER (PARTITION BY what) AS turns FROM waits
), percentiles AS (
    SELECT what, turns, share, min(seconds) AS value FROM ranked, (VALUES (0.5), (0.95)) AS _(share)
    WHERE rank >= share * turns GROUP BY ALL
), sessions_of AS (
    SELECT what, turns, share, value, file, sum((seconds <= value)::INT - share) AS over
    FROM ranked JOIN percentiles USING (what, turns) GROUP BY ALL
), spreads AS (
    SELECT what, turns, share, value, {Z} * sqrt(sum(over * over) * count(*) / (count(*) - 1)) AS ranks
    FROM sessions_of GROUP BY ALL HAVING count(*) > 1
)
SELECT format('{{}} p{{:.0f}}', what, 100.0 * share), value, min(seconds) FILTER (rank >= share * turns - ranks),
    coalesce(min(seconds) FILTER (rank >= share * turns + ranks), max(seconds))
FROM ranked JOIN spreads USING (what, turns) GROUP BY what, share, value
ORDER BY list_position({list(LATENCIES)}, what), share
"""
"""(latency, value, lowest, highest) by Woodruff (1952): the interval of the share of turns up to the percentile, by how
it differs between whole sessions, read off the turns in their order."""
_MEANS = f"""
SELECT 'cost of a session, mean', avg(cost_usd) AS mean, mean - {Z} * stddev_samp(cost_usd) / sqrt(count(cost_usd)),
    mean + {Z} * stddev_samp(cost_usd) / sqrt(count(cost_usd)) FROM sessions HAVING count(cost_usd) > 1
"""


class Tables:
    """The tables of one folder in DuckDB: SELECT alone, over these files alone. Raises ConfigError for no scan."""

    def __init__(self, folder: Path) -> None:
        require_extra(*EXTRA)
        import duckdb

        self._duckdb = duckdb
        files = {name: str((folder / f"{name}.parquet").resolve()) for name in TABLES}
        if missing := [name for name, file in files.items() if not Path(file).is_file()]:
            hint = "`voicechat fleet scan SRC --out DIR` makes it, and finishes one that was ended"
            raise ConfigError(f"{folder} has no tables of a scan: {', '.join(missing)}", hint=hint)
        off = ("autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions")
        config = dict.fromkeys((*off, "python_enable_replacements"), "false")
        self._base = duckdb.connect(config=config | {"temp_directory": ""})
        for name, file in files.items():
            self._base.read_parquet(file).create_view(name)
        waits = f"UNPIVOT turns ON {', '.join(LATENCIES)} INTO NAME what VALUE seconds"
        self._base.execute(f"CREATE VIEW waits AS SELECT file, what, seconds FROM ({waits})")
        self._base.execute("SET allowed_paths=?", [list(files.values())])
        self._base.execute("SET enable_external_access=false; SET lock_configuration=true")

    def ask(self, sql: str) -> tuple[tuple[str, ...], Any]:
        """(columns, a result with `fetchmany`) of one SELECT. Raises ConfigError for anything else, or a wrong one."""
        try:
            statements = self._base.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
                raise ConfigError("only one SELECT can be asked", hint=f"tables: {', '.join(TABLES)}")
            result = self._base.execute(statements[0])
        except self._duckdb.Error as error:
            hint = "`SELECT * FROM turns LIMIT 1` shows columns"
            raise ConfigError(f"DuckDB: {str(error).strip()}", hint=hint) from error
        return tuple(one[0] for one in result.description), result

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        rows: list[tuple[Any, ...]] = self.ask(sql)[1].fetchall()
        return rows


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share."""
    if not of:
        return 0.0, 1.0
    share, spread = count / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, middle - half), min(1.0, middle + half)


Kind = Literal["share", "seconds", "usd"]


@dataclass(frozen=True, slots=True)
class Change:
    """One measure in two scans: its value and 95 % interval in each, and the interval of b - a."""

    what: str
    kind: Kind
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
    """Shares of sessions, percentiles of latencies and the mean cost; a session counts whole, its turns are alike."""
    counts = [dict(one.all(_SHARES)) for one in (a, b)]
    totals = [one.pop("") for one in counts]
    if not all(totals):
        raise ConfigError("a scan without any session that could be read has nothing to compare")
    changes = []
    for name in sorted({*counts[0], *counts[1]}, key=lambda name: (name in ("healthy", "unreadable"), name)):
        pairs = [(one.get(name, 0), total) for one, total in zip(counts, totals, strict=True)]
        changes.append(_change(name, "share", *((count / of, *wilson(count, of)) for count, of in pairs)))
    kinds: tuple[tuple[Kind, str], ...] = (("seconds", _PERCENTILES), ("usd", _MEANS))
    for kind, query in kinds:
        of_a, of_b = ({what: tuple(told) for what, *told in one.all(query)} for one in (a, b))
        changes += [_change(what, kind, of_a[what], of_b[what]) for what in of_a if what in of_b]
    return changes


def _change(what: str, kind: Kind, one: tuple[float, ...], other: tuple[float, ...]) -> Change:
    """Each with its value, lowest and highest. The interval of the difference: Newcombe 1998, method 10."""
    (a, low_a, high_a), (b, low_b, high_b) = one, other
    low, high = b - a - math.hypot(b - low_b, high_a - a), b - a + math.hypot(high_b - b, a - low_a)
    return Change(what, kind, a, (low_a, high_a), b, (low_b, high_b), (low, high))

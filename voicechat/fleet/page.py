"""One self-contained page about a scan: causes by frequency, latencies, examples that lead to their tape.

It loads nothing and runs nothing; whatever came from a log is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from voicechat import __version__
from voicechat.fleet.tables import LATENCIES, Tables, wilson
from voicechat.journal.markup import Markup, document, el, joined
from voicechat.journal.page import SIGNS

EXAMPLES = 3
"""Sessions that are named for each cause."""
BINS = 48
"""Bars of a distribution, `BAR` wide and `HIGH` at most."""
BAR, HIGH = 10, 96
TITLES = {
    "wait": "From your last sound to the first sound of the answer",
    "end_of_speech": "Until the server saw the end of your speech",
    "answer_created": "From there until the answer began",
    "transcript_in": "Until your words were written down",
    "silent_in": "From an interruption to silence",
}
STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.3rem .6rem .3rem 0;vertical-align:top;border-bottom:1px solid #8884}
.n{text-align:right;white-space:nowrap}.quiet{opacity:.7;font-size:.85rem}code{font-size:.9em}
svg{max-width:100%;height:auto}rect{fill:#3a7bd5}.mark{fill:#d5503a}text{fill:currentColor;font-size:11px}
a{word-break:break-all}
"""


def page_of(tables: Tables, title: str) -> str:
    """The page, HTML."""
    files, unread, healthy, events, hours, cost = tables.all(
        "SELECT count(*), count(*) FILTER (error IS NOT NULL), count(*) FILTER (healthy), coalesce(sum(events), 0), "
        "coalesce(sum(seconds), 0) / 3600, sum(cost_usd) FROM sessions"
    )[0]
    judged = files - unread
    head = f"{files:,} files, {events:,.0f} events, {hours:,.1f} hours of talk"
    head += f"; {healthy:,} healthy ({healthy / judged:.1%})" if judged else ""
    head += f"; {unread:,} could not be read" if unread else ""
    head += f"; {cost:,.2f} USD by the price table" if cost else ""
    body = (
        el("h1", title),
        el("p", head),
        el("h2", "Causes, by the share of sessions"),
        el("p", "A cause counts once a session; in brackets Wilson's 95 % interval.", class_="quiet"),
        _causes(tables, judged),
        el("h2", "Latencies"),
        *_latencies(tables),
        *((el("h2", "What could not be read"), _unread(tables)) if unread else ()),
        el("p", f"voicechat {__version__} fleet report", class_="quiet"),
    )
    return document(title, body, STYLE)


def _causes(tables: Tables, judged: int) -> Markup:
    rows = tables.all(
        "SELECT code, arg_min(severity, file), arg_min(title, file), count(*) AS many, "
        f"list((file, line) ORDER BY confidence DESC, file)[:{EXAMPLES}] FROM (SELECT code, file, min(line) AS line, "
        "max(confidence) AS confidence, arg_min(severity, place) AS severity, arg_min(title, place) AS title "
        "FROM findings WHERE follows IS NULL GROUP BY code, file) GROUP BY code ORDER BY many DESC, code"
    )
    if not rows:
        return el("p", "Nothing was found.")
    return el("table", (_cause(judged, *row) for row in rows))


def _cause(
    judged: int, code: str, severity: str, title: str, many: int, examples: list[tuple[str, int | None]]
) -> Markup:
    low, high = wilson(many, judged)
    share = f"{many / judged:.2%} ({low:.2%} … {high:.2%})"
    return el(
        "tr",
        el("td", SIGNS.get(severity, ""), " ", el("code", code), el("div", title, class_="quiet")),
        el("td", f"{many:,}", el("div", share, class_="quiet"), class_="n"),
        el("td", el("meter", value=many / judged)),
        el("td", (el("div", _link(*one), class_="quiet") for one in examples)),
    )


def _link(file: str, line: int | None) -> Markup:
    """To the tape's folder, or to the log."""
    path = PurePath(file)
    name = str(path.parent.name) if path.name == "session.jsonl" else path.name
    return joined(el("a", name, href=Path(file).as_uri()), "" if line is None else f" line {line}")


def _latencies(tables: Tables) -> Iterator[Markup]:
    for what, count, median, late, most, top, bins in tables.all(
        "WITH tops AS (SELECT what, count(*), quantile_cont(seconds, 0.5), quantile_cont(seconds, 0.95), "
        "quantile_cont(seconds, 0.99) AS most, greatest(0.1, ceil(most * 10) / 10) AS top FROM waits GROUP BY what) "
        f"FROM (SELECT tops.*, histogram(least({BINS - 1}, floor(seconds / top * {BINS})::INT)) FROM tops JOIN waits "
        f"USING (what) GROUP BY ALL) ORDER BY list_position({list(LATENCIES)}, what)"
    ):
        yield el("h3", TITLES[what])
        told = f"{count:,} turns: median {median:.2f} s, p95 {late:.2f} s (both marked), p99 {most:.2f} s"
        yield el("p", f"{told}; longer: in the last bar", class_="quiet")
        yield _histogram(bins, top, {min(int(value / top * BINS), BINS - 1) for value in (median, late)})


def _histogram(bins: dict[int, int], top: float, marked: set[int]) -> Markup:
    scale = HIGH / max(bins.values())
    bars = (
        el("rect", x=place * BAR, y=HIGH - many * scale, width=BAR - 1, height=many * scale,
           class_="mark" if place in marked else None)
        for place, many in sorted(bins.items())
    )  # fmt: skip
    axis = (el("text", f"{top * part / 4:.2f} s", x=part * (BINS * BAR - 36) / 4, y=HIGH + 14) for part in range(5))
    return el("svg", bars, axis, viewBox=f"0 0 {BINS * BAR} {HIGH + 18}", width=BINS * BAR, role="img")


def _unread(tables: Tables) -> Markup:
    rows = tables.all("SELECT file, error FROM sessions WHERE error IS NOT NULL ORDER BY file LIMIT 100")
    return el("table", (el("tr", el("td", _link(file, None)), el("td", why)) for file, why in rows))

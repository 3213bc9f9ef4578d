"""One self-contained page of a talk: transcript, timeline, sound, events, findings, numbers.

It loads nothing from anywhere and is allowed nothing: its policy names the two inline texts it may use by their hashes,
so a word of a stranger could not become a script even if it were not escaped. Without a script it reads and prints.

The parts of the page that can be read without a script: transcript, findings, numbers.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Any

import msgspec

from voicechat import __version__
from voicechat.core.tool_turns import ARROW
from voicechat.core.view import CUT_WORDS
from voicechat.insight.metrics.prices import Cost
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.insight.records import Finding
from voicechat.journal.entry import Entry, refs_of, summary_of
from voicechat.journal.export_sound import OPUS_BITS, Levels, as_opus, levels
from voicechat.journal.markup import Markup, data_block, document, el, joined
from voicechat.journal.page_timeline import lane_names, timeline
from voicechat.journal.past_talk import NOTHING, PastTalk, TranscriptLine, clock
from voicechat.ui.sanitise import escaped, show

SIGNS = {"error": "✕", "warning": "▲", "info": "·"}
MOST_EVIDENCE = 8
BAR = 100.0
"""Units of the longest bar of the numbers."""
STEPS = (("end of speech", "step1"), ("answer created", "step2"), ("first words", "step3"), ("first sound", "step4"))


def transcript(talk: PastTalk, voice: str) -> Markup:
    """Every turn with its rail; `data-a` and `data-b` are where it sounds."""
    if not talk.transcript.lines:
        return el("p", "Nothing was said in this talk.", class_="empty")
    return joined(_turn(number, line, voice) for number, line in enumerate(talk.transcript.lines, 1))


def _turn(number: int, line: TranscriptLine, voice: str) -> Markup:
    who = {"you": "you", "assistant": voice, "tool": "tool", "note": "note"}[line.turn.who]
    key = f"t{number}"
    return el(
        "article",
        el("div", who, class_="who"),
        el("div", list(_body(line)), class_="body"),
        el("div", el("a", clock(line.t), href=f"#{key}", class_="at"), list(_beside(line)), class_="meta"),
        id=key,
        class_=f"turn {line.turn.who} {line.turn.level if line.turn.who == 'note' else ''}".rstrip(),
        data_a=line.t,
        data_b=line.until,
    )


def _body(line: TranscriptLine) -> Iterator[Markup]:
    if line.turn.who == "tool":
        yield _tool(line)
    elif line.turn.who == "note":
        yield el("p", f"{SIGNS.get(line.turn.level, '·')} {line.turn.text}")
    else:
        said = el("span", line.said) if line.said else el("span", NOTHING, class_="quiet")
        yield el("p", said, list(_unheard(line)), dir="auto")
        if line.turn.translation:
            yield el("p", f"↳ {line.turn.translation}", class_="quiet", dir="auto")
    if line.turn.failed:
        yield el("p", f"✕ failed: {line.turn.failed}", class_="failed")


def _unheard(line: TranscriptLine) -> Iterator[Markup]:
    if line.turn.cut is None:
        return
    yield el("span", f" ╳ {CUT_WORDS.get(line.cut_by, 'it was cut')} at {line.turn.cut.heard:.1f} s", class_="cut")
    if line.unheard.strip():
        yield el("span", " · not heard: ", class_="quiet")
        yield el("del", line.unheard.strip())


def _tool(line: TranscriptLine) -> Markup:
    arguments, _, result = line.turn.detail.partition(ARROW)
    head = el("summary", el("b", line.turn.text), " ", el("code", arguments[:120]))
    parts = [el("pre", arguments), el("pre", result, class_="result")] if result else [el("pre", arguments)]
    return el("details", head, parts)


def _beside(line: TranscriptLine) -> Iterator[Markup]:
    if line.turn.typed:
        yield el("span", "typed")
    if line.turn.latency is None:
        return
    if line.turn.who == "assistant":
        yield el("span", _waited(line.turn.latency), class_="long" if line.turn.latency > 1.0 else None)
    elif line.turn.who == "tool":
        yield el("span", f"{'✕' if line.turn.failed else '✓'} {line.turn.latency:.2f} s")


def _waited(seconds: float) -> str:
    return f"▲ +{seconds:.2f} s" if seconds > 1.0 else f"+{seconds * 1000:.0f} ms"


def findings(found: tuple[Finding, ...]) -> Markup:
    """What the checks of `diagnose` say of it, the worst first; evidence leads into the list of events."""
    if not found:
        return el("p", "✓ No check found anything wrong.", class_="healthy")
    order = {"error": 0, "warning": 1, "info": 2}
    return joined(_finding(one) for one in sorted(found, key=lambda one: order[one.severity]))


def _finding(one: Finding) -> Markup:
    seen = [
        el("li", el("a", precise(mark.t or 0.0), href=f"#e{mark.seq}", data_seq=mark.seq), " ", el("code", mark.ref))
        for mark in one.evidence[:MOST_EVIDENCE]
    ]
    more = len(one.evidence) - MOST_EVIDENCE
    return el(
        "section",
        el("h3", el("span", f"{SIGNS[one.severity]} {one.code}", class_="code"), " (it ended)" if one.resolved else ""),
        el("p", one.title, class_="title"),
        el("p", one.cause),
        el("p", el("b", "Cure "), one.cure, class_="cure") if one.cure else "",
        el("ul", seen, el("li", f"and {more} more") if more > 0 else ""),
        el("p", f"{one.rests_on} · {one.confidence:.0%} sure", class_="quiet"),
        class_=f"finding {one.severity}",
    )


def precise(seconds: float) -> str:
    """`1:02.345`."""
    return f"{int(seconds) // 60}:{seconds % 60:06.3f}"


def numbers(talk: PastTalk) -> Markup:
    """Each turn's time to the first sound and what it is made of, then sums."""
    figures = talk.figures
    if not figures.turns:
        return el("p", "Numbers start with the first answer.", class_="empty")
    longest = max((turn.total or 0.0 for turn in figures.turns), default=0.0) or 1.0
    has_price = any(cost is not None and cost.usd for cost in figures.costs)
    rows = [
        _turn_row(turn, longest, [el("td", "—" if cost is None else dollars(cost))] if has_price else [])
        for turn, cost in zip(figures.turns, figures.costs, strict=True)
    ]
    names = ("turn", "you", "to the first sound", "", "cut", "tokens in · out", *(("cost",) if has_price else ()))
    head = el("thead", el("tr", [el("th", name, scope="col") for name in names]))
    legend = el("p", [el("span", name, class_=f"key {look}") for name, look in STEPS], class_="legend")
    table = el("div", el("table", head, el("tbody", rows)), class_="scroll")
    return joined(table, legend, el("dl", list(_sums(talk)), class_="sums"))


def _turn_row(turn: TurnNumbers, longest: float, more: list[Markup]) -> Markup:
    spent = "—" if turn.usage is None else f"{turn.usage.input.total} · {turn.usage.output.total}"
    cells = (
        str(turn.number),
        "—" if turn.spoken is None else f"{turn.spoken:.1f} s",
        _bar(turn, longest),
        "—" if turn.total is None else f"{'▲ ' if turn.total > 1 else ''}{turn.total * 1000:.0f} ms",
        f"╳ {turn.silent_in * 1000:.0f} ms" if turn.silent_in is not None else ("╳" if turn.cut_by else ""),
        spent,
    )
    return el("tr", [el("td", cell) for cell in cells], more)


def _bar(turn: TurnNumbers, longest: float) -> Markup:
    at = 0.0
    parts: list[Markup] = []
    for (_, look), seconds in zip(STEPS, turn.steps(), strict=True):
        width = (seconds or 0.0) / longest * BAR
        parts.append(el("rect", class_=look, x=at, y=0, width=width, height=8))
        at += width
    return el("svg", parts, class_="bar", viewBox=f"0 0 {BAR:g} 8", preserveAspectRatio="none", aria_hidden="true")


def _sums(talk: PastTalk) -> Iterator[Markup]:
    figures, money = talk.figures, talk.figures.money
    told = figures.percentiles
    pairs = (
        ("half of all answers within", told.p50),
        ("95 % within", told.p95),
        ("fastest", told.best),
        ("cut to silence, 95 % within", told.silent_p95),
    )
    for name, seconds in pairs:
        if seconds is not None:
            yield _pair(name, f"{seconds * 1000:.0f} ms")
    if figures.usage.total:
        yield _pair("tokens", f"{figures.usage.input.total} in, {figures.usage.output.total} out")
    if figures.unheard_tokens:
        yield _pair("paid and not heard", f"{figures.unheard_tokens} tokens")
    if money.cost is not None:
        yield _pair(f"cost, prices of {money.prices_of}", dollars(money.cost))


def _pair(name: str, value: str) -> Markup:
    return el("div", el("dt", name), el("dd", value))


def dollars(cost: Cost) -> str:
    """`≈ $0.0123`: small talks cost less than a cent."""
    return f"{'≈ ' if cost.is_estimate else ''}${cost.usd:.{2 if cost.usd >= 1 or not cost.usd else 4}f}"


MOST_ROWS = 20_000
MOST_PAYLOAD = 6_000_000
"""Characters of JSON that the page carries; the rest of the events is shown in one line each."""


@dataclass(slots=True)
class Run:
    """One event, or pieces of one kind that followed each other.

    The list of events for the page: runs of pieces joined to one row, bounded, with everything a filter asks for.
    """

    first: Entry
    last: Entry
    count: int = 1
    pieces: list[str] = field(default_factory=list)


def events_of(talk: PastTalk) -> tuple[list[list[Any]], int]:
    """Rows `[seq, last seq, t, dir, type, summary, count, tags, payload]`, and how many there is no room for."""
    runs: list[Run] = []
    for row in talk.rows:
        last = runs[-1] if runs else None
        if last is not None and _goes_on(last, row):
            last.last, last.count = row, last.count + 1
            last.pieces.append(summary_of(row))
        else:
            runs.append(Run(row, row, 1, [summary_of(row)]))
    room = MOST_PAYLOAD
    told: list[list[Any]] = []
    for run in runs[:MOST_ROWS]:
        payload = msgspec.json.encode(run.first.event).decode() if run.count == 1 else ""
        payload = payload if len(payload) <= room else ""
        room -= len(payload)
        told.append(_row(run, payload))
    return told, len(runs) - len(told)


def _goes_on(run: Run, row: Entry) -> bool:
    """A piece of the same thing as the one before."""
    is_piece = row.type.endswith(".delta") or row.type == "input_audio_buffer.append"
    return (
        is_piece
        and row.type == run.first.type
        and row.dir == run.first.dir
        and refs_of(row.event) == refs_of(run.first.event)
    )


def _row(run: Run, payload: str) -> list[Any]:
    row = run.first
    joined = "" if "audio" in row.tags else "".join(run.pieces)[:2_000]
    return [
        row.seq,
        run.last.seq,
        round(row.t, 3),
        row.dir,
        show(row.type),
        show(joined if run.count > 1 else summary_of(row)),
        run.count,
        " ".join(row.tags),
        escaped(payload),
    ]


LARGEST_SOUND = 30_000_000
"""Characters of base64 that a page carries; a longer talk is shown without its sound."""
LONG_TALK = 900.0
"""Seconds from which levels are drawn in coarser steps."""
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' "
    "rx='3' fill='%2310161c'/%3E%3Cpath d='M2 7V5h2v2zM5 7V3h2v4zM8 7V4h2v3zM11 7V5h2v2z' fill='%23eeb96e'/%3E%3Cpath "
    "d='M2 9v2h2V9zM5 9v3h2V9zM8 9v4h2V9zM11 9v2h2V9z' fill='%237fc4de'/%3E%3C/svg%3E"
)


def as_page(talk: PastTalk) -> str:
    """The whole document. Raises TapeError for a sound that is none."""
    style, script = _asset("page.css"), _asset("page.js")
    sound, why = _sound(talk)
    voice = voice_of(talk)
    body = (
        _top(talk, voice),
        _stage(talk, voice, sound, why),
        el(
            "main",
            el("section", el("h2", "Transcript"), transcript(talk, voice), class_="talk", aria_label="Transcript"),
            el("section", el("h2", "Findings"), findings(talk.findings), class_="findings"),
            el("section", el("h2", "Numbers"), numbers(talk), class_="numbers"),
        ),
        _events(talk),
        el("footer", f"Made by voicechat {__version__} from a tape. This page loads nothing and sends nothing."),
    )
    return document(f"{title_of(talk)} · voicechat", body, style, script, icon=ICON)


def title_of(talk: PastTalk) -> str:
    """The day and the hour of the talk, where it says them."""
    try:
        began = datetime.fromisoformat(talk.transcript.started_at)
    except ValueError:
        return talk.transcript.title
    return f"{began.day} {began:%B %Y, %H:%M}"


def voice_of(talk: PastTalk) -> str:
    """What the assistant is called: the name of its voice."""
    return talk.transcript.voice[:20] or "assistant"


def _asset(name: str) -> str:
    return files("voicechat.journal").joinpath(name).read_text(encoding="utf-8")


def _top(talk: PastTalk, voice: str) -> Markup:
    session = talk.transcript
    spoken = sum(line.turn.who == "you" for line in session.lines)
    cuts = sum(bool(line.cut_by) for line in session.lines)
    half = talk.figures.percentiles.p50
    cost = talk.figures.money.cost
    facts = [
        ("length", clock(talk.length)),
        ("turns", str(spoken)),
        ("first sound", "—" if half is None else f"{half * 1000:.0f} ms"),
        ("cut", str(cuts)),
        ("cost", "—" if cost is None else dollars(cost)),
    ]
    parts = (session.model, voice, session.provider, talk.state.connection.transport)
    return el(
        "header",
        el("p", _mark(), el("b", "voicechat"), class_="brand"),
        el("div", el("h1", title_of(talk)), el("p", " · ".join(filter(None, parts)), class_="quiet")),
        el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in facts], class_="facts"),
        el("button", "◐", id="theme", type="button", title="light or dark", aria_label="Light or dark", hidden=True),
        el("p", f"▲ Read in part: {talk.problem}", class_="problem") if talk.problem else "",
        class_="top",
    )


def _mark() -> Markup:
    """Two mirrored waves: you above the line, the assistant below."""
    up = "".join(f"M{x} 9v-{h}h3v{h}z" for x, h in zip(range(0, 30, 5), (3, 6, 4, 8, 5, 2), strict=True))
    down = "".join(f"M{x} 11v{h}h3v-{h}z" for x, h in zip(range(0, 30, 5), (2, 4, 7, 5, 8, 3), strict=True))
    waves = (el("path", d=up, class_="you"), el("path", d=down, class_="assistant"))
    return el("svg", *waves, class_="mark", viewBox="0 0 28 20", width=28, height=20, aria_hidden="true")


def _stage(talk: PastTalk, voice: str, sound: Markup, why: str) -> Markup:
    choices = [el("option", f"{speed}×", value=speed, selected=speed == "1") for speed in ("0.5", "1", "1.5", "2")]
    speeds = el("select", choices, id="speed", title="speed")
    bar = el(
        "div",
        el("button", "▶", id="play", type="button", aria_label="Play or pause", disabled=not sound),
        el("output", el("span", "0:00.0", id="now"), el("span", f" of {clock(talk.length)}", class_="quiet")),
        speeds if sound else "",
        el("span", why, class_="quiet why"),
        el("span", class_="space"),
        el("button", "−", id="out", type="button", aria_label="Zoom out"),
        el("button", "+", id="in", type="button", aria_label="Zoom in"),
        el("button", "fit", id="fit", type="button", aria_label="All of it"),
        class_="player",
        id="player",
        hidden=True,
    )
    lanes = el("div", lane_names(voice), class_="lanes")
    picture = el("div", timeline(talk, _levels(talk), voice), class_="scroll", id="lanes", tabindex=0)
    return el("section", bar, sound, el("div", lanes, picture, class_="grid"), class_="stage", data_length=talk.length)


def _levels(talk: PastTalk) -> Levels | None:
    if talk.audio_file is None:
        return None
    return levels(talk.audio_file, 0.05 if talk.length < LONG_TALK else 0.2)


def _sound(talk: PastTalk) -> tuple[Markup, str]:
    """The player's element, and why there is none."""
    file = talk.audio_file
    if file is None:
        return Markup(""), "no sound was recorded"
    too_long = "the sound is too long for this page: voicechat export --format wav has it"
    if talk.length * OPUS_BITS / 8 * 4 / 3 > LARGEST_SOUND:
        return Markup(""), too_long
    try:
        kind, raw = "audio/webm", as_opus(file)
    except (ImportError, OSError):
        if file.stat().st_size * 4 / 3 > LARGEST_SOUND:
            return Markup(""), too_long
        kind, raw = "audio/wav", file.read_bytes()
    if len(raw) * 4 / 3 > LARGEST_SOUND:
        return Markup(""), too_long
    address = f"data:{kind};base64,{base64.b64encode(raw).decode()}"
    return el("audio", id="sound", src=address, preload="auto"), ""


def _events(talk: PastTalk) -> Markup:
    rows, left_out = events_of(talk)
    chips = [
        el("button", name, type="button", class_="chip", data_filter=asked, aria_pressed="false")
        for name, asked in (
            ("from the server", "dir:in"),
            ("sent", "dir:out"),
            ("here", "dir:local"),
            ("errors", "is:error"),
            ("no pieces", "-delta"),
        )
    ]
    search = el("input", id="filter", type="search", placeholder="words, -without, dir:in", aria_label="Filter events")
    more = f"{left_out} more are on the tape: voicechat export --format jsonl has all." if left_out else ""
    return el(
        "section",
        el("h2", "Events ", el("span", f"{len(talk.rows)}", id="count", class_="quiet")),
        el("noscript", el("p", "The list of events needs JavaScript.", class_="empty")),
        el("div", search, chips, class_="filters", id="filters", hidden=True),
        el("ol", id="rows", class_="rows", hidden=True),
        el("p", more, class_="quiet"),
        el("script", data_block(rows), type="application/json", id="events"),
        class_="events",
    )

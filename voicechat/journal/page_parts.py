"""The parts of the page that can be read without a script: transcript, findings, numbers."""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.core.tool_turns import ARROW
from voicechat.engine.link import Finding
from voicechat.insight.metrics.prices import Cost
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.journal.markup import Markup, el, joined
from voicechat.journal.past_talk import PastTalk
from voicechat.journal.story import Line
from voicechat.journal.texts import NOTHING, clock

CUT = {
    "barge-in": "you cut in",
    "push-to-talk": "you took the turn",
    "you": "you stopped it",
    "server": "the server cut it",
    "line": "the line was lost",
    "device": "the sound device was lost",
}
SIGNS = {"error": "✕", "warning": "▲", "info": "·"}
MOST_EVIDENCE = 8
BAR = 100.0
"""Units of the longest bar of the numbers."""
STEPS = (("end of speech", "step1"), ("answer created", "step2"), ("first words", "step3"), ("first sound", "step4"))


def transcript(talk: PastTalk, voice: str) -> Markup:
    """Every turn with its rail; `data-a` and `data-b` are where it sounds."""
    if not talk.story.lines:
        return el("p", "Nothing was said in this talk.", class_="empty")
    return joined(_turn(number, line, voice) for number, line in enumerate(talk.story.lines, 1))


def _turn(number: int, line: Line, voice: str) -> Markup:
    who = {"you": "you", "assistant": voice, "tool": "tool", "note": "note"}[line.who]
    key = f"t{number}"
    return el(
        "article",
        el("div", who, class_="who"),
        el("div", list(_body(line)), class_="body"),
        el("div", el("a", clock(line.t), href=f"#{key}", class_="at"), list(_beside(line)), class_="meta"),
        id=key,
        class_=f"turn {line.who} {line.level if line.who == 'note' else ''}".rstrip(),
        data_a=line.t,
        data_b=line.until,
    )


def _body(line: Line) -> Iterator[Markup]:
    if line.who == "tool":
        yield _tool(line)
    elif line.who == "note":
        yield el("p", f"{SIGNS.get(line.level, '·')} {line.text}")
    else:
        said = el("span", line.said) if line.said else el("span", NOTHING, class_="quiet")
        yield el("p", said, list(_unheard(line)), dir="auto")
        if line.translation:
            yield el("p", f"↳ {line.translation}", class_="quiet", dir="auto")
    if line.failed:
        yield el("p", f"✕ failed: {line.failed}", class_="failed")


def _unheard(line: Line) -> Iterator[Markup]:
    if not line.cut_by:
        return
    yield el("span", f" ╳ {CUT.get(line.cut_by, 'it was cut')} at {line.cut_at:.1f} s", class_="cut")
    if line.unheard.strip():
        yield el("span", " · not heard: ", class_="quiet")
        yield el("del", line.unheard.strip())


def _tool(line: Line) -> Markup:
    arguments, _, result = line.detail.partition(ARROW)
    head = el("summary", el("b", line.text), " ", el("code", arguments[:120]))
    parts = [el("pre", arguments), el("pre", result, class_="result")] if result else [el("pre", arguments)]
    return el("details", head, parts)


def _beside(line: Line) -> Iterator[Markup]:
    if line.typed:
        yield el("span", "typed")
    if line.latency is None:
        return
    if line.who == "assistant":
        yield el("span", _waited(line.latency), class_="long" if line.latency > 1.0 else None)
    elif line.who == "tool":
        yield el("span", f"{'✕' if line.failed else '✓'} {line.latency:.2f} s")


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
        el("li", el("a", precise(mark.t), href=f"#e{mark.seq}", data_seq=mark.seq), " ", el("code", mark.ref))
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
        _row(turn, longest, [el("td", "—" if cost is None else dollars(cost))] if has_price else [])
        for turn, cost in zip(figures.turns, figures.costs, strict=True)
    ]
    names = ("turn", "you", "to the first sound", "", "cut", "tokens in · out", *(("cost",) if has_price else ()))
    head = el("thead", el("tr", [el("th", name, scope="col") for name in names]))
    legend = el("p", [el("span", name, class_=f"key {look}") for name, look in STEPS], class_="legend")
    table = el("div", el("table", head, el("tbody", rows)), class_="scroll")
    return joined(table, legend, el("dl", list(_sums(talk)), class_="sums"))


def _row(turn: TurnNumbers, longest: float, more: list[Markup]) -> Markup:
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

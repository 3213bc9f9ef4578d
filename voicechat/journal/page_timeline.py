"""The timeline as one SVG: the lanes of the screen, drawn in seconds, so that a script only has to move things to zoom.

What lies at a time says so in `data-a` (and `data-b`, its end); waves are paths in ticks with a scale of their own. It
is complete as it stands: without a script it is a picture that scrolls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from voicechat.journal.export_sound import Levels
from voicechat.journal.markup import Markup, el, joined
from voicechat.journal.past_talk import PastTalk
from voicechat.ui.history import Mark, Span

SCALE = 48.0
"""Pixels a second before anybody zooms."""
LETTER = 6.7
"""Pixels of one letter of a lane's words."""
GOOD_WAIT, LONG_WAIT = 0.6, 1.0
LANES = (("you", 46), ("vad", 26), ("mic", 26), ("reply", 26), ("assistant", 46), ("waits", 40), ("", 22))
HEIGHT = sum(height for _, height in LANES)
_TOP = {name: sum(height for _, height in LANES[:place]) for place, (name, _) in enumerate(LANES)}
_MIDDLE = {name: _TOP[name] + height / 2 for name, height in LANES}


def lane_names(voice: str) -> Markup:
    """The column of names beside the picture."""
    shown = [(voice if name == "assistant" else name, name or "axis", height) for name, height in LANES]
    return joined(el("span", name, class_=f"lane lane-{kind} h{height}") for name, kind, height in shown)


def timeline(talk: PastTalk, levels: Levels | None, voice: str) -> Markup:
    """The lanes from top to bottom."""
    width = max(1.0, talk.length * SCALE)
    return el(
        "svg",
        el("g", list(_axis(talk.length)), class_="axis"),
        el("g", list(_voices(talk, levels)), class_="waves"),
        el("g", list(_vad(talk)), class_="vad"),
        el("g", list(_mic(talk, voice)), class_="mic"),
        el("g", list(_reply(talk)), class_="reply"),
        el("g", list(_waits(talk)), class_="waits"),
        el("line", id="playhead", x1=0, x2=0, y1=0, y2=HEIGHT, class_="playhead"),
        id="timeline",
        class_="timeline",
        viewBox=f"0 0 {width:.1f} {HEIGHT}",
        width=width,
        height=HEIGHT,
        role="img",
        aria_label="Timeline of the talk: you, the server's voice detection, the microphone, the reply, the assistant",
    )


def _voices(talk: PastTalk, levels: Levels | None) -> Iterator[Markup]:
    if levels is not None:
        for name, heights in (("you", levels.you), ("assistant", levels.assistant)):
            middle = _MIDDLE[name]
            bars = "".join(_bar(place, height, middle) for place, height in enumerate(heights) if height)
            yield el("path", d=bars, class_=f"wave {name}", data_step=levels.step, transform=_stretched(levels.step))
        return
    for name, kind in (("you", "voice"), ("assistant", "assistant")):
        for start, end in _sounding(talk, kind):
            yield _box(start, end, _MIDDLE[name] - 9, 18, f"{name} block")


def _bar(place: int, height: int, middle: float) -> str:
    half = height * 2.5
    return f"M{place} {middle - half:g}h.72v{2 * half:g}h-.72z"


def _stretched(step: float) -> str:
    return f"scale({step * SCALE:g} 1)"


def _sounding(talk: PastTalk, kind: str) -> Iterator[tuple[float, float]]:
    """Where somebody was heard, by our own events, for a talk whose sound is not there."""
    began: float | None = None
    first, last = ("voice.began", "voice.ended") if kind == "voice" else ("assistant.audible", "assistant.silent")
    for row in talk.rows:
        if row.type == first and began is None:
            began = row.t
        elif row.type == last and began is not None:
            yield began, row.t
            began = None
    if began is not None:
        yield began, talk.length


def _vad(talk: PastTalk) -> Iterator[Markup]:
    middle = _MIDDLE["vad"]
    marks = [mark for mark in talk.history.marks if mark.kind in ("started", "stopped")]
    yield from (_guide(mark.at) for mark in marks)
    for span in talk.history.vad.spans:
        end = _end(span, talk)
        yield _box(span.start, end, middle - 1, 2, "you")
        yield from _words(span.start, end, middle, f"{end - span.start:.1f} s")
    for mark in marks:
        yield _sign(mark.at, middle, "◆" if mark.kind == "started" else "◇", "sign you")


def _mic(talk: PastTalk, voice: str) -> Iterator[Markup]:
    middle = _MIDDLE["mic"]
    for span in talk.history.mic.spans:
        end = _end(span, talk)
        if span.kind == "open":
            yield _box(span.start, end, middle - 4, 8, "open")
        else:
            yield _box(span.start, end, middle - 0.75, 1.5, "closed")
            reason = span.words.replace("assistant", voice).partition(",")[0]
            yield from _words(span.start, end, middle, f"closed: {reason}" if reason else "closed")


def _reply(talk: PastTalk) -> Iterator[Markup]:
    middle = _MIDDLE["reply"]
    for span in talk.history.reply.spans:
        end = _end(span, talk)
        match span.kind:
            case "waiting":
                yield _box(span.start, end, middle - 1, 2, "waiting")
            case "generating":
                yield _box(span.start, end, middle - 4, 8, "assistant")
            case _:
                yield _box(span.start, end, middle - 1, 2, "assistant")
                yield from _words(span.start, end, middle, "playing out")
    for mark in talk.history.marks:
        yield from _trouble(mark, middle)


def _trouble(mark: Mark, middle: float) -> Iterator[Markup]:
    if mark.kind == "cut":
        yield _sign(mark.at, middle, "╳ cut", "sign cut")
    elif mark.kind in ("failed", "error"):
        yield _sign(mark.at, middle, f"✕ {mark.words[:40]}" if mark.kind == "failed" else "✕", "sign error")


def _waits(talk: PastTalk) -> Iterator[Markup]:
    middle = _MIDDLE["waits"]
    for kind, y in (("answer", middle - 4), ("silence", middle + 12)):
        spans = [span for span in talk.history.waits if span.kind == kind]
        for place, span in enumerate(spans):
            until = spans[place + 1].start if place + 1 < len(spans) else math.inf
            yield from _wait(span, _end(span, talk) - span.start, y, until - span.start)


def _wait(span: Span, seconds: float, y: float, room: float) -> Iterator[Markup]:
    """A wait with its length; `room` seconds until the next one begins."""
    if span.kind == "silence":
        yield _sign(span.start, y, f"┗ silent in {seconds * 1000:.0f} ms", "sign cut", room)
        return
    look = "good" if seconds <= GOOD_WAIT else "long" if seconds > LONG_WAIT else "fair"
    yield _box(span.start, span.start + seconds, y - 11, 2, f"wait {look}")
    yield _sign(span.start, y, f"{'▲ ' if look == 'long' else ''}{seconds * 1000:.0f} ms", f"sign {look}", room)


def _axis(length: float) -> Iterator[Markup]:
    every = next((s for s in (1, 2, 5, 10, 30, 60) if length / s <= 240), 300)
    middle = _MIDDLE[""]
    for second in range(0, math.floor(length) + 1, every):
        x = second * SCALE
        yield el("line", class_="tick", data_a=float(second), x1=x, x2=x, y1=0, y2=HEIGHT - 16)
        yield _sign(float(second), middle + 3, f"{second // 60}:{second % 60:02}", "sign time")


def _box(start: float, end: float, y: float, height: float, look: str) -> Markup:
    width = max(0.5, (end - start) * SCALE)
    return el("rect", class_=look, data_a=start, data_b=end, x=start * SCALE, width=width, y=y, height=height)


def _words(start: float, end: float, middle: float, words: str) -> Iterator[Markup]:
    """In the middle of a stretch, on the ground of the page; hidden where they do not fit."""
    size = len(words) * LETTER + 14
    fits = size < (end - start) * SCALE
    at = (start + end) / 2 * SCALE
    yield el(
        "text",
        words,
        class_="words",
        data_a=start,
        data_b=end,
        data_size=size,
        x=at,
        y=middle + 4,
        visibility=None if fits else "hidden",
    )


def _sign(at: float, middle: float, words: str, look: str, room: float = math.inf) -> Markup:
    """Words that begin at a moment; a script hides them where `room` seconds are too few for them."""
    size = None if math.isinf(room) else len(words) * LETTER
    until = None if size is None else room
    return el("text", words, class_=look, data_a=at, data_size=size, data_room=until, x=at * SCALE, y=middle + 4)


def _guide(at: float) -> Markup:
    return el("line", class_="guide", data_a=at, x1=at * SCALE, x2=at * SCALE, y1=_TOP["vad"], y2=_TOP["waits"])


def _end(span: Span, talk: PastTalk) -> float:
    return talk.length if span.end is None else span.end

"""Times, gaps and amounts in few columns."""

from __future__ import annotations


def session_time(t: float) -> str:
    """`4:06.900`"""
    ms = round(abs(t) * 1000)
    return f"{'−' if t < 0 and ms else ''}{ms // 60_000}:{ms % 60_000 // 1000:02d}.{ms % 1000:03d}"


def relative_time(t: float) -> str:
    """`+0:01.204`, `−12:03.40`: nine columns up to a hundred minutes."""
    told = session_time(abs(t))
    return ("−" if t < 0 else "+") + (told[:8] if len(told) <= 10 else told.partition(".")[0])


def gap_words(gap: float | None) -> str:
    """`+312 ms`, `+1.20 s`, `+3:20`: at most eight columns."""
    if gap is None:
        return ""
    ms = max(0, round(gap * 1000))
    if ms < 1000:
        return f"+{ms} ms"
    if ms < 100_000:
        return f"+{ms / 1000:.2f} s" if ms < 9_995 else f"+{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    return f"+{seconds // 60}:{seconds % 60:02d}"


def grouped(number: int) -> str:
    """`1 284`"""
    return f"{number:,}".replace(",", " ")

"""A story as text: Markdown, plain text, and subtitles."""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.journal.story import Line, Story

SHORTEST_SUBTITLE = 0.8
"""Seconds; what flashes by cannot be read."""
NOTHING = "…"
"""Stands for speech of which no words came."""
NAMES = {"you": "You", "assistant": "Assistant", "tool": "Tool", "note": "Note"}


def as_markdown(story: Story) -> str:
    """For a wiki or an issue: the unheard part of a cut answer is struck out."""
    head = [f"# {story.title}", "", _about(story), ""]
    return "\n".join([*head, *(_markdown_line(line) for line in story.lines)]).rstrip() + "\n"


def as_text(story: Story) -> str:
    """For reading anywhere: the unheard part stands in brackets."""
    return "\n".join([f"{story.title} · {_about(story)}", "", *(_text_line(line) for line in story.lines)]) + "\n"


def as_subtitles(story: Story) -> str:
    """SubRip: both sides, where they were heard; notes and tools are not."""
    spoken = [line for line in story.lines if line.who in ("you", "assistant") and line.said.strip()]
    return "\n".join(_subtitle(number, line) for number, line in enumerate(spoken, 1))


def stamp(seconds: float, mark: str = ",") -> str:
    """`00:01:02,345`."""
    whole = round(seconds * 1000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{mark}{rest % 1000:03}"


def clock(seconds: float) -> str:
    """`1:02`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _about(story: Story) -> str:
    parts = (story.started_at, " ".join(part for part in (story.provider, story.model, story.voice) if part))
    return " · ".join(part for part in (*parts, f"{clock(story.length)} min") if part)


def _markdown_line(line: Line) -> str:
    said = _escaped(line.said) or NOTHING
    if line.unheard.strip():
        said += f" ~~{_escaped(line.unheard.strip())}~~"
    if line.who == "tool":
        return f"- `{clock(line.t)}` **{NAMES['tool']}** `{line.text}` {_escaped(line.detail)}{_failed(line)}\n"
    if line.who == "note":
        return f"> `{clock(line.t)}` {said}\n"
    beneath = f"  \n*↳ {_escaped(line.translation)}*" if line.translation else ""
    return f"**{NAMES[line.who]}** `{clock(line.t)}`{_asides(line)}  \n{said}{_failed(line)}{beneath}\n"


def _text_line(line: Line) -> str:
    unheard = f" [not heard: {line.unheard.strip()}]" if line.unheard.strip() else ""
    detail = f" {line.detail}" if line.who == "tool" and line.detail else ""
    beneath = f"\n{'':>19}↳ {line.translation}" if line.translation else ""
    told = f"{line.said or NOTHING}{detail}{unheard}{_asides(line)}{_failed(line)}"
    return f"{clock(line.t):>6}  {NAMES[line.who] + ':':<10} {told}{beneath}"


def _asides(line: Line) -> str:
    told = ["typed"] if line.typed else []
    told += [f"cut by {line.cut_by}"] if line.cut_by else []
    told += [f"after {line.latency:.2f} s"] if line.latency is not None and line.who == "assistant" else []
    return f" ({', '.join(told)})" if told else ""


def _failed(line: Line) -> str:
    return f" (failed: {line.failed})" if line.failed else ""


def _subtitle(number: int, line: Line) -> str:
    until = max(line.until, line.t + SHORTEST_SUBTITLE)
    return f"{number}\n{stamp(line.t)} --> {stamp(until)}\n{NAMES[line.who]}: {' '.join(line.said.split())}\n"


def _escaped(text: str) -> str:
    """Words that would be taken for Markdown stay words."""
    return "".join(_marks(text))


def _marks(text: str) -> Iterator[str]:
    for mark in " ".join(text.split()):
        yield f"\\{mark}" if mark in "\\`*_{}[]<>#|~" else mark

"""The bars on stderr while many recordings are written down. Imported only where they are shown: rich loads slowly."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress as Bars,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from voicechat.transcription.writing import Progress
from voicechat.ui.sanitise import clean


class ManyBars:
    """A bar for each recording that is on its way, and one that counts those that are done."""

    def __init__(self, bars: Bars, names: list[str]) -> None:
        self._bars = bars
        short = [_short(name, bars.console.width // 2) for name in names]
        # All of one width, so that no bar moves sideways when a longer name comes.
        room = max(map(cell_len, short))
        self._labels = [escape(set_cell_size(name, room)) for name in short]
        self._tasks: dict[int, TaskID] = {}
        self._room, self._count = room, 0
        self._all = bars.add_task(self._counted(), total=len(names), is_count=True)

    def changed(self, index: int, progress: Progress) -> None:
        if index not in self._tasks:
            self._tasks[index] = self._bars.add_task(self._labels[index], total=progress.total)
        self._bars.update(self._tasks[index], completed=progress.sent, total=progress.total)

    def ended(self, index: int) -> None:
        if index in self._tasks:
            self._bars.update(self._tasks[index], visible=False)
        self._count += 1
        self._bars.update(self._all, completed=self._count, description=self._counted())

    def say(self, sentence: str) -> None:
        self._bars.console.print(clean(sentence), markup=False, highlight=False, soft_wrap=True)

    def _counted(self) -> str:
        return f"{self._count} of {len(self._labels)} done"


class TimeLeft(TimeRemainingColumn):
    """Of one recording; how long files take that were not begun is not known."""

    def render(self, task: Task) -> Text:
        return Text() if task.fields.get("is_count") else super().render(task)


def _short(name: str, room: int) -> str:
    """The end of a path tells more than its beginning."""
    shown = clean(name, one_line=True)
    while cell_len(shown) > room:
        shown = "…" + shown[2:]
    return shown


def many_bars(names: list[str], console: Console | None = None) -> tuple[Bars, ManyBars]:
    """To be entered, and to be told. Without a console they stand on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeLeft())
    bars = Bars(*columns, console=console or Console(stderr=True), transient=True)
    return bars, ManyBars(bars, names)

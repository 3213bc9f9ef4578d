"""The last seconds of the talk in two rows: you grow up, the assistant grows down, right edge is now.

What the microphone hears while it is closed is drawn in the colour of rules: it went nowhere.
"""

from __future__ import annotations

import math

from textual.reactive import reactive

from voicechat.ui.lanes import Frame, Look, Wave, labelled, marks_in
from voicechat.ui.paint import Painted, Palette, Row
from voicechat.ui.widgets.timeline import Timeline

COLUMN = 0.16
"""Seconds a column."""
MARKS = {"started": "◆", "stopped": "◇"}
"""What the server's voice detector said."""


class Ribbon(Painted):
    """Both voices of a timeline's history."""

    voice: reactive[str] = reactive("assistant")
    calm: reactive[bool] = reactive(False)

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self._painted = -1

    def advance(self) -> None:
        """Paint the column that has begun, in one frame with the deck."""
        column = math.floor(self._timeline.history.now / COLUMN)
        if column != self._painted and self.display:
            self._painted = column
            self.refresh()

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        history = self._timeline.history
        frame = Frame(Look(history.now, COLUMN), width)
        you = Wave(frame, history.you, history.sent, "you")
        other = Wave(frame, history.assistant, None, "assistant")
        if self.calm:
            yours = sum(level > 1 and color == "you" for level, color in zip(you.heights, you.colors, strict=True))
            theirs = sum(level > 1 for level in other.heights)
            words = f" in the last {frame.count * COLUMN:.0f} s you spoke {yours * COLUMN:.1f} s, {self.voice} "
            return [Row(palette, width).spoken(f"{words}{theirs * COLUMN:.1f} s", "quiet")]
        above, below = you.up(palette), other.up(palette) if palette.ascii_only else other.down(palette)
        below.text = ["▔" if cell == " " else cell for cell in below.text]
        for mark in marks_in(history, frame):
            if mark.kind == "cut":
                below.put(frame.column(mark.at), "╳", "mic-live")
            elif glyph := MARKS.get(mark.kind):
                above.put(frame.column(mark.at), glyph, "you")
        rows = (("you", "you", above), (self.voice, "assistant", below))
        return [labelled(palette, width, name, color, cells, frame) for name, color, cells in rows]

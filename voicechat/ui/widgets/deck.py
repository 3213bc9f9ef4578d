"""The deck: am I being heard? Two rows when compact, else three, and never another height.

Column 0 and the badge say ON AIR, three lamps say how far the sound gets, the sentence says why. The badge is a button:
the mouse held on it is a true hold in every terminal.
"""

from __future__ import annotations

from itertools import groupby

from textual import events
from textual.reactive import reactive

from voicechat.core.view import ConnectionView, Lamp, MicView, ReplyView
from voicechat.engine.link import Meters, SoundFacts
from voicechat.ui.bindings import viewer_keys
from voicechat.ui.messages import BadgeMoved
from voicechat.ui.paint import Painted, Palette, Row, decibels
from voicechat.ui.wording import (
    RELEASES,
    Keys,
    MicWords,
    Release,
    ReplyWords,
    Scene,
    Tone,
    assistant_name,
    mic_words,
    reply_words,
    shown_parts,
)

LAMPS: dict[Lamp, tuple[str, str]] = {
    "yes": ("●", "success"),
    "waiting": ("◉", "warning"),
    "no": ("○", "quiet"),
    "broken": ("✕", "error"),
}
TONES: dict[Tone, str] = {
    "live": "foreground",
    "plain": "foreground",
    "waiting": "warning",
    "warning": "warning",
    "error": "error",
}
ANSWER_ROOM = 22
"""Columns that the answer's words have in two rows before there is room for a meter."""
METERS = ((31, 14, True), (23, 6, True), (18, 14, False), (10, 6, False), (0, 0, False))
"""Columns needed, columns of the microphone's meter, whether the answer's has room too; the first that fits."""
FLOOR = -60.0
"""Left end of the meters, dBFS."""


def cells_of(level: float | None, width: int, steps: int = 0) -> int:
    """How many of `width` columns a level fills. `steps`: no finer than that (calm motion)."""
    if level is None:
        return 0
    share = min(1.0, max(0.0, (level - FLOOR) / -FLOOR))
    return round(round(share * steps) / steps * width) if steps else round(share * width)


class Deck(Painted):
    """Takes the slices mic, reply, connection and meters; posts what the mouse does to the badge."""

    mic: reactive[MicView] = reactive(MicView())
    reply: reactive[ReplyView] = reactive(ReplyView())
    connection: reactive[ConnectionView] = reactive(ConnectionView())
    meters: reactive[Meters] = reactive(Meters())
    release: reactive[Release] = reactive[Release]("unknown")
    keys: reactive[Keys] = reactive(Keys())
    sound: reactive[SoundFacts] = reactive(SoundFacts())
    notice: reactive[str] = reactive("")
    """What has just been changed (the volume), for two seconds."""
    calm: reactive[bool] = reactive(False)
    read_only: reactive[bool] = reactive(False)
    """The deck of a read-only viewer names no key that would change the talk."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pressed = False
        self._kept: dict[int, tuple[tuple[object, ...], Row]] = {}
        """Rows without a meter, and what they were made of: they hardly ever change."""

    @property
    def scene(self) -> Scene:
        clipped, sound = self.meters.clipped, self.sound
        keys = viewer_keys(self.keys) if self.read_only else self.keys
        known = (self.mic, self.reply, self.connection, keys, self.release, clipped)
        return Scene(*known, keeps_waiting=sound.keeps_waiting, can_wait=sound.can_wait)

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        words, answer = mic_words(self.scene), reply_words(self.scene)
        if height <= 2:
            return [self._short_first(palette, width, words), self._short_second(palette, width, words, answer)]
        first, last = (self._kept_row(palette, width, y, words, answer) for y in (0, 2))
        return [first, self._row(palette, width, 1, words, answer), last]

    def _kept_row(self, palette: Palette, width: int, y: int, words: MicWords, answer: ReplyWords) -> Row:
        made_of = (palette, width, words, answer, assistant_name(self.connection), self.notice, self.mic.deafened)
        known = self._kept.get(y)
        if known is None or known[0] != made_of:
            row = self._row(palette, width, y, words, answer)
            known = self._kept[y] = (made_of, row)
        return known[1]

    def _start(self, palette: Palette, width: int, live: bool) -> Row:
        row = Row(palette, width, "live-wash" if live else "surface")
        return row.own("▌" if live else " ", "mic-live")

    # three rows
    def _row(self, palette: Palette, width: int, y: int, words: MicWords, answer: ReplyWords) -> Row:
        row = self._start(palette, width, words.live)
        right_width = 46 if width >= 150 else 38 if width >= 116 else 30
        if palette.mono and words.live and y == 0:
            row.bg = "mic-live"
        self._badge(row, y, 22 if width >= 116 else 20, words)
        row.own("  ")
        if y == 0:
            color = "on-mic-live" if row.bg == "mic-live" else TONES[words.tone]
            row.own(words.sentence, color, bold=True)
        elif y == 1:
            self._lamps(row, words.lamps)
            self._meter_in(row, min(40, width - right_width - row.cells - 15), words.live)
        else:
            row.own(self.notice, bold=True) if self.notice else row.own(words.second, "quiet")
        row.cut_to(width - right_width - 1).to(width - right_width)
        return row.join(self._right(row, y, right_width, answer))

    def _badge(self, row: Row, y: int, width: int, words: MicWords) -> None:
        title = f"{words.glyph} {words.badge}"
        if words.live:
            row.own(title.center(width) if y == 1 else " " * width, "on-mic-live", bg="mic-live", bold=True)
        elif y == 1:
            row.own("│", "rule").own(title.center(width - 2), TONES[words.tone], bold=True).own("│", "rule")
        else:
            left, right = ("╭", "╮") if y == 0 else ("╰", "╯")
            row.own(left + "─" * (width - 2) + right, "rule")

    def _right(self, row: Row, y: int, width: int, answer: ReplyWords) -> Row:
        part = row.part()
        ink = "on-mic-live" if row.bg == "mic-live" else ""
        if y == 0:
            part.own(f"{answer.glyph} ", ink or answer.color, bold=True)
            part.spoken(f"{assistant_name(self.connection)} ", ink or "assistant")
            part.own(answer.text, ink or "foreground", bold=True)
        elif y == 1:
            part.own("out ", "quiet")
            self._meter(part, width - 14, self.meters.output, None, "assistant")
            part.own(self._out_level().rjust(8), "quiet")
        elif self.mic.deafened:
            part.own(shown_parts(f"loudspeaker off · {self.scene.keys.of('deafen')} turns it on"), "warning")
        else:
            part.own(answer.second, "quiet")
        return part.cut_to(width)

    def _out_level(self) -> str:
        level = self.meters.output
        return "quiet" if level is None or level <= FLOOR else decibels(level)

    # two rows
    def _short_first(self, palette: Palette, width: int, words: MicWords) -> Row:
        row = self._start(palette, width, words.live)
        chip = ("on-mic-live", "mic-live") if words.live else (TONES[words.tone], "panel")
        row.own(f" {words.glyph} {words.badge} ", chip[0], bg=chip[1], bold=True)
        if palette.mono and words.live:
            row.bg = "mic-live"
        ink = "on-mic-live" if row.bg == "mic-live" else ""
        row.own(" ").own(words.sentence, ink or TONES[words.tone], bold=words.live)
        tag = row.part().own(self._tag(words.tone), ink or "quiet").own(" ")
        if self.notice:
            row.cut_to(max(0, width - tag.cells - 1))
        return row.end_with(tag) if row.cells + 1 + tag.cells <= width else row.cut_to(width)

    def _tag(self, tone: Tone) -> str:
        """The right end of the first compact row: what changed, how release is known, or barge-in."""
        if self.notice:
            return self.notice
        if self.mic.deafened:
            return "loudspeaker off"
        if tone in ("warning", "error"):
            return ""
        if self.mic.translates_to:
            return f"to {self.mic.translates_to}"
        if self.mic.turn_mode == "transcribe":
            return "transcribe only"
        if self.mic.turn_mode == "push-to-talk":
            return f"release {RELEASES[self.release]}" if self.release in RELEASES else ""
        return f"barge-in {'on' if self.mic.barge_in else 'off'}"

    def _short_second(self, palette: Palette, width: int, words: MicWords, answer: ReplyWords) -> Row:
        row = self._start(palette, width, words.live).own(" ")
        self._lamps(row, words.lamps)
        short = row.part().own(f" {answer.glyph} ", answer.color).own(answer.text.replace(" s heard", " s"))
        room = width - row.cells - ANSWER_ROOM - 1
        level, has_out = next((fit[1:] for fit in METERS if room >= fit[0]), (0, False))
        if level:
            row.own(" in ", "quiet")
            self._meter(row, level, self.meters.input, self.meters.threshold, "level-mid")
        part = short.cut_to(width - row.cells - 13 * has_out - 1)
        if has_out:
            part.own(" out ", "quiet")
            self._meter(part, 8, self.meters.output, None, "assistant")
        return row.end_with(part.own(" "))

    # both
    def _lamps(self, row: Row, lamps: tuple[Lamp, Lamp, Lamp]) -> None:
        for place, (name, lamp) in enumerate(zip(("mic", "sent", "heard"), lamps, strict=True)):
            glyph, color = LAMPS[lamp]
            if place:
                row.own("─", "rule")
            row.own(glyph, color, bold=True).own(f" {name} ", "foreground" if lamp == "yes" else "quiet")

    def _meter_in(self, row: Row, width: int, live: bool) -> None:
        row.own("  in ", "quiet")
        self._meter(row, max(9, width), self.meters.input, self.meters.threshold, "level-mid")
        peak = self.meters.input_peak if self.meters.input_peak is not None else self.meters.input
        row.own(decibels(peak).rjust(8), "foreground" if live else "quiet")

    def _meter(self, row: Row, width: int, level: float | None, threshold: float | None, color: str) -> None:
        """`━━━│━━╌╌`: dim up to the lowest level the server reacted to so far, bright beyond it."""
        filled = cells_of(level, width, 5 if self.calm else 0)
        mark = -1 if threshold is None else min(width - 1, cells_of(threshold, width))
        for (glyph, name), run in groupby(self._cell(i, width, filled, mark, color) for i in range(width)):
            row.own(glyph * len(list(run)), name, bold=glyph == "│")

    @staticmethod
    def _cell(i: int, width: int, filled: int, mark: int, color: str) -> tuple[str, str]:
        if i == mark:
            return "│", "threshold"
        if i >= filled:
            return "╌", "rule"
        if i > width * 0.92 and color == "level-mid":
            return "━", "level-high"
        return "━", "level-low" if i < mark else color

    # the badge as a button
    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1 and self.is_badge(event.x, event.y):
            event.stop()
            self._pressed = True
            self.capture_mouse()
            self.post_message(BadgeMoved(is_down=True))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Up, wherever the pointer is by now: send."""
        if self._pressed:
            event.stop()
            self._pressed = False
            self.release_mouse()
            self.post_message(BadgeMoved(is_down=False))

    def is_badge(self, x: int, y: int) -> bool:
        if self.size.height <= 2:
            words = mic_words(self.scene)
            return y == 0 and 1 <= x <= len(words.badge) + 5
        return 1 <= x <= (22 if self.size.width >= 116 else 20)

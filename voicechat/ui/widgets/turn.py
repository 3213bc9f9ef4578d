"""One entry of the transcript: who, rail, text, and one figure at the right.

The text is `Content`, so that a mouse selection finds it; label, rail and figure are painted around it and are never
copied. Text from outside is cleaned and is never read as markup.
"""

from __future__ import annotations

import json

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.visual import Visual

from voicechat.core.view import TurnView
from voicechat.ui.paint import Lined, Palette, Row, clock, keys_of_app, palette_of
from voicechat.ui.sanitise import clean, safe
from voicechat.ui.widgets.consent import pretty
from voicechat.ui.wording import Keys, cut_words

ARROW = "  →  "
"""Between the arguments and the result of a call."""
BENEATH = "↳ "
"""Before a translation."""
WHO = 8
BODY = 92
FOLD_OVER = 3
"""Rows of unheard text that are shown without unfolding."""
COLORS = {"you": "you", "assistant": "assistant", "tool": "tool", "note": "rule"}


def body_content(
    turn: TurnView, palette: Palette, keys: Keys, *, unfolded: bool, is_explained: bool = False
) -> Content:
    """`is_explained`: the key for events leads to those of this turn."""
    fold, why = "" if unfolded else keys.of("fold"), keys.of("events") if is_explained else ""
    match turn.who:
        case "note":
            return _note(turn, palette)
        case "tool":
            return _tool(turn, palette, unfolded)
        case "assistant":
            said = _assistant(turn, palette, fold, why)
        case _:
            said = _you(turn, palette)
    return _with_translation(said, turn, palette)


def _with_translation(said: Content, turn: TurnView, palette: Palette) -> Content:
    """The language of `--translate` is quiet, beneath what was said, behind a mark of its own."""
    if not turn.translation:
        return said
    words = safe(turn.translation).stylize(palette.hex("quiet"))
    return Content.assemble(said, "\n", _styled(palette, BENEATH, "quiet"), words)


def _styled(palette: Palette, text: str, color: str, extra: str = "") -> Content:
    return Content.styled(palette.glyphs(text), f"{extra} {palette.hex(color)}".strip())


def _you(turn: TurnView, palette: Palette) -> Content:
    parts = [safe(turn.text)]
    if turn.partial and not turn.committed:
        parts.append(_styled(palette, "▌", "you"))
    elif not turn.text and turn.failed:
        parts.append(safe(f"(no transcript: {turn.failed})").stylize(palette.hex("quiet")))
    elif not turn.text and not turn.partial:
        parts.append(_styled(palette, "(no words in it)", "quiet"))
    elif not turn.text:
        parts.append(_styled(palette, "…", "quiet"))
    return Content("").join(parts)


def _assistant(turn: TurnView, palette: Palette, fold: str, why: str) -> Content:
    parts = [safe(turn.text)]
    if turn.cut_by:
        parts += _cut(turn, palette, fold, why)
    elif turn.failed:
        parts.append(_styled(palette, " ✕ " if turn.text else "✕ ", "error", "bold"))
        parts.append(safe(turn.failed).stylize(palette.hex("error")))
    elif turn.partial:
        parts.append(_styled(palette, "▌", "assistant"))
    elif turn.unheard:
        parts.append(_styled(palette, " · not heard", "quiet"))
    return Content("").join(parts)


def _cut(turn: TurnView, palette: Palette, fold: str, why: str) -> list[Content]:
    """`╳ you cut in at 2.4 s · F2 shows why · not heard: [...]`, below what was said: who cut, when, what was lost."""
    parts = [
        _styled(palette, "\n╳ " if turn.text else "╳ ", "mic-live", "bold"),
        _styled(palette, cut_words(turn), "foreground", "bold"),
        _styled(palette, f" · {why} shows why" if why else "", "quiet"),
    ]
    rest = turn.rest.strip()
    if rest:
        parts.append(_styled(palette, " · not heard: ", "quiet"))
        # Without a device an answer can only be read.
        parts += [safe(rest)] if turn.cut_by == "device" else _unheard(rest, palette, fold)
    return parts


def _unheard(rest: str, palette: Palette, fold: str) -> list[Content]:
    """Folded where `fold` names the key that unfolds it."""
    color = palette.hex("unheard")
    if is_long(rest) and fold:
        return [_styled(palette, f"[… {len(rest.split())} words · {fold} shows them]", "unheard")]
    return [Content.styled("[", color), safe(rest).stylize(f"strike {color}"), Content.styled("]", color)]


def is_long(rest: str) -> bool:
    return len(rest) > FOLD_OVER * BODY


def _tool(turn: TurnView, palette: Palette, unfolded: bool) -> Content:
    arguments, arrow, result = call_parts(turn.detail)
    if unfolded:
        told = "\n".join(part for part in (pretty(arguments), f"→ {pretty(result)}" if arrow else "") if part)
    else:  # of a call that failed the reason is enough; the model was told the same
        told = " ".join((arguments if turn.failed else f"{arguments}{arrow}{result}").split())
    waits = _styled(palette, "▲ allow? y/n  ", "warning", "bold") if turn.stage == "asked" else ""
    failed = (safe(f"{'' if not told else chr(10) if unfolded else '  '}✕ {turn.failed}"),) if turn.failed else ()
    return Content.assemble(
        _styled(palette, "▾ " if unfolded else "▸ ", "tool"),
        safe(turn.text).stylize(f"bold {palette.hex('tool')}"),
        "\n" if unfolded else "  ",
        waits,
        safe(told).stylize(palette.hex("quiet")),
        *(one.stylize(palette.hex("error")) for one in failed),
    )


def call_parts(detail: str) -> tuple[str, str, str]:
    """(arguments, arrow, result). Arguments may hold an arrow too: they end where they are whole JSON."""
    place = detail.find(ARROW)
    while place >= 0 and not _is_json(detail[:place]):
        place = detail.find(ARROW, place + 1)
    if place < 0:
        return detail.partition(ARROW)
    return detail[:place], ARROW, detail[place + len(ARROW) :]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _note(turn: TurnView, palette: Palette) -> Content:
    glyph, color = {"info": ("·", "quiet"), "warning": ("▲", "warning"), "error": ("✕", "error")}[turn.level]
    parts = [_styled(palette, f"{glyph} ", color), safe(turn.text).stylize(palette.hex(color))]
    if turn.count > 1:
        parts.append(_styled(palette, f" ×{turn.count}", color, "bold"))
    return Content("").join(parts)


def plain_text(turn: TurnView) -> str:
    """A turn as it is copied: no label, the unheard rest in brackets, its translation in a line of its own."""
    rest = f" [{turn.rest.strip()}]" if turn.cut_by and turn.rest.strip() else ""
    detail = f"  {turn.detail}" if turn.who == "tool" and turn.detail else ""
    beneath = f"\n{BENEATH}{turn.translation}" if turn.translation else ""
    return f"{turn.text}{rest}{detail}{beneath}"


def vad_marker(turn: TurnView) -> str:
    """What the server's voice detector saw of your turn: `◆` began, `◆ 2.8 s ◇` ended after so long."""
    if turn.vad == "stopped":
        return f"◆ {turn.spoken:.1f} s ◇" if turn.spoken is not None else "◆ ◇"
    return "◆" if turn.vad == "started" else ""


def meta_of(turn: TurnView, width: int) -> tuple[str, str]:
    if turn.who == "assistant" and turn.latency is not None:
        if turn.latency > 1:
            return f"▲ +{turn.latency:.2f} s", "warning"
        return f"+{turn.latency * 1000:.0f} ms", "quiet"
    if turn.who == "tool":
        took = f" {turn.latency:.2f} s" if turn.latency is not None else ""
        if turn.failed:
            return f"✕{took}", "error"
        if turn.stage == "asked":
            return "▲", "warning"
        return ("◌", "warning") if turn.partial else (f"✓{took}", "quiet")
    if turn.who != "you":
        return "", "quiet"
    marker = vad_marker(turn)
    when = "now" if turn.partial else clock(turn.at)
    if marker and width >= 16:
        return f"{marker}  {when}", "quiet"
    return (marker, "quiet") if marker or width < 11 else (when, "quiet")


def meta_width(turn: TurnView, width: int) -> int:
    """Columns at the right: none for most turns of a narrow screen, but the voice markers always have their place."""
    if width >= 115:  # the scrollbar takes one of 116
        return 18
    if width >= 99:
        return 12
    return 11 if turn.who == "you" and turn.vad else 0


def _washed(line: Strip, palette: Palette) -> Strip:
    """The line on the colour of a cursor; the mark beside the label says it without colours."""
    wash = Style(bgcolor=palette.style(bg="cursor-line").bgcolor)
    return Strip([Segment(part.text, (part.style or Style()) + wash) for part in line], line.cell_length)


class Turn(Lined):
    """A turn on the screen. Repaints when its record changes; lays out anew when its height does."""

    turn: reactive[TurnView] = reactive(TurnView("", "note"))
    voice: reactive[str] = reactive("assistant")
    unfolded: reactive[bool] = reactive(False, layout=True)
    is_selected: reactive[bool] = reactive(False)
    """What the keys for one turn are about."""
    is_explained: reactive[bool] = reactive(False, layout=True)
    """The key for events leads to those of this turn."""
    asks: reactive[bool] = reactive(False, layout=True)
    """A last row asks whether it is to be deleted."""

    def __init__(self, turn: TurnView, voice: str) -> None:
        super().__init__()
        self.set_reactive(Turn.turn, turn)
        self.set_reactive(Turn.voice, voice)

    def watch_turn(self) -> None:
        """Most words of an answer fit into the row that is there: laying out the whole screen for each is dear."""
        if self.is_attached and self.get_content_height(Size(), Size(), self.size.width) != self.size.height:
            self.refresh(layout=True)

    @property
    def is_foldable(self) -> bool:
        return self.turn.who == "tool" or (bool(self.turn.cut_by) and is_long(self.turn.rest.strip()))

    def render(self) -> Content:
        return self._body(self._body_width(self.size.width))

    def _body(self, width: int) -> Content:
        """Markdown for a whole written answer; plain while it grows: laying it out anew for each word is dear."""
        turn, palette = self.turn, palette_of(self.app)
        if not turn.written or turn.partial or turn.cut_by or turn.failed:
            told = {"unfolded": self.unfolded, "is_explained": self.is_explained}
            return body_content(turn, palette, keys_of_app(self.app), **told)
        from voicechat.ui.widgets.markdown import markdown_content

        return _with_translation(markdown_content(clean(turn.text), palette, width), turn, palette)

    def _body_width(self, width: int) -> int:
        return max(8, min(BODY, width - WHO - 2 - max(1, meta_width(self.turn, width))))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        body_width = self._body_width(width)
        rows = 1 if self._is_one_line() else max(1, len(self._body(body_width).wrap(body_width)))
        return rows + self.asks

    def _is_one_line(self) -> bool:
        return self.turn.who == "tool" and not self.unfolded

    def make_lines(self, palette: Palette, width: int, height: int) -> list[Strip]:
        body_width = self._body_width(width)
        body = self._body(body_width)
        if self._is_one_line():
            body = body.truncate(body_width, ellipsis=True)
        strips = Visual.to_strips(self, body, body_width, max(1, height - self.asks), self.visual_style)
        lines = [self._around(y, strip, width, body_width) for y, strip in enumerate(strips)]
        if self.asks:
            keys = keys_of_app(self.app)
            row = Row(palette, width).to(WHO).own("▎ ", COLORS[self.turn.who]).own("✕ ", "error", bold=True)
            lines.append(
                row.own(
                    f"Delete it for good? {keys.of('delete_turn')} again does · {keys.of('back')} keeps it", "error"
                ).strip()
            )
        return [_washed(line, palette) for line in lines] if self.is_selected else lines

    def _around(self, y: int, body: Strip, width: int, body_width: int) -> Strip:
        palette = palette_of(self.app)
        color = COLORS[self.turn.who]
        label = self.voice if self.turn.who == "assistant" else self.turn.who
        start = Row(palette, WHO + 2)
        label_color = "quiet" if self.turn.who == "note" else color
        who = start.part().spoken(label, label_color, bold=self.turn.who in ("you", "assistant")).cut_to(WHO - 1)
        start.to(WHO - 1 - who.cells if y == 0 else WHO)
        if y == 0:
            start.join(who).own("▸" if self.is_selected else " ", "accent", bold=True)
        start.own("▎", color).own(" ")
        end = Row(palette, width - WHO - 2 - body_width)
        if y == 0 and end.width > 1:
            text, meta_color = meta_of(self.turn, meta_width(self.turn, width))
            columns = min(end.width, meta_width(self.turn, width))
            end.own(text.rjust(columns - 1 if columns < 12 else columns - 2), meta_color)
        filler = Segment(" " * max(0, body_width - body.cell_length), palette.style())
        return Strip([*start.strip(), *body, filler, *end.strip()], width)

    def on_click(self, event: events.Click) -> None:
        if self.is_foldable:
            event.stop()
            self.unfolded = not self.unfolded

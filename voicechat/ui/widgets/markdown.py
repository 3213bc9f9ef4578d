"""A written answer as Rich lays out Markdown, in the colours of the theme.

HTML, images and entities are text like any other; a link is its label with the address behind it, nothing to click.
Imported when the first such answer is whole: Rich brings Pygments along.
"""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from rich.theme import Theme
from textual.content import Content

from voicechat.ui.paint import Palette, to_ascii

TAB = 4
PARSER = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["strikethrough", "table"])
    .disable(["image", "autolink", "entity", "reference"])
)
QUIET = ("block_quote", "code_language", "hr", "item.bullet", "item.number", "link_url", "table.border")
OWN_GLYPHS = frozenset({"•", "▌"})
"""What Rich puts before an item and a quotation."""


class Code(CodeBlock):
    """Code as it was written, on a ground of its own below the name of its language."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("code" if self.lexer_name == "text" else self.lexer_name, style="markdown.code_language")
        code = Text(str(self.text).removesuffix("\n"), overflow="fold", tab_size=TAB)
        for line in console.render_lines(code, options, style=console.get_style("markdown.code_block")):
            yield from (*line, Segment.line())


class Answer(Markdown):
    """Markdown that keeps the line breaks of the answer."""

    elements = Markdown.elements | {"fence": Code, "code_block": Code}

    def __init__(self, text: str) -> None:
        super().__init__("", hyperlinks=False)
        self.parsed = PARSER.parse(text)
        for token in (child for block in self.parsed for child in block.children or ()):
            if token.type == "softbreak":
                token.type = "hardbreak"


@lru_cache(maxsize=128)
def markdown_content(text: str, palette: Palette, width: int) -> Content:
    """The answer in rows of at most `width` cells. `text` must be clean."""
    console = Console(theme=_theme(palette), width=width, force_terminal=True, color_system="truecolor")
    options = console.options
    if palette.ascii_only:
        options.encoding = "ascii"
    rows = []
    for line in console.render_lines(Answer(text), options, style=palette.style()):
        row = Text()
        for part in line:
            is_own = palette.ascii_only and part.text.strip() in OWN_GLYPHS
            row.append(to_ascii(part.text) if is_own else part.text, part.style)
        if part.style is None or part.style.bgcolor == palette.style().bgcolor:
            row.rstrip()
        rows.append(row)
    return Content.from_rich_text(Text("\n").join(rows), console)


def _theme(palette: Palette) -> Theme:
    quiet, heading = palette.style("quiet"), palette.style("assistant", bold=True)
    return Theme(
        {f"markdown.h{level}": heading for level in range(1, 7)}
        | dict.fromkeys((f"markdown.{name}" for name in QUIET), quiet)
        | {
            "markdown.code": palette.style(bg="surface"),
            "markdown.code_block": palette.style(bg="surface"),
            "markdown.em": Style(italic=True),
            "markdown.strong": Style(bold=True),
            "markdown.s": Style(strike=True),
            "markdown.link": Style(underline=True),
            "markdown.table.header": Style(bold=True),
        }
    )

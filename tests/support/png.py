"""A Textual screen as PNG, for looking at and for the README. Needs pillow and three fonts.

Block, box and level characters are drawn as geometry, as most terminals do today; everything else comes from a font.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.cells import split_graphemes
from rich.color import Color
from rich.style import Style
from textual.app import App

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, OVERSAMPLING, PADDING = 10, 21, 16, 2, 10
FONTS = Path("/usr/share/fonts")
LATIN = FONTS / "truetype/jetbrains-mono"
SYMBOLS = FONTS / "truetype/dejavu/DejaVuSansMono.ttf"
HAN = FONTS / "opentype/noto/NotoSansCJK-Regular.ttc"
# arms: left, up, right, down; 1 light, 2 heavy
ARMS = {
    "─": (1, 0, 1, 0), "━": (2, 0, 2, 0), "│": (0, 1, 0, 1), "╭": (0, 0, 1, 1), "╮": (1, 0, 0, 1), "╰": (0, 1, 1, 0),
    "╯": (1, 1, 0, 0),
}  # fmt: skip
Ink = tuple[int, int, int]


@lru_cache(maxsize=8)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    path = {"symbols": SYMBOLS, "han": HAN}.get(name, LATIN / f"JetBrainsMono-{name}.ttf")
    return ImageFont.truetype(str(path), size)


@lru_cache(maxsize=512)
def _is_latin(character: str) -> bool:
    """Whether the main font has the character: it draws one box for all it has not."""
    font = _font("Regular", FONT_SIZE)
    return bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


def paint_png(app: App[int], path: Path) -> None:
    """Paint what `app` shows now."""
    width, height = app.size
    variables = app.theme_variables
    fore, back = (Color.parse(variables[name][:7]) for name in ("foreground", "background"))
    cell_w, cell_h, pad = CELL_WIDTH * OVERSAMPLING, CELL_HEIGHT * OVERSAMPLING, PADDING * OVERSAMPLING
    image = Image.new("RGB", (width * cell_w + 2 * pad, height * cell_h + 2 * pad), _ink(back))
    draw = ImageDraw.Draw(image)
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for text, style, control in strip:
            if control:
                continue
            for start, _, cells in split_graphemes(text)[0]:
                if cells:
                    box = (pad + x * cell_w, pad + y * cell_h, cells * cell_w, cell_h)
                    _cell(draw, text[start], box, style or Style(), fore, back)
                    x += cells
    image = image.resize((image.width // OVERSAMPLING, image.height // OVERSAMPLING), Image.Resampling.LANCZOS)
    image.save(path, optimize=True)


def _ink(color: Color) -> Ink:
    triplet = color.get_truecolor()
    return triplet.red, triplet.green, triplet.blue


def _cell(
    draw: ImageDraw.ImageDraw, character: str, box: tuple[int, int, int, int], style: Style, fore: Color, back: Color
) -> None:
    x, y, w, h = box
    ink = _ink(style.color if style.color and not style.color.is_default else fore)
    paper = _ink(style.bgcolor if style.bgcolor and not style.bgcolor.is_default else back)
    if style.reverse:
        ink, paper = paper, ink
    draw.rectangle((x, y, x + w - 1, y + h - 1), fill=paper)
    if character != " " and not _geometry(draw, character, box, ink):
        _letter(draw, character, box, ink, bold=bool(style.bold))
    if style.strike:
        draw.rectangle((x, y + h // 2, x + w - 1, y + h // 2 + 1), fill=ink)
    if style.underline:
        draw.rectangle((x, y + round(h * 0.86), x + w - 1, y + round(h * 0.86) + 1), fill=ink)


def _letter(draw: ImageDraw.ImageDraw, character: str, box: tuple[int, int, int, int], ink: Ink, *, bold: bool) -> None:
    x, y, w, h = box
    size = FONT_SIZE * OVERSAMPLING
    if w > CELL_WIDTH * OVERSAMPLING:
        draw.text((x, y + h * 0.8), character, font=_font("han", round(size * 1.12)), fill=ink, anchor="ls")
        return
    name = ("Bold" if bold else "Regular") if _is_latin(character) else "symbols"
    draw.text((x, y + h * 0.755), character, font=_font(name, size), fill=ink, anchor="ls")


def _geometry(draw: ImageDraw.ImageDraw, character: str, box: tuple[int, int, int, int], ink: Ink) -> bool:
    """Whether the character is one that terminals draw themselves; then it is drawn."""
    x, y, w, h = box
    code, right, bottom = ord(character), x + w - 1, y + h - 1
    if 0x2581 <= code <= 0x2588:
        draw.rectangle((x, bottom + 1 - round(h * (code - 0x2580) / 8), right, bottom), fill=ink)
    elif 0x2589 <= code <= 0x258F:
        draw.rectangle((x, y, x + max(1, round(w * (0x2590 - code) / 8)) - 1, bottom), fill=ink)
    elif character == "▔":
        draw.rectangle((x, y, right, y + round(h / 8) - 1), fill=ink)
    elif character == "╳":
        draw.line((x, y + h // 6, right, bottom - h // 6), fill=ink, width=3)
        draw.line((x, bottom - h // 6, right, y + h // 6), fill=ink, width=3)
    elif character == "╌":
        for start in (x, x + w // 2):
            draw.rectangle((start, y + h // 2, start + w // 4, y + h // 2 + 1), fill=ink)
    elif character in "●○◉":
        _lamp(draw, character, box, ink)
    elif character in ARMS:
        _arms(draw, ARMS[character], box, ink)
    else:
        return False
    return True


def _lamp(draw: ImageDraw.ImageDraw, character: str, box: tuple[int, int, int, int], ink: Ink) -> None:
    x, y, w, h = box
    cx, cy, radius = x + w / 2, y + h / 2, w * 0.42
    outer = (cx - radius, cy - radius, cx + radius, cy + radius)
    if character == "●":
        draw.ellipse(outer, fill=ink)
        return
    draw.ellipse(outer, outline=ink, width=2)
    if character == "◉":
        draw.ellipse((cx - radius / 2, cy - radius / 2, cx + radius / 2, cy + radius / 2), fill=ink)


def _arms(draw: ImageDraw.ImageDraw, arms: tuple[int, int, int, int], box: tuple[int, int, int, int], ink: Ink) -> None:
    x, y, w, h = box
    cx, cy = x + w // 2, y + h // 2
    left, up, right, down = arms
    half = {0: 0, 1: 1, 2: 2}
    if left:
        draw.rectangle((x, cy - half[left], cx, cy + half[left]), fill=ink)
    if right:
        draw.rectangle((cx, cy - half[right], x + w - 1, cy + half[right]), fill=ink)
    if up:
        draw.rectangle((cx - half[up], y, cx + half[up], cy), fill=ink)
    if down:
        draw.rectangle((cx - half[down], cy, cx + half[down], y + h - 1), fill=ink)

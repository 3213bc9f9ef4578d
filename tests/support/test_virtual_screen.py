"""The terminal's picture is the one a real terminal shows."""

from __future__ import annotations

import pytest

from tests.support.virtual_screen import VirtualScreen


@pytest.mark.parametrize(
    ("written", "rows"),
    [
        ("ab\r\ncd", ["ab  ", "cd  "]),
        ("\x1b[2;3Hx\x1b[1;1Hy", ["y   ", "  x "]),
        ("\x1b[1;31mred\x1b[0m", ["red ", "    "]),
        ("abcd\x1b[1;2H\x1b[K", ["a   ", "    "]),
        ("abcd\r\nabcd\x1b[2J", ["    ", "    "]),
        ("日本x", ["日本", "    "]),
        ("\x1b]8;;http://x\x1b\\ab\x1b]0;title\x07c", ["abc ", "    "]),
        ("\x1b[?1049h\x1b[>25u\x1b(Bok", ["ok  ", "    "]),
    ],
)
def test_virtual_screen_shows_what_a_terminal_shows(written: str, rows: list[str]) -> None:
    whole, pieces = VirtualScreen(4, 2), VirtualScreen(4, 2)
    whole.feed(written.encode())
    for byte in written.encode():
        pieces.feed(bytes([byte]))
    assert whole.rows == pieces.rows == rows

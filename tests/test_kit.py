"""What tests measure with measures right: word errors, the picture of a terminal, the losses of a relay."""

from __future__ import annotations

import random
from itertools import groupby

import pytest

from tests.bench.virtual_screen import VirtualScreen
from tests.support.each import each
from tests.support.lossy_relay import Gilbert
from tests.support.word_errors import spoken_words, word_errors


@each(
    ("said", "heard", "errors"),
    [
        ("ten of clubs", "Ten of clubs.", 0),
        ("ten of clubs", "10 of clubs", 0),
        ("two nine three four zero", "29340.", 0),
        ("and mister john dashwood", "And Mr. John Dashwood", 0),
        ("five five", "five", 1),
        ("five five", "five five five", 1),
        ("seven of clubs", "heaven of clubs", 1),
        ("go forward ten meters", "", 4),
        ("", "you", 1),
        ("ask what you can do", "what can you do", 3),
    ],
)
def test_word_errors_are_counted_as_a_person_would_count_them(said: str, heard: str, errors: int) -> None:
    assert word_errors(said, heard) == errors
    assert spoken_words("He's not ill-disposed.") == ["hes", "not", "ill", "disposed"]


@each(
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


def pattern(loss: float, burst: float, seed: int = 7, packets: int = 40_000) -> list[bool]:
    line = Gilbert(loss, burst, random.Random(seed))
    return [line.loses() for _ in range(packets)]


def runs(lost: list[bool]) -> list[int]:
    return [len(list(group)) for bad, group in groupby(lost) if bad]


@each(("loss", "burst"), [(loss, burst) for loss in (0.01, 0.05, 0.1) for burst in (1.0, 3.0)])
def test_relay_loses_the_share_asked_in_bursts_of_the_length_asked(loss: float, burst: float) -> None:
    lost = pattern(loss, burst)
    assert sum(lost) / len(lost) == pytest.approx(loss, rel=0.2)
    assert sum(runs(lost)) / len(runs(lost)) == pytest.approx(burst, rel=0.2)


def test_extremes_of_loss_and_burst_are_exact_and_seeds_repeat() -> None:
    assert max(runs(pattern(0.1, 1.0))) == 1
    assert not any(pattern(0.0, 1.0))
    assert sum(pattern(1.0, 1_000.0)) > 39_000
    assert pattern(0.05, 2.0, seed=5) == pattern(0.05, 2.0, seed=5) != pattern(0.05, 2.0, seed=6)

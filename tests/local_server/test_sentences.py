"""Text is cut into sentences while it is written, and none of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.local_server.speech.text import LONGEST, complete_sentences, split_sentences
from voicechat.local_server.speech.voice import spoken_text


def test_a_sentence_is_ready_when_the_next_has_begun() -> None:
    assert complete_sentences("Hello the") == ([], "Hello the")
    assert complete_sentences("Hello there. ") == ([], "Hello there. ")
    assert complete_sentences("Hello there. How") == (["Hello there."], "How")
    assert complete_sentences("How are you? I") == (["How are you?"], "I")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith came. He left.", ["Dr. Smith came.", "He left."]),
        ("It costs 3.50 today. Good.", ["It costs 3.50 today.", "Good."]),
        ("Use e.g. this one. Fine.", ["Use e.g. this one.", "Fine."]),
        ('"Stop!" she said. "Why?" Because.', ['"Stop!" she said.', '"Why?"', "Because."]),
        ("J. K. Rowling wrote it.", ["J. K. Rowling wrote it."]),
        ("So did I. Then we went.", ["So did I.", "Then we went."]),
        ("Wait... what? Yes!", ["Wait... what?", "Yes!"]),
        ("One line\nAnother line\n\nThird", ["One line", "Another line", "Third"]),
        ("1. First thing\n2. Second thing", ["1. First thing", "2. Second thing"]),
        ("At 5 p.m. we eat. Then sleep.", ["At 5 p.m. we eat.", "Then sleep."]),
        ("", []),
        ("   ", []),
    ],
)
def test_sentences_end_where_people_end_them(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_an_endless_sentence_is_cut_at_a_comma_or_between_words() -> None:
    for text in ("and then one more, " * 60, "word " * 200, "x" * 1000):
        pieces = split_sentences(text)
        assert all(len(piece) <= LONGEST for piece in pieces)
        assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


@given(st.text(alphabet="ab. !?\n,D1", max_size=600), st.integers(1, 50))
def test_however_the_text_arrives_the_words_are_the_same(text: str, size: int) -> None:
    pieces, rest = list[str](), ""
    for at in range(0, len(text), size):
        ready, rest = complete_sentences(rest + text[at : at + size])
        pieces += ready
    pieces.append(rest)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@each(
    ("written", "read"),
    [
        ("3 * 4 is 12", "3 times 4 is 12"),
        ("3 - 4", "3 minus 4"),
        ("voicechat --provider openai", "voicechat dash dash provider openai"),
        ("√16 ≈ 4", "the square root of 16 about 4"),
        ("**Bold** and _thin_ and `code`", "Bold and thin and code"),
        ("# Title\n- one\n- two", "Title\none\ntwo"),
        ("See [the page](https://example.com/x).", "See the page."),
        ("Fine 😀👍🏽", "Fine"),
        ("你好", ""),
        ("Привет", ""),
        ("naïve café", "naïve café"),
        ("5 ≤ 6", "5 at most 6"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("\x1b[31mred\x1b[0m", "31mred 0m"),
        ("π is about 3.14", "π is about 3.14"),
        ("2 snake_case_names * stars", "2 snake_case_names * stars"),
        ("12345678901234567", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7"),
        ("1,234,567", "1,234,567"),
    ],
)
def test_signs_are_written_out_for_the_voice(written: str, read: str) -> None:
    assert spoken_text(written) == read


@given(st.text(max_size=300))
def test_any_text_can_be_prepared(text: str) -> None:
    assert isinstance(spoken_text(text), str)

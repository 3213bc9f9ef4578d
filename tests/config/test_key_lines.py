"""On which line a key stands, whatever TOML allows around it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from voicechat.config.key_lines import key_lines, line_of

TRICKY = '''# model = "not here"
model = "a # no comment" # a comment with = and [x]
"quoted key" = 1
'literal' = 2
dotted.inner . deep = 3
text = """
fake = "inside"
[not.a.table]
more \\""" still = 1
"""
other = \'\'\'
also = 'inside'
\'\'\'
list = [
  1, # ] not the end
  "]",
  [2, 3],
]
inline = { a = 1, b = "}" }
[devices]
mic = "x"
  [ profiles . "my work" ] # spaces are fine
voice = "ash"
[[servers]]
name = "one"
[[servers]]
name = "two"
'''


def test_every_kind_of_key_is_found_on_its_line() -> None:
    lines = key_lines(TRICKY)
    assert tomllib.loads(TRICKY)
    found = {".".join(keys): line for keys, line in lines.items()}
    assert found == {
        "model": 2,
        "quoted key": 3,
        "literal": 4,
        "dotted": 5,
        "dotted.inner": 5,
        "dotted.inner.deep": 5,
        "text": 6,
        "other": 11,
        "list": 14,
        "inline": 19,
        "devices": 20,
        "devices.mic": 21,
        "profiles": 22,
        "profiles.my work": 22,
        "profiles.my work.voice": 23,
        "servers": 24,
        "servers.name": 25,
    }


def test_a_key_in_an_inline_table_is_found_at_its_table() -> None:
    lines = key_lines(TRICKY)
    assert line_of(lines, ("inline", "b")) == 19
    assert line_of(lines, ("nowhere",)) == 0


def test_lines_may_end_as_windows_ends_them() -> None:
    assert key_lines('a = 1\r\nb = """x\r\ny"""\r\nc = 3\r\n') == {("a",): 1, ("b",): 2, ("c",): 4}


@pytest.mark.parametrize("text", ["", "=", "[", "[[", 'a = "', "a = [", "a", '"', "\x00", "a = '''", "[a\nb = 1"])
def test_what_is_no_toml_ends_the_search_and_nothing_else(text: str) -> None:
    assert isinstance(key_lines(text), dict)


KEY = st.text("abz-_09", min_size=1, max_size=4)
VALUE = st.one_of(
    st.integers(-9, 9).map(str),
    st.sampled_from(
        ['"# [x] = 1"', "'''\na = 1\n'''", '"""\nb = [\n"""', "[1,\n[2],\n'x = ]']", '{ a = "}", b = [1] }']
    ),
)


@given(st.dictionaries(st.sampled_from(["", "one", "two"]), st.dictionaries(KEY, VALUE, max_size=4)))
def test_every_key_of_any_file_is_found_where_it_was_written(tables: dict[str, dict[str, str]]) -> None:
    text, wanted = "", {}
    for table in sorted(tables):
        text += f"[{table}] # about\n" if table else "\n# top\n"
        for key, value in tables[table].items():
            wanted[(*((table,) if table else ()), key)] = text.count("\n") + 1
            text += f"{key} = {value}  # said\n"
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert document is not None
    lines = key_lines(text)
    assert {keys: lines[keys] for keys in wanted} == wanted | {
        (name,): lines[(name,)] for name in ("one", "two") if (name,) in wanted
    }

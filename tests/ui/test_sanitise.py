"""Nothing from outside commands the terminal or is read as markup."""

from __future__ import annotations

import time

from hypothesis import given, strategies as st

from tests.support.each import each
from voicechat.core.view import MicView, TurnView, View
from voicechat.ui.sanitise import clean, cleaned, safe, show

HOSTILE = {
    "clipboard": ("A\x1b]52;c;UFdORUQ=\x07Z", "AZ"),
    "title": ("A\x1b]0;H\x1b\\Z", "AZ"),
    "clear screen": ("A\x1b[2J\x1b[31mZ", "AZ"),
    "8-bit control": ("A\x9b31mZ", "AZ"),
    "8-bit clipboard": ("A\x9d52;c;QQ==\x9cZ", "AZ"),
    "device control": ("A\x1bPtmux;x\x1b\\Z", "AZ"),
    "reset": ("A\x1bcZ", "AZ"),
    "reversed name": ("A\u202egnp.exe\u202cZ", "A\ufffdgnp.exe\ufffdZ"),
    "nul": ("A\x00Z", "A\u2400Z"),
    "delete": ("A\x7fZ", "A\u2421Z"),
    "line ends": ("a\r\nb\rc", "a\nbc"),
    "families and Persian": ("👨\u200d👩\u200d👧 می\u200cخواهم", "👨\u200d👩\u200d👧 می\u200cخواهم"),
}


@each(("dirty", "harmless"), HOSTILE.values())
def test_a_hostile_string_becomes_harmless(dirty: str, harmless: str) -> None:
    assert clean(dirty) == harmless


@given(st.text(st.characters(), max_size=60), st.integers(0, 60))
def test_no_control_survives_whatever_the_boundaries_of_deltas(text: str, cut: int) -> None:
    for piece in (clean(text), clean(text[:cut]) + clean(text[cut:])):
        assert not [c for c in piece if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) <= 0x9F or c == "\u202e"]


def test_the_list_of_events_makes_everything_visible() -> None:
    assert show("a\x1b[2J\u202e") == "a\\x1b[2J\\u202e"


def test_a_whole_record_is_cleaned_at_any_depth() -> None:
    view = cleaned(View(mic=MicView(name="Mic\x1b[2J"), refused=("bad\x07",)))
    assert (view.mic.name, view.refused) == ("Mic", ("bad\u2407",))
    assert cleaned(TurnView("t1\x1bc", "you")).key == "t1"
    turn = TurnView("u1", "you", text="hello")
    assert cleaned(turn) is turn, "a clean record is the same object"


def test_brackets_are_text_not_markup() -> None:
    assert safe("[@click=app.quit]free[/] [/foo] [[x]]").plain == "[@click=app.quit]free[/] [/foo] [[x]]"


@each("introducer", ["\x9d", "\x90", "\x1b]", "\x1bP", "\x1b[", "\x9b", "\x1b]a\x9d", "\x9d\x90"])
def test_a_hundred_thousand_unended_sequences_take_a_moment(introducer: str) -> None:
    began = time.process_time()
    assert "\x9d" not in clean(introducer * 100_000)
    assert time.process_time() - began < 3.0

"""What a user may write under [keys], and what is said about the rest."""

from __future__ import annotations

import pytest

from voicechat.ui.bindings import ACTIONS, UNCHANGEABLE, check_keys, key_name, spoken, spoken_keys


def test_a_good_entry_becomes_a_keymap() -> None:
    assert check_keys({"vc.mute": "Z", "vc.ptt_any": "F8, Ctrl+T"}) == ({"vc.mute": "Z", "vc.ptt_any": "f8,ctrl+t"}, ())


@pytest.mark.parametrize(
    ("id", "value", "reason"),
    [
        ("vc.mut", "x", "no such binding, did you mean vc.mute?"),
        ("xyzzy", "x", "no such binding"),
        ("vc.mute", "spacebar", "'spacebar' is not a key"),
        ("vc.mute", "", "'' is not a key"),
        ("vc.mute", "hyper-x", "'hyper-x' is not a key"),
        ("vc.mute", "ctrl+c", "ctrl+c is reserved"),
        ("vc.mute", "Ctrl+Q", "ctrl+q is reserved"),
        ("vc.mute", "o", "vc.turn_mode has that key"),
        ("vc.quit", "x", "this key cannot be changed"),
    ],
)
def test_a_bad_entry_is_refused_with_its_reason_and_the_default_stays(id: str, value: str, reason: str) -> None:
    keymap, problems = check_keys({id: value})
    assert keymap == {}
    assert [problem.reason for problem in problems] == [reason]
    assert id in str(problems[0]) and "the default stays" in str(problems[0])


def test_two_entries_for_one_key_leave_it_to_the_first() -> None:
    keymap, problems = check_keys({"vc.mute": "Z", "vc.again": "Z"})
    assert keymap == {"vc.mute": "Z"}
    assert [(p.id, p.reason) for p in problems] == [("vc.again", "vc.mute has that key")]


def test_two_bindings_may_exchange_their_keys() -> None:
    assert check_keys({"vc.mute": "o", "vc.turn_mode": "m"}) == ({"vc.mute": "o", "vc.turn_mode": "m"}, ())


def test_the_defaults_do_not_clash_and_are_all_keys() -> None:
    keys = [key for action in ACTIONS for key in action.keys.split(",") if key]
    assert len(keys) == len(set(keys))
    assert check_keys({a.id: a.keys for a in ACTIONS if a.keys and a.id not in UNCHANGEABLE})[1] == ()


def test_keys_are_named_as_textual_names_them_and_as_people_do() -> None:
    assert [key_name(k) for k in ("?", ":", "Ctrl+Space", "=", "A", "+")] == [
        *("question_mark", "colon", "ctrl+space", "equals_sign", "A", "plus"),
    ]
    assert [spoken(k) for k in ("escape", "f8,ctrl+space", "ctrl+t", "question_mark", "m")] == [
        *("Esc", "F8", "Ctrl+T", "?", "m"),
    ]


def test_sentences_name_the_keys_that_were_chosen() -> None:
    assert spoken_keys({"vc.ptt": "f5", "vc.mute": "x"}).talk == "F5"
    assert spoken_keys({"vc.ptt": "f5", "vc.mute": "x"}).mute == "x"

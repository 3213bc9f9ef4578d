"""What a user may write under [keys], and that every key that the screen names is the key that is bound."""

from __future__ import annotations

import re
from collections.abc import Iterable

from textual.widgets import Static

from tests.support.each import each
from tests.support.event_rows import rows
from tests.support.scenes import all_scenes
from tests.support.screen import at_rest, lines, showing, text, until
from voicechat.core.view import TurnView
from voicechat.engine.link import Snapshot, Turns
from voicechat.ui.bindings import ACTIONS, UNCHANGEABLE, check_keys, key_name, spoken, spoken_keys
from voicechat.ui.options import UiOptions
from voicechat.ui.sanitise import cleaned
from voicechat.ui.screens.help import HelpScreen
from voicechat.ui.wording import NOTE_HINTS

REMAPPED = {  # to Cyrillic letters, which no text of the screen has
    action.id: key
    for action, key in zip(
        [one for one in ACTIONS if one.keys and one.id not in UNCHANGEABLE],
        [*(chr(c) for c in range(0x0430, 0x0450)), *(chr(c) for c in range(0x0410, 0x0430))],
        strict=False,
    )
}
NAMED = re.compile(r"\b(?:F\d{1,2}|Esc|Space|Delete|Backspace)\b")
"""Names that stand for nothing but a key; all of them are other keys here."""
LETTER = re.compile(r"(?<![+\w'’.\"/\\-])([a-zA-Z:?/*<>\[\]])(?= +[a-z])")
"""What reads like `m mutes`."""
WORDS = {"a", "I", "s", "h", ":", "/", "*", "?", "<", ">"}
"""Words and signs of ordinary text, and the three answers to a tool's question, which are fixed."""
FIXED = {"y", "n", "x", "u", "q"}
"""Keys of one widget alone, which no configuration changes."""


async def test_no_word_of_the_key_card_is_cut_on_a_screen_of_80_columns() -> None:
    async with showing("talk", (80, 24)) as (app, _, pilot):
        for keys, groups in ((("question_mark",), ("TALK", "WRITE", "LOOK")), (("f2", "question_mark"), ("EVENTS",))):
            await pilot.press("escape", *keys)
            await until(pilot, lambda: isinstance(app.screen, HelpScreen))
            card = str(app.screen.query_one("#keys Static", Static).content)
            assert [a.words for a in ACTIONS if a.group in groups and a.id != "vc.quit" and a.words not in card] == []


async def test_the_key_card_explains_every_sign_of_talk_and_deck() -> None:
    async with showing("talk", (120, 36)) as (app, _, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        card = str(app.screen.query_one("#keys Static", Static).content)
        assert [sign for sign in "●◉○✕◆◇▲╳│" if sign not in card] == []


def keys_named(rows: Iterable[str]) -> set[str]:
    """Keys of the default bindings that the rows still name."""
    shown = "\n".join(rows)
    return set(NAMED.findall(shown)) | (set(LETTER.findall(shown)) - WORDS - FIXED)


def test_every_action_is_remapped_and_none_is_refused() -> None:
    keymap, problems = check_keys(REMAPPED)
    assert not problems
    assert set(keymap) == {one.id for one in ACTIONS if one.keys} - UNCHANGEABLE


async def test_no_state_names_a_key_that_is_not_bound() -> None:
    async with showing("ptt", (80, 24), UiOptions(keys=REMAPPED)) as (app, engine, pilot):
        states = {(scene.view, scene.sound): (name, scene) for name, scene in all_scenes().items()}
        for number, (name, scene) in enumerate(states.values()):
            if number == len(states) // 2:
                await pilot.resize_terminal(160, 45)
            engine.deliver(Snapshot(scene.view, scene.meters, scene.sound, scene.t), Turns((), ()))
            await until(pilot, lambda view=scene.view: app.view == cleaned(view))  # type: ignore[misc]
            await at_rest(pilot)
            assert keys_named(lines(app)) == set(), name


PANES = [
    ("vc.events",),
    ("vc.events", "vc.help"),
    ("vc.events", "vc.find"),
    ("vc.events", "down", "vc.fold"),
    ("vc.events", "vc.send_event"),
    ("vc.numbers",),
    ("vc.settings",),
    ("vc.devices",),
    ("vc.help",),
    ("vc.type",),
    ("up",),
    ("up", "vc.delete_turn"),
    ("ctrl+q",),
]


async def test_no_pane_names_a_key_that_is_not_bound() -> None:
    async with showing("held", (160, 45), UiOptions(keys=REMAPPED)) as (app, engine, pilot):
        engine.say(TurnView("u1", "you", 1.0, "Hello.", item_id="item_1"))
        engine.log(*rows(20))
        for number, keys in enumerate(PANES):
            if number == len(PANES) // 2:
                await pilot.resize_terminal(80, 24)
            for key in keys:
                await pilot.press(REMAPPED.get(key, key))
            await at_rest(pilot)
            assert keys_named(lines(app)) == set(), keys
            for _ in range(3):
                await pilot.press(REMAPPED["vc.back"])


async def test_the_events_key_of_the_configuration_stands_in_footer_and_welcome() -> None:
    async with showing("welcome", (120, 36), UiOptions(keys={"vc.events": "f3"})) as (app, _, pilot):
        assert text(app).count("F3") == 2
        assert "F2" not in text(app)
        await pilot.press("f3")
        await until(pilot, lambda: app.talk.developer.is_shown)
        assert "F3 back to talk" in text(app)


async def test_a_note_that_needs_a_key_names_the_one_that_is_bound() -> None:
    async with showing("talk", (120, 40), UiOptions(keys=REMAPPED)) as (app, engine, pilot):
        for code, hint in NOTE_HINTS.items():
            engine.say(TurnView("n1", "note", text=f"About {code}.", level="warning", detail=code))
            await until(pilot, lambda code=code: f"About {code}. " in text(app))  # type: ignore[misc]
            names = [REMAPPED[f"vc.{name}"] for name in re.findall(r"\{vc\.(\w+)\}", hint)]
            assert names and all(re.search(rf"\b{name}\b", text(app)) for name in names)
            assert "{vc" not in text(app)


def test_a_good_entry_becomes_a_keymap() -> None:
    assert check_keys({"vc.mute": "Z", "vc.ptt_any": "F8, Ctrl+T"}) == ({"vc.mute": "Z", "vc.ptt_any": "f8,ctrl+t"}, ())


@each(
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
        ("vc.delete_turns", "x", "no such binding, did you mean vc.delete_turn?"),
        ("vc.insert_after", "m", "vc.mute has that key"),
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
    assert spoken_keys({"vc.ptt": "f5", "vc.mute": "x"}).of("ptt") == "F5"
    assert spoken_keys({"vc.ptt": "f5", "vc.mute": "x"}).of("mute") == "x"

"""Every key that the screen names is the key that is bound."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.support.event_rows import rows
from tests.support.scenes import all_scenes
from tests.support.screen import at_rest, lines, showing, text, until
from voicechat.core.view import TurnView
from voicechat.engine.link import Snapshot, Turns
from voicechat.ui.bindings import ACTIONS, UNCHANGEABLE, check_keys
from voicechat.ui.options import UiOptions
from voicechat.ui.sanitise import cleaned
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


def keys_named(rows: Iterable[str]) -> set[str]:
    """Keys of the default bindings that the rows still name."""
    shown = "\n".join(rows)
    return set(NAMED.findall(shown)) | (set(LETTER.findall(shown)) - WORDS - FIXED)


def test_every_action_is_remapped_and_none_is_refused() -> None:
    keymap, problems = check_keys(REMAPPED)
    assert not problems
    assert set(keymap) == {one.id for one in ACTIONS if one.keys} - UNCHANGEABLE


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_no_state_names_a_key_that_is_not_bound(size: tuple[int, int]) -> None:
    async with showing("ptt", size, UiOptions(keys=REMAPPED)) as (app, engine, pilot):
        for name, scene in all_scenes().items():
            engine.deliver(Snapshot(scene.view, scene.meters, scene.sound, scene.t), Turns((), ()))
            await until(pilot, lambda view=scene.view: app.view == cleaned(view))  # type: ignore[misc]
            await pilot.pause(0.05)
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


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_no_pane_names_a_key_that_is_not_bound(size: tuple[int, int]) -> None:
    async with showing("held", size, UiOptions(keys=REMAPPED)) as (app, engine, pilot):
        engine.say(TurnView("u1", "you", 1.0, "Hello.", item_id="item_1"))
        engine.log(*rows(20))
        for keys in PANES:
            for key in keys:
                await pilot.press(REMAPPED.get(key, key))
                await pilot.pause(0.05)
            await at_rest(pilot)
            assert keys_named(lines(app)) == set(), keys
            for _ in range(3):
                await pilot.press(REMAPPED["vc.back"])


async def test_the_events_key_of_the_configuration_stands_in_footer_and_welcome() -> None:
    async with showing("welcome", (120, 36), UiOptions(keys={"vc.events": "f3"})) as (app, _, pilot):
        assert text(app).count("F3") == 2
        assert "F2" not in text(app)
        await pilot.press("f3")
        await until(pilot, lambda: app.talk.shows_events)
        assert "F3 back to talk" in text(app)


async def test_a_note_that_needs_a_key_names_the_one_that_is_bound() -> None:
    async with showing("talk", (120, 40), UiOptions(keys=REMAPPED)) as (app, engine, pilot):
        for code, hint in NOTE_HINTS.items():
            engine.say(TurnView("n1", "note", text=f"About {code}.", level="warning", detail=code))
            await until(pilot, lambda code=code: f"About {code}. " in text(app))  # type: ignore[misc]
            names = [REMAPPED[f"vc.{name}"] for name in re.findall(r"\{vc\.(\w+)\}", hint)]
            assert names and all(re.search(rf"\b{name}\b", text(app)) for name in names)
            assert "{vc" not in text(app)

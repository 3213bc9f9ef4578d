"""F4: settings are changed while talking; what the service returned is shown, and Space stays with the talk."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import structs
from msgspec.structs import replace

from tests.support.each import each
from tests.support.scenes import FREE, IN_EFFECT, OPEN, PENDING, REFUSED, SESSION, SILENCE, VAD, session_of
from tests.support.screen import Stage, lines, showing, text, until
from voicechat.core import user_events as did
from voicechat.core.view import View
from voicechat.engine.link import Meters, SessionShown, Snapshot
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.screens.settings import ChoiceScreen, SettingsList, SettingsScreen
from voicechat.ui.settings_rows import Look, groups
from voicechat.ui.widgets.composer import MessageField

SIZES = [(60, 16), (80, 24), (120, 36), (180, 50)]
LARGE = (120, 60)


def row_of(app: VoiceChatApp, word: str) -> str:
    """The drawer's row that begins with a word."""
    left = app.screen.query_one(SettingsList).region.x
    return next(line[left:] for line in lines(app) if line[left:].strip(" ▸").startswith(word))


@asynccontextmanager
async def settings(
    session: SessionShown = SESSION, scene: str = "talk", size: tuple[int, int] = LARGE
) -> AsyncIterator[Stage]:
    """The drawer, with a session in force."""
    async with showing(scene, size) as (app, engine, pilot):
        engine.deliver(session)
        await pilot.press("f4")
        await until(pilot, lambda: "TURN DETECTION" in text(app))
        yield app, engine, pilot


async def test_a_slider_moves_at_once_then_waits_is_in_effect_and_can_be_undone() -> None:
    async with settings() as (app, engine, pilot):
        app.screen.query_one(SettingsList).move_to(SILENCE)
        await pilot.press("right", "right", "left")
        chosen = [one for one in engine.sent if isinstance(one, did.SettingChosen)]
        assert chosen == [did.SettingChosen(SILENCE, value) for value in (550, 600, 550)]
        assert "550 ms" in row_of(app, "silence")
        engine.deliver(PENDING)
        await until(pilot, lambda: "200 ms" in row_of(app, "silence"))
        assert "sent, waiting for the server" in text(app)
        assert "was 500 ms" in row_of(app, "silence")
        engine.deliver(IN_EFFECT)
        await until(pilot, lambda: "in effect" in text(app))
        await pilot.press("u")
        assert engine.sent[-1] == did.SettingUndone()


async def test_enter_takes_the_pause_that_the_diagnosis_suggests() -> None:
    gain = "0 instead of 3 of 9 turns cut in a pause, +200 ms a turn"
    async with settings(structs.replace(SESSION, suggested=((SILENCE, 700, gain),))) as (app, engine, pilot):
        assert f"700 ms: {gain}" in " ".join(text(app).split()).replace("│ ", "")
        app.screen.query_one(SettingsList).move_to(SILENCE)
        await pilot.press("enter")
        assert did.SettingChosen(SILENCE, 700) in engine.sent
        await until(pilot, lambda: "700 ms" in row_of(app, "silence"))
        assert "Enter takes it" not in text(app)


async def test_r22_a_refused_setting_jumps_back_and_says_why() -> None:
    async with settings() as (app, engine, pilot):
        app.screen.query_one(SettingsList).move_to(f"{VAD}.threshold")
        await pilot.press(*["right"] * 9)
        assert "0.95" in row_of(app, "threshold")
        engine.deliver(REFUSED)
        await until(pilot, lambda: "✕ refused: threshold 0.95 is higher" in text(app))
        assert "0.5" in row_of(app, "threshold")


async def test_r22_the_value_shown_is_what_the_service_returned_not_what_was_asked_for() -> None:
    other = SessionShown(document=session_of(300), wish=session_of(200), was=((SILENCE, "500"),))
    async with settings(other) as (app, _, _pilot):
        assert "300 ms" in row_of(app, "silence")
        assert "the service uses another" in text(app)


async def test_what_does_not_apply_stays_and_says_why() -> None:
    async with settings(structs.replace(PENDING, pending=())) as (app, engine, pilot):
        assert "only with the semantic detector" in row_of(app, "eagerness")
        assert "only in the beta dialect" in row_of(app, "temperature")
        assert "fixed over WebRTC" in row_of(app, "input as")
        assert "from next session" in row_of(app, "voice")
        count = len(engine.sent)
        app.screen.query_one(SettingsList).move_to("temperature")
        await pilot.press("right", "enter")
        assert len(engine.sent) == count
        engine.deliver(structs.replace(SESSION, dialect="beta"))
        await until(pilot, lambda: "beta dialect" in row_of(app, "idle timeout"))
        await pilot.press("right")
        assert engine.sent[-1] == did.SettingChosen("temperature", 0.85)


async def test_right_chooses_the_next_value_of_every_row_that_is_open() -> None:
    async with settings() as (app, engine, pilot):
        screen = app.screen
        assert isinstance(screen, SettingsScreen)
        reached = set()
        for setting in [setting for _, group in groups(screen.facts) for setting in group]:
            act = setting.next(1)
            screen.listed.move_to(setting.key)
            if act is not None and not isinstance(act, Look) and screen.current.key == setting.key:
                await pilot.press("right")
                assert engine.sent[-1] == act
                reached.add(setting.key)
                screen._moved.clear()  # each from what the service returned
        assert {"preset", "barge_in", SILENCE, f"{VAD}.type", "audio.output.voice", "echo", "gain"} <= reached


async def test_a_text_is_typed_and_escape_leaves_it_as_it_is() -> None:
    async with settings() as (app, engine, pilot):
        app.screen.query_one(SettingsList).move_to("audio.input.transcription.language")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, MessageField))
        await pilot.press("backspace", "backspace", "d", "e", "enter")
        await until(pilot, lambda: bool(engine.sent))
        assert engine.sent[-1] == did.SettingChosen("audio.input.transcription.language", "de")
        count = len(engine.sent)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, MessageField))
        await pilot.press("x", "escape")
        await until(pilot, lambda: isinstance(app.focused, SettingsList))
        assert len(engine.sent) == count
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, MessageField))
        await pilot.press(*["backspace"] * 3, "enter")
        await until(pilot, lambda: len(engine.sent) > count)
        assert engine.sent[-1] == did.SettingChosen("audio.input.transcription.language", None)


@each("size", [(80, 24), (120, 60)])
async def test_enter_lists_every_voice_and_the_last_row_types_another(size: tuple[int, int]) -> None:
    async with settings(size=size) as (app, engine, pilot):
        assert "Enter: all" in row_of(app, "voice")
        app.screen.query_one(SettingsList).move_to("audio.output.voice")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen) and "▎VOICE" in text(app))
        assert all(f"○ {name} " in text(app) for name in ("alloy", "cedar")) and "● marin" in text(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        chosen = engine.sent[-1]
        assert isinstance(chosen, did.SettingChosen) and chosen.path == "audio.output.voice" and chosen.value != "marin"
        await pilot.press("enter", "end", "enter")
        await until(pilot, lambda: isinstance(app.focused, MessageField) and "VOICE Enter sets it" in text(app))
        await pilot.press(*"verse", "enter")
        await until(pilot, lambda: engine.sent[-1] == did.SettingChosen("audio.output.voice", "verse"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("escape")
        assert isinstance(app.screen, SettingsScreen)


async def test_under_push_to_talk_space_talks_and_the_detector_says_who_decides() -> None:
    nothing = json.loads(session_of())
    nothing["audio"]["input"]["turn_detection"] = None
    shown = SessionShown(document=json.dumps(nothing), wish=session_of())
    async with settings(shown, "ptt") as (app, engine, pilot):
        assert "push-to-talk: you end each turn" in row_of(app, "silence")
        await pilot.press("down", "space")
        assert engine.sent[-1] == did.TalkPressed()
        assert "TURN DETECTION" in text(app)


async def test_the_level_is_live_and_without_a_connection_a_choice_is_kept() -> None:
    async with settings(structs.replace(PENDING, pending=())) as (app, engine, pilot):
        engine.deliver(Snapshot(View(FREE, connection=OPEN), Meters(input=-23, threshold=-41)))
        await until(pilot, lambda: "−23 dB" in row_of(app, "level"))
        assert "reacts from ≈ −41 dB" in text(app)
        engine.deliver(Snapshot(View(FREE, connection=replace(OPEN, phase="lost")), Meters()))
        await until(pilot, lambda: "200 ms" in row_of(app, "silence"))
        assert "kept, sent with the next session" in text(app)


async def test_the_mouse_chooses_and_drags() -> None:
    async with settings() as (app, engine, pilot):
        left = app.screen.query_one(SettingsList).region.x
        y = next(at for at, line in enumerate(lines(app)) if line[left:].strip(" ▸").startswith("detector"))
        x = lines(app)[y].index("semantic")
        await pilot.click(offset=(x, y))
        assert engine.sent[-1] == did.SettingChosen(f"{VAD}.type", "semantic_vad")
        y = next(at for at, line in enumerate(lines(app)) if line[left:].strip(" ▸").startswith("speed"))
        await pilot.mouse_down(offset=(left + 16, y))
        await pilot.hover(offset=(left + 33, y))
        await pilot.mouse_up(offset=(left + 33, y))
        assert engine.sent[-1] == did.SettingChosen("audio.output.speed", 1.5)


async def test_looks_change_at_once_and_devices_open_their_own_drawer() -> None:
    async with settings() as (app, engine, pilot):
        pane = app.screen.query_one(SettingsList)
        pane.move_to("theme")
        await pilot.press("right")
        assert app.theme == "daylight"
        pane.move_to("motion")
        await pilot.press("right")
        assert app.talk.calm
        pane.move_to("mic")
        await pilot.press("enter")
        await until(pilot, lambda: "DEVICES" in text(app))
        assert engine.sent[-1] == did.DevicesAsked(True)

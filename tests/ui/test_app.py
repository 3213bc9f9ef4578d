"""Keys and mouse become user events; the end is orderly."""

from __future__ import annotations

import re
import threading
from itertools import pairwise

import pytest
from msgspec.structs import replace
from textual import events

from tests.support.event_rows import rows
from tests.support.fake_engine import FakeEngine
from tests.support.scenes import FREE, MICS, OPEN, PTT, SPEAKING
from tests.support.screen import at_rest, change, records_of, showing, text, until
from voicechat.cli.watch import WELCOME
from voicechat.core import events as did
from voicechat.core.view import View
from voicechat.engine.link import Ack, Batch, EngineHello, Goodbye, Unresponsive
from voicechat.ui.app import ENGINE_DIED, VoiceChatApp
from voicechat.ui.hold import HoldTiming
from voicechat.ui.keyboard import KeyboardKnown, KeyMoved
from voicechat.ui.options import Spectator, UiOptions, WelcomeFacts
from voicechat.ui.screens.overlays import QuitScreen
from voicechat.ui.widgets.deck import Deck

TRUE_RELEASE = KeyboardKnown(27)
HOLD = [did.TalkPressed(), did.TalkReleased()]

KEYS = {
    "m": did.MuteChosen(True),
    "o": did.TurnModeChosen("hands-free"),
    "b": did.BargeInChosen(False),
    "f9": did.StopPressed(),
    "escape": did.StopPressed(),
    "r": did.AgainPressed(),
    "D": did.DeafenChosen(True),
    "equals_sign": did.VolumeChosen(1.1),
}
TALK_KEYS = ("space", "f8", "ctrl+@")


async def test_a_second_tap_that_may_be_the_repeat_of_a_hold_counts_once_and_says_so() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        app.talker.detector.timing = HoldTiming(first_repeat=0.05, floor=0.05, unlearned=0.05)
        await pilot.press("space", "space")
        assert engine.sent == [did.PauseToggled()]
        await until(pilot, lambda: "Space twice within 0.8 s counted once" in text(app))
        app.notice("")
        await pilot.press("space", "space", "space")
        await until(pilot, lambda: app.talker.detector.phase == "up")
        assert "counted once" not in text(app) and engine.sent == [did.PauseToggled()] * 2


async def test_a_stop_without_an_answer_says_so_and_is_told_all_the_same() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        await pilot.press("f9")
        assert "no answer to stop" in text(app) and engine.sent[-1] == did.StopPressed()
        engine.show(View(PTT, SPEAKING, OPEN))
        app.notice("")
        await until(pilot, lambda: "speaking" in text(app))
        await pilot.press("escape")
        assert "no answer to stop" not in text(app)


async def test_a_key_sends_the_user_event_it_stands_for() -> None:
    async with showing("ptt") as (app, engine, pilot):
        await pilot.press(*KEYS)
        assert engine.sent == list(KEYS.values())
        for key in TALK_KEYS:
            engine.sent.clear()
            app.talker.detector.release(0)
            await pilot.press(key)
            assert engine.sent == [did.TalkPressed()], key


async def test_switches_ask_for_the_opposite_of_what_is_shown_and_volume_presses_add_up() -> None:
    async with showing("muted") as (app, engine, pilot):
        engine.show(View(replace(PTT, muted=True, state="muted", barge_in=False, deafened=True), connection=OPEN))
        await pilot.pause()
        await pilot.press("m", "b", "D")
        assert engine.sent == [did.MuteChosen(False), did.BargeInChosen(True), did.DeafenChosen(False)]
        await pilot.press("minus", "minus", "minus")
        assert engine.sent[-1] == did.VolumeChosen(0.7)
        assert "volume 70 %" in text(app)


def kitty_keys(app: VoiceChatApp, *moves: str) -> None:
    """Space goes down, repeats and comes up in a terminal that reports it."""
    app.post_message(TRUE_RELEASE)
    for kind in moves:
        app.post_message(KeyMoved("space", kind))  # type: ignore[arg-type]


async def test_space_is_a_true_hold_where_the_terminal_reports_releases() -> None:
    async with showing("ptt") as (app, engine, pilot):
        for move in ("press", "repeat", "release"):
            kitty_keys(app, move)
            await pilot.press("space")  # Textual's own key event comes along and must not count twice
        await pilot.pause()
        assert engine.sent == HOLD
        assert "release at once" in text(app)
        kitty_keys(app, "press", "press", "release")  # the release of the first press was lost
        await pilot.pause()
        assert engine.sent == HOLD * 3, "a release never overtakes its press"


async def test_losing_the_window_ends_a_hold_and_the_key_must_be_pressed_again() -> None:
    async with showing("ptt") as (app, engine, pilot):
        kitty_keys(app, "press")
        app.post_message(events.AppBlur())
        app.post_message(events.AppFocus())
        kitty_keys(app, "repeat", "release")
        await pilot.pause()
        assert engine.sent == [did.TalkPressed(), did.FocusLost()]


async def test_without_releases_the_end_of_a_hold_is_inferred() -> None:
    async with showing("ptt") as (_app, engine, pilot):
        await pilot.press(*["space"] * 5)
        await until(pilot, lambda: len(engine.sent) == 2)
        assert engine.sent == [did.TalkPressed(), did.TalkReleased(inferred=True)]


async def test_space_pauses_an_open_mic_once_ends_a_latch_and_talks_while_connecting() -> None:
    async with showing("hands-free") as stage:
        app, engine, pilot = stage
        await pilot.press("space", "space", "space")
        assert engine.sent == [did.PauseToggled()]
        for scene, key in (("latched", "space"), ("no-line", "f8")):
            await change(stage, scene)
            app.talker.detector.release(0)
            await pilot.press(key)
            assert engine.sent[-1] == did.TalkPressed() and len(engine.sent) == (2 if key == "space" else 3)
            assert app.talker.detector.phase == ("spent" if scene == "latched" else "armed")


async def test_space_in_the_message_field_is_a_space_and_f8_talks() -> None:
    async with showing("ptt") as (_, engine, pilot):
        await pilot.press("i", *"hi you", "f8", "enter")
        assert engine.sent == [did.TalkPressed(), did.TextEntered("hi you")]


async def test_the_mouse_held_on_the_badge_talks_wherever_it_goes_and_beside_it_does_not() -> None:
    async with showing("ptt", (120, 36)) as (_, engine, pilot):
        await pilot.click(Deck, offset=(40, 1))
        assert engine.sent == []
        await pilot.mouse_down(Deck, offset=(8, 1))
        await pilot.hover("HeaderLine")
        await pilot.mouse_up("HeaderLine")
        assert engine.sent == [did.TalkPressed("mouse"), did.TalkReleased("mouse")]


async def test_pasted_breaks_stay_visible_and_are_sent_as_breaks() -> None:
    async with showing("ptt") as (app, engine, pilot):
        await pilot.press("i")
        app.post_message(events.Paste("one\r\ntwo\x1b[2J"))
        await until(pilot, lambda: "one↵two" in text(app))
        await pilot.press("enter")
        assert engine.sent == [did.TextEntered("one\ntwo")]


async def test_escape_closes_the_topmost_thing_before_it_stops_the_answer() -> None:
    async with showing("speaking") as (app, engine, pilot):
        await pilot.press("f2", "question_mark")
        assert app.talk.place == "help"
        await pilot.press("escape")
        assert app.talk.place == "events"
        await pilot.press("escape")
        assert (app.talk.place, engine.sent) == ("talk", [])
        await pilot.press("escape")
        assert engine.sent == [did.StopPressed()]


async def test_rebound_keys_work_and_their_old_keys_do_not() -> None:
    options = UiOptions(keys={"vc.mute": "x", "vc.ptt": "v", "vc.nonsense": "k"})
    async with showing("ptt", (120, 36), options) as (app, engine, pilot):
        await pilot.press("m", "x", "v")
        assert engine.sent == [did.MuteChosen(True), did.TalkPressed()]
        assert "hold V to speak" in text(app) or "hold v to speak" in text(app)


async def test_one_q_stays_and_two_leave() -> None:
    async with showing("ptt") as (app, engine, pilot):
        await pilot.press("q")
        assert app.is_running
        assert "press q again to quit" in text(app)
        await pilot.press("q")
        await until(pilot, lambda: engine.is_closed)
    assert app.return_code == 0


async def test_ctrl_c_says_how_to_quit_and_quits_within_two_seconds() -> None:
    now = [100.0]
    async with showing("held") as (app, engine, pilot):
        app.clock = lambda: now[0]
        for at in (100.0, 102.1):
            now[0] = at
            await pilot.press("ctrl+c")
            await until(pilot, lambda: "press Ctrl+C again to quit" in text(app))
            assert app.is_running and not engine.is_closed
        await pilot.press("i")
        now[0] = 104.0
        await pilot.press("ctrl+c")
        await until(pilot, lambda: engine.is_closed)
    assert app.return_code == 0


async def test_an_unbound_key_says_where_the_keys_are() -> None:
    async with showing("ptt") as (app, engine, pilot):
        await pilot.press("z")
        await until(pilot, lambda: "z does nothing here · ? shows the keys" in text(app))
        await pilot.press("b", "i", "z")
        await until(pilot, lambda: "barge-in" in app.talk.notice)
        assert engine.sent == [did.BargeInChosen(False)]


VIEWER = UiOptions(spectator=Spectator("WATCHING", "you only watch this talk"), welcome=WelcomeFacts(instead=WELCOME))


OFFER = re.compile(r"\b(?:Space|[mbior]) +[a-z]|say something|hold to talk")


async def test_a_read_only_viewer_is_offered_no_key_that_acts() -> None:
    async with showing("welcome", (120, 36), VIEWER) as stage:
        app, engine, pilot = stage
        for scene in ("welcome", "held", "idle", "muted", "speaking", "line-lost", "no-microphone"):
            await change(stage, scene)
            engine.say()
            await at_rest(pilot)
            shown = text(app).splitlines()
            await pilot.press("question_mark")
            await until(pilot, lambda: "KEYS" in text(app))
            shown += text(app).splitlines()
            assert [line for line in shown if OFFER.search(line)] == [], scene
            assert "F2 events" in "\n".join(shown), scene
            await pilot.press("question_mark")
            await until(pilot, lambda: "KEYS" not in text(app))
        assert engine.sent == []


async def test_quitting_on_air_is_asked_once() -> None:
    async with showing("hands-free") as (app, engine, pilot):
        await pilot.press("ctrl+q")
        assert isinstance(app.screen, QuitScreen)
        assert "ON AIR" in text(app).splitlines()[-3]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.talk)
        assert app.is_running
        await pilot.press("ctrl+q", "ctrl+q")
        await until(pilot, lambda: engine.is_closed)
    assert app.return_code == 0


@pytest.mark.parametrize(("key", "title"), [("d", "DEVICES"), ("f4", "SETTINGS"), ("question_mark", "KEYS")])
async def test_the_quit_question_stands_over_an_open_drawer_which_stays(key: str, title: str) -> None:
    async with showing("hands-free", (120, 36)) as (app, engine, pilot):
        await pilot.press(key)
        await until(pilot, lambda: title in text(app))
        await pilot.press("ctrl+q")
        await until(pilot, lambda: "YOU ARE ON AIR" in text(app))
        assert title in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "YOU ARE ON AIR" not in text(app))
        assert title in text(app) and app.is_running and not engine.is_closed


async def test_dead_engine_shows_its_cause_and_enter_restarts_it_three_times_a_minute() -> None:
    async with showing("talk", (120, 36)) as (app, engine, pilot):
        for starts in (2, 3, 4):
            engine.die("killed by signal 9 \x1b[2J; last words: out of memory")
            await until(pilot, lambda: "killed by signal 9 ; last words: out of memory" in text(app))
            await until(pilot, lambda: "Slower, please" in text(app))  # what was said stays
            assert "Enter starts it again" in text(app)
            await pilot.press("enter")
            assert engine.starts == starts
            engine.deliver(EngineHello(1, 4711, "x"), *records_of("talk"))
            await until(pilot, lambda: app.view.mic.is_on_air)
        engine.die("again")
        await until(pilot, lambda: "three times within a minute" in text(app))
        await pilot.press("enter")
        assert engine.starts == 4
        await pilot.press("ctrl+q")
        await until(pilot, lambda: engine.is_closed)
    assert app.return_code == ENGINE_DIED


async def test_an_engine_whose_sound_library_hangs_is_replaced_without_a_key() -> None:
    async with showing("talk", (120, 36)) as (_, engine, pilot):
        for starts in (2, 3, 4, 4):
            engine.deliver(Goodbye("the sound library hangs", 4, restart=True))
            await until(pilot, lambda starts=starts: engine.starts == starts)  # type: ignore[misc]
        await pilot.press("ctrl+q")


async def test_refused_command_shows_its_reason_on_the_screen() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        engine.deliver(Ack(1), Ack(2, "a message may have \x1b[2J 32000 characters"))
        await until(pilot, lambda: "a message may have  32000 characters" in text(app))


async def test_a_hung_engine_takes_on_air_off_the_screen_and_enter_restarts_it() -> None:
    async with showing("held", (120, 36)) as (app, engine, pilot):
        assert "ON AIR" in text(app)
        engine.deliver(Unresponsive(3.0))
        await until(pilot, lambda: "MIC UNKNOWN" in text(app))
        shown = text(app)
        assert "▲ engine does not respond" in shown and "the audio engine has not responded for 3 s" in shown
        assert "ON AIR" not in shown and "● sent" not in shown and "connected" not in shown
        await pilot.press("enter")
        assert engine.starts == 1
        engine.deliver(Unresponsive(0.0))
        await until(pilot, lambda: "ON AIR" in text(app) and "MIC UNKNOWN" not in text(app))
        engine.deliver(Unresponsive(10.0))
        await until(pilot, lambda: "Enter restart the engine" in text(app))
        assert "Enter restarts it" in text(app)
        await pilot.press("enter")
        assert engine.starts == 2
        await until(pilot, lambda: "ON AIR" in text(app))


CHOICES: tuple[tuple[tuple[str, ...], list[object]], ...] = (
    (("enter", "enter"), [did.DeafenChosen(True)]),
    (("enter", "enter", "enter"), [did.DeafenChosen(True)]),
    (("enter", "escape"), []),
    (("escape", "escape"), [did.StopPressed()]),
)


async def test_palette_takes_one_choice_however_fast_keys_follow() -> None:
    async with showing("ptt", (120, 36)) as (app, engine, pilot):
        for keys, sent in CHOICES:
            engine.sent.clear()
            await pilot.press("colon")
            await until(pilot, lambda: app.screen is not app.talk)
            await pilot.press(*"deafen")
            await until(pilot, lambda: "Loudspeaker off or on" in text(app) and "hold to talk" not in text(app))
            for key in keys:  # all of them before the app gets to work, as over a slow connection
                app.post_message(events.Key(key, None))
            await until(pilot, lambda: app.screen is app.talk)
            await pilot.pause(0.1)
            assert engine.sent == sent, keys


async def test_the_palette_does_not_cover_the_deck() -> None:
    async with showing("held", (120, 36)) as (app, engine, pilot):
        await pilot.press("colon")
        await until(pilot, lambda: app.screen is not app.talk and "Search" in text(app))
        await until(pilot, lambda: "● ON AIR" in "\n".join(text(app).splitlines()[-5:]))
        engine.show(MICS["muted"]())
        await until(pilot, lambda: "○ MUTED" in text(app))  # and it goes on living


async def test_snapshots_that_wait_are_replaced_by_the_newest() -> None:
    async with showing("ptt") as (app, engine, pilot):
        for seconds in range(200):
            engine.show(View(replace(FREE, seconds=seconds), SPEAKING, OPEN))
        await until(pilot, lambda: app.talk.mic.seconds == 199)


@pytest.mark.parametrize("attempt", range(5))
async def test_an_engine_that_goes_on_talking_does_not_disturb_the_end(attempt: int) -> None:
    engine = FakeEngine(records_of("talk"))
    app = VoiceChatApp(engine, UiOptions())
    over = threading.Event()
    rounds: list[int] = []
    records = records_of("talk")

    def talk() -> None:
        while not over.is_set():
            engine.deliver(*records, Batch(rows(3)))
            rounds.append(1)
            over.wait(0.02)  # twice as often as an engine does

    talker = threading.Thread(target=talk, daemon=True)
    try:
        async with app.run_test() as pilot:
            await until(pilot, lambda: engine.starts == 1)
            talker.start()
            await until(pilot, lambda: len(rounds) > attempt * 5)
            if attempt % 2:
                app.leave(0)
    finally:
        over.set()
    talker.join()


async def test_one_overlay_may_follow_another_before_it_is_made() -> None:
    """F4 over the form for events ended the program on a busy machine: the footer asked for a pane not made yet."""
    async with showing("talk", (120, 36)) as (app, _, pilot):
        opens = [app.action_settings, app.action_devices, app.action_help, app.manual.open_form]
        for first, then in pairwise([*opens, opens[0]]):
            first()
            await at_rest(pilot)
            then()
            app.talk.on_screen_resume()
            await at_rest(pilot)
            app.talk.close_overlays()
            await at_rest(pilot)
            assert app.talk.place == "talk"

"""The Textual app: records of the engine in, slices to the screen; keys and signals in, user events out."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from rich.cells import cached_cell_len
from textual import events
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.timer import Timer

from voicechat import heap
from voicechat.core.view import ReplyView, View
from voicechat.engine.link import FromEngine, Meters, TapeShown
from voicechat.ui import messages
from voicechat.ui.actions import ActionsApp
from voicechat.ui.bindings import check_keys, default_bindings, keys_of, spoken_keys
from voicechat.ui.engine_client import Engine
from voicechat.ui.hold import HoldTiming, is_remote
from voicechat.ui.keyboard import KeyboardKnown, KeyMoved, best_driver
from voicechat.ui.leave import INTERRUPTED, arm_watchdog, is_terminal_gone, on_signals
from voicechat.ui.options import UiOptions
from voicechat.ui.pace import Circumstances, is_urgent, unhurried
from voicechat.ui.paint import AsciiScrollBarRender
from voicechat.ui.sanitise import clean, cleaned
from voicechat.ui.screens.talk import TalkScreen
from voicechat.ui.talk_key import TalkKey
from voicechat.ui.theme_choice import LOOK_EVERY, ThemeChoice
from voicechat.ui.theme_files import app_color_defaults
from voicechat.ui.wording import Keys

if TYPE_CHECKING:
    from voicechat.ui.widgets.settings_pane import LookChosen

TITLE, TITLE_AWAY = "voicechat", "● ON AIR · voicechat"
ENGINE_DIED = 5
RESTARTABLE_AFTER = 10.0
"""Seconds without a response after which Enter kills the engine and starts it again."""
RESTARTS_A_MINUTE = 3
AT_ONCE = 0.004
"""Seconds too early that are not worth a timer, which costs as much as half a frame."""
COLLECT_EVERY = 60.0
"""Seconds between two collections of the oldest generation (20 ms). A turn that leaves the transcript is old by then,
and the collector comes to the old by itself only after 20 million objects: 30 MB an hour stayed."""
MIC_FIRST = 0.3
"""So long the screen waits for the engine before it goes, seconds."""


class VoiceChatApp(ActionsApp):
    """Owns the screen's clock and the talk with the engine; decides nothing about the conversation."""

    TITLE = TITLE
    CSS_PATH = Path(__file__).parent / "screens" / "talk.tcss"  # Textual loads no file for a default screen
    BINDINGS: ClassVar[list[BindingType]] = [*default_bindings()]

    def __init__(self, engine: Engine, options: UiOptions, *, driver_class: type[Driver] | None = None) -> None:
        keymap, problems = check_keys(options.keys)
        self.remote = is_remote(os.environ)
        calm = options.motion == "calm"
        reads = options.spectator is not None
        self.spoken = spoken_keys(keymap)
        """How the keys are called now."""
        talk = TalkScreen(options.welcome, self.spoken, keymap, calm=calm)
        talk_key = TalkKey(HoldTiming.over_network() if self.remote else HoldTiming())
        super().__init__(engine, talk, talk_key, driver_class or best_driver())
        self.options = options
        self.spectator = options.spectator
        talk.set_reactive(TalkScreen.read_only, reads)
        talk.set_reactive(TalkScreen.label, options.spectator.label if options.spectator is not None else "")
        self.keymap = keymap
        self._themes = ThemeChoice(self, options.user_themes_dir)
        self._troubles = [str(problem) for problem in problems] + self._themes.adopt(options.theme)
        self.set_class(options.ascii, "-ascii")
        ScrollBar.renderer = AsciiScrollBarRender if options.ascii else ScrollBarRender
        self.set_keymap(keymap)
        self._shown = View()
        self._shown_at = 0.0
        self._show_timer: Timer | None = None
        self._down_key = ""
        self._away = False
        self._leaving = False
        self._silent_for = 0.0
        """Seconds for which the engine has not responded."""
        self._restarts: deque[float] = deque(maxlen=RESTARTS_A_MINUTE)
        self.closing: threading.Thread | None = None
        self.before_leaving: Callable[[int], object] = lambda code: None
        """Called once when leaving begins, with the exit code; `run_app` arms the watchdog here."""

    # looks
    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colours for themes that do not name them."""
        return app_color_defaults(self.current_theme.to_color_system().generate())

    def _look_at_themes(self) -> None:
        """A theme file that was edited is worn at once."""
        for trouble in self._themes.look_again():
            self.talk.add_note(clean(trouble))
            self.notice(clean(trouble, one_line=True))

    # life
    def get_default_screen(self) -> TalkScreen:
        """The one screen."""
        return self.talk

    def on_load(self) -> None:
        """Before the terminal is touched: whoever ends us from here on gets it back as it was."""
        on_signals(lambda: self.leave(INTERRUPTED))

    def on_ready(self) -> None:
        """After the first frame: now there is time for everything else."""
        if self._leaving:
            return
        for trouble in self._troubles:
            self.talk.add_note(clean(trouble))
        self.engine.start(self.deliver)
        self.talk.call_later(self.talk.build)
        self.set_interval(LOOK_EVERY, self._look_at_themes)
        gc.freeze()  # the heap so far is permanent; collecting it took 27 to 70 ms a second
        gc.set_threshold(10_000, 20, 100)
        self.set_interval(COLLECT_EVERY, self._collect)
        gc.enable()  # whoever started us may have spared the first frame the collector

    def _collect(self) -> None:
        cached_cell_len.cache_clear()  # the width of every line that was ever shown, 4,096 of them
        gc.collect()
        heap.trim()

    def leave(self, code: int) -> None:
        """The microphone first, then the screen."""
        if self._leaving:
            return
        self._leaving = True
        self.before_leaving(code)
        self.closing = threading.Thread(target=self._close_engine, args=(code,), name="closing")
        self.closing.start()  # it waits for the engine's end; what closes the microphone leaves at once
        self.closing.join(MIC_FIRST)
        if self.died is not None and code == 0:
            code = self.died.exit_code or ENGINE_DIED
        self.exit(code, return_code=code)

    def _close_engine(self, code: int) -> None:
        self.engine.close()
        if is_terminal_gone():
            os._exit(code)

    def _handle_exception(self, error: Exception) -> None:
        """A pane that was still being built when we left misses its parts; that is no reason to end as a crash."""
        if not (self._leaving and isinstance(error, NoMatches)):
            super()._handle_exception(error)

    # the engine
    def deliver(self, record: FromEngine) -> None:
        """Called from the reader thread: one Textual message for each record."""
        message = messages.message_of(record)
        if message is None:
            return
        try:
            self.post_message(message)
        except RuntimeError:
            return  # the loop has closed while the engine was still talking

    @property
    def is_shown(self) -> bool:
        """The screen is whole: while it is taken down the engine may still be talking."""
        return not self._leaving and self.talk.is_mounted and bool(self.talk.display)

    def on_snapshot_arrived(self, message: messages.SnapshotArrived) -> None:
        """Urgent changes at once, figures at the present pace."""
        if not self.is_shown:
            return
        self.view, self.meters = unhurried(cleaned(message.snapshot.view)), message.snapshot.meters
        self.sound = message.snapshot.sound
        self.talk.take_state(message.snapshot.t, self.view.mic, self.meters)
        if self._away:
            self._name_window()
        if is_urgent(self._shown, self.view):
            self._show()
        elif self._show_timer is None:
            pace = Circumstances(self.remote, self.options.motion == "calm", self._away)
            wait = self._shown_at + 1 / pace.rate - time.monotonic()
            if wait > AT_ONCE:
                self._show_timer = self.set_timer(wait, self._show)
            else:
                self._show()

    def _show(self) -> None:
        if self._show_timer is not None:
            self._show_timer.stop()
            self._show_timer = None
        if not self.is_shown:
            return
        self._shown, self._shown_at = self.view, time.monotonic()
        if self._silent_for:
            view = without_response(self.view, self._silent_for, self.talk.keys)
            self.talk.show_state(view, Meters(), self.sound)
        else:
            self.talk.show_state(self.view, self.meters, self.sound)

    def on_turns_arrived(self, message: messages.TurnsArrived) -> None:
        """Transcript entries."""
        if self.is_shown:
            turns = cleaned(message.turns)
            self.talk.take_turns(turns)
            self.hands_heard(turns)

    def on_batch_arrived(self, message: messages.BatchArrived) -> None:
        """Events; the list makes odd characters visible itself."""
        if self.is_shown:
            self.talk.take_batch(message.batch)
            self.hands_saw(message.batch)

    def on_devices_arrived(self, message: messages.DevicesArrived) -> None:
        """What there is to choose from. Names stay as they are, because a choice is made by name; painting cleans."""
        if self.is_shown:
            self.talk.devices = message.devices

    def on_tape_arrived(self, message: messages.TapeArrived) -> None:
        """The mark of a recording; where the tape lies is told by a note of the talk."""
        if self.is_shown:
            self.talk.tape = cleaned(message.tape)

    def on_session_arrived(self, message: messages.SessionArrived) -> None:
        """What is in force. The reasons quote a service; its document is data, cleaned where a value is painted."""
        if self.is_shown:
            session = message.session
            reasons = tuple((path, clean(why, one_line=True)) for path, why in session.refused)
            self.talk.session = structs.replace(session, refused=reasons)

    def on_look_chosen(self, message: LookChosen) -> None:
        """Something that concerns the screen alone."""
        message.stop()
        match message.look.what, message.look.value:
            case "devices", _:
                self.talk.toggle_devices()
            case "theme", "":
                self.action_change_theme()
            case "theme", name:
                self.theme = name
            case "motion", motion:
                self.options = replace(self.options, motion="calm" if motion == "calm" else "full")
                self.talk.calm = motion == "calm"

    def on_finding_arrived(self, message: messages.FindingArrived) -> None:
        """A problem, in words that may quote a service."""
        if self.is_shown:
            self.talk.take_finding(cleaned(message.finding))

    def on_command_refused(self, message: messages.CommandRefused) -> None:
        """A command that was not carried out: the reason, in the deck."""
        if self.is_shown:
            self.notice(clean(message.reason, one_line=True))

    def on_engine_began(self) -> None:
        """It is (again) there."""
        self.died = None
        if self.is_shown:
            self.talk.engine_died(None)

    def on_engine_silent(self, message: messages.EngineSilent) -> None:
        """It hangs, still hangs, or answers again."""
        if self.is_shown and self.died is None:
            self._silent_for = message.seconds
            self._name_window()
            self._show()

    def on_engine_ended(self, message: messages.EngineEnded) -> None:
        """An engine that ends while we stay has died."""
        if not self.is_shown:
            return
        self.died, self._silent_for = message.goodbye, 0.0
        self.view, self.meters = after_death(self.view, self.spoken), Meters()
        self.talk.tape = TapeShown()
        self._show()
        self.talk.engine_died(clean(message.goodbye.cause), may_restart=self._may_restart())
        if message.goodbye.restart and self._may_restart():
            self._restart_engine()

    def _may_restart(self) -> bool:
        now = time.monotonic()
        return len([at for at in self._restarts if now - at < 60]) < RESTARTS_A_MINUTE

    def action_fold(self) -> None:
        """Enter: answers the question that is open, restarts an engine that died or hangs, else unfolds."""
        hangs = self._silent_for >= RESTARTABLE_AFTER
        if self.talk.is_asking:
            self.leave(0)
        elif self.died is None and not hangs:
            super().action_fold()
        elif self._may_restart():
            if hangs:
                self.view, self.meters = after_death(self.view, self.spoken), Meters()
                self._show()
            self._restart_engine()

    def _restart_engine(self) -> None:
        self._restarts.append(time.monotonic())
        self.died, self._silent_for = None, 0.0
        self.talk.engine_died(None)
        self.engine.restart()

    def on_user_did(self, message: messages.UserDid) -> None:
        """A widget's wish."""
        message.stop()
        self.tell(message.event)

    # the keyboard and the mouse
    def on_keyboard_known(self, message: KeyboardKnown) -> None:
        """The terminal said what it can report."""
        self.has_release = message.reports_release
        self.talk_key.detector.has_release = self.has_release
        self.release_learnt()

    def release_learnt(self) -> None:
        """How the end of a hold is known, for deck, footer and cards."""
        if self.has_release:
            self.talk.release = "true"
        elif self.talk_key.detector.only_taps:
            self.talk.release = "tap"
        else:
            self.talk.release = "remote" if self.remote else "guessed"

    def on_key_moved(self, message: KeyMoved) -> None:
        """True presses and releases, before any widget sees the key: a release must never overtake its press."""
        if not self.has_release:
            return
        if message.kind == "release" and message.key == self._down_key:
            self._down_key = ""
            self.tell(*self.talk_key.detector.release(time.monotonic()))
        elif message.kind == "press" and self._is_talk_key(message.key):
            if self._down_key == message.key:  # its release was lost; a key that repeats says so
                self.tell(*self.talk_key.detector.release(time.monotonic()))
            elif self._down_key:
                return
            self._down_key = message.key
            self.press_talk()

    def _is_talk_key(self, key: str) -> bool:
        if key in keys_of("vc.ptt_any", self.keymap).split(","):
            return True
        types = self.focused is not None and self.focused.check_consume_key("space", " ")
        return key in keys_of("vc.ptt", self.keymap).split(",") and not types

    def on_badge_pressed(self, message: messages.BadgePressed) -> None:
        """The badge is a talk key with a true release everywhere."""
        message.stop()
        self.tell(*self.talk_key.mouse_pressed(self.view))

    def on_badge_released(self, message: messages.BadgeReleased) -> None:
        """And its release."""
        message.stop()
        self.tell(*self.talk_key.mouse_released())

    def on_app_blur(self, event: events.AppBlur) -> None:
        """The window lost the keyboard: a hold ends, painting slows, the title tells what goes on."""
        self._away = True
        self._down_key = ""
        self.tell(*self.talk_key.detector.focus_lost())
        self.arm_hold_timer()
        self.talk.looked_at = False
        self._name_window()

    def on_app_focus(self, event: events.AppFocus) -> None:
        """Back again."""
        self._away = False
        self._look_at_themes()
        self.talk.looked_at = True
        self._name_window()
        self._show()

    def _name_window(self) -> None:
        title = TITLE_AWAY if self._away and self.view.mic.is_on_air and not self._silent_for else TITLE
        set_title = getattr(self._driver, "set_title", None)
        if set_title is not None and title != self.title:
            set_title(title)
        self.title = title


def after_death(view: View, keys: Keys) -> View:
    """What is left of a session whose engine is gone: names, and a closed microphone."""
    mic = replace(
        view.mic,
        state="ended",
        is_on_air=False,
        reason="the engine has ended, and the microphone is closed",
        hint=f"{keys.of('fold')} starts it again",
        lamps=("no", "no", "no"),
    )
    return View(mic, ReplyView(), replace(view.connection, phase="ended"))


def without_response(view: View, seconds: float, keys: Keys) -> View:
    """The last known session of an engine that does not respond: nothing is known of its microphone."""
    hint = f"{keys.of('fold')} restarts it" if seconds >= RESTARTABLE_AFTER else ""
    mic = replace(
        view.mic,
        state="unknown",
        is_on_air=False,
        reason="the engine does not respond",
        hint=hint,
        seconds=float(int(seconds)),
        lamps=("waiting", "waiting", "waiting"),
    )
    return replace(view, mic=mic, reply=ReplyView(), asked=())


def run_app(engine: Engine, options: UiOptions) -> int:
    """Run the screen until the user leaves. The exit code: 0, 5 when the engine had died, 130 after a signal."""
    return run_screen(VoiceChatApp(engine, options))


def run_screen(app: VoiceChatApp) -> int:
    """The same for an app that is made already."""
    timers = []
    app.before_leaving = lambda code: timers.append(arm_watchdog(code))
    try:
        app.run()
        return app.return_code or 0
    finally:
        if app.closing is not None:
            app.closing.join()
        app.engine.close()
        for timer in timers:
            timer.cancel()

"""The Textual app: records of the engine in, slices to the screen; keys and signals in, user events out."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec.structs import replace
from rich.cells import cached_cell_len
from rich.segment import Segment
from textual import events
from textual.actions import ActionParseResult
from textual.app import App
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.driver import Driver
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.timer import Timer
from textual.widgets import Input, TextArea

from voicechat import heap
from voicechat.config.locations import state_dir
from voicechat.config.private_file import write_private
from voicechat.core import user_events as did
from voicechat.core.user_events import GoOnChosen
from voicechat.core.view import View
from voicechat.engine.link import EngineHello, Goodbye, Meters, SoundFacts
from voicechat.ui import messages
from voicechat.ui.bindings import ACTING, check_keys, default_bindings, name_of, spoken_keys
from voicechat.ui.feed import Feed
from voicechat.ui.hold import is_remote
from voicechat.ui.keyboard import KeyboardKnown, KeyMoved, best_driver
from voicechat.ui.manual import Manual
from voicechat.ui.options import Engine, UiOptions
from voicechat.ui.pace import RESTARTABLE_AFTER, after_death
from voicechat.ui.paint import AsciiScrollBarRender
from voicechat.ui.sanitise import clean
from voicechat.ui.screens.overlays import Overlay, QuitScreen
from voicechat.ui.screens.talk import TalkScreen
from voicechat.ui.switches import Switches
from voicechat.ui.talker import Talker
from voicechat.ui.theme_files import LOOK_EVERY, ThemeChoice, app_color_defaults
from voicechat.ui.widgets.transcript import Transcript
from voicechat.ui.wording import AT_REST, grouped

if TYPE_CHECKING:
    from textual.command import Provider

TOO_SMALL = "this needs a terminal of 60x16 or more"
TITLE, TITLE_AWAY = "voicechat", "● ON AIR · voicechat"
ENGINE_DIED = 5
GROWING_CACHES = (
    cached_cell_len,
    Segment._split_cells,
    Strip.render_ansi,
    Region.__contains__,
    Region.grow,
    Region.shrink,
    Region.intersection,
    Region.union,
)
"""What Rich and Textual keep of texts and places that were shown once: 4,096 entries each, two of them 16,384."""
COLLECT_EVERY = 60.0
"""Seconds between two collections of the oldest generation (20 ms). A turn that leaves the transcript is old by then,
and the collector comes to the old by itself only after 20 million objects: 30 MB an hour stayed."""
INTERRUPTED = 130
LEAVE_WITHIN = 2.0
"""Seconds after which the process ends by force. Textual can hang on a terminal that is gone (its writer blocks while
SIGCONT restarts the application mode), and a voice program that hangs is an open microphone nobody sees."""
MIC_FIRST = 0.3
"""So long the screen waits for the engine before it goes, seconds."""
NOTICE_FOR = TWICE_WITHIN = 2.0
"""Seconds for which words of the moment stand, and within which a second press counts."""

SEEN_ONLY = (did.DevicesAsked, did.FocusLost)
"""What even a spectator's screen says: it changes nothing of a talk."""
TOLD: dict[str, did.UserAct] = {
    "stop": did.StopPressed(),
    "again": did.AgainPressed(),
    "end": did.EndAsked(),
    "new": did.NewAsked(),
}
"""What an action says to the engine, and nothing else."""
BY_HAND = frozenset({"send_event", "resend", "template"})
"""Actions for events written by hand."""


def palette() -> type[Provider]:
    from voicechat.ui.palette import Palette

    return Palette


def style_sheets(*names: str) -> list[Path]:
    return [Path(__file__).parent / "screens" / f"{name}.tcss" for name in names]


class VoiceChatApp(App[int]):
    """Owns the screen's clock and the talk with the engine; decides nothing about the conversation."""

    TITLE = TITLE
    # Not the screens' own: Textual loads no file for a default screen, and parses everything anew for one of a later.
    CSS_PATH: ClassVar[list[str | PurePath]] = [*style_sheets("talk", "numbers")]
    LATER_CSS: ClassVar[list[Path]] = style_sheets("developer", "overlays")
    """Of what the first frame does not show; parsing it took 9 ms of that."""
    BINDINGS: ClassVar[list[BindingType]] = [*default_bindings()]
    FEED: ClassVar[type[Feed]] = Feed
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {palette}

    def __init__(self, engine: Engine, options: UiOptions, *, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class or best_driver())
        self.engine = engine
        self.options = options
        self.spectator = options.spectator
        self.remote = is_remote(os.environ)
        self.keymap, problems = check_keys(options.keys)
        self.spoken = spoken_keys(self.keymap)
        """How the keys are called now."""
        self.talk = TalkScreen(options.welcome, self.spoken, self.keymap, calm=options.motion == "calm")
        self.talk.set_reactive(TalkScreen.read_only, self.spectator is not None)
        self.talk.set_reactive(TalkScreen.label, self.spectator.label if self.spectator is not None else "")
        self._themes = ThemeChoice(self, options.user_themes_dir)
        self._troubles = [str(problem) for problem in problems] + self._themes.adopt(options.theme)
        self.set_class(options.ascii, "-ascii")
        ScrollBar.renderer = AsciiScrollBarRender if options.ascii else ScrollBarRender
        self.set_keymap(self.keymap)
        self.view = View()
        self.meters = Meters()
        self.sound = SoundFacts()
        self.died: Goodbye | None = None
        self.recording = ""
        """Folder of the tape that is made or was made last."""
        self.acting = ACTING - BY_HAND if self.spectator is not None and self.spectator.sends else ACTING
        """Actions that a spectator is told in place of."""
        self.talker = Talker(self)
        self.clock: Callable[[], float] = time.monotonic
        self._notice_timer: Timer | None = None
        self._asked_once: tuple[str, float] = ("", 0.0)
        """What was asked for once and needs a second press, and when."""
        self.switches = Switches(self)
        self.manual = Manual(self)
        self.feed = self.FEED(self)
        self.away = False
        self._leaving = False
        self.closing: threading.Thread | None = None
        self.before_leaving: Callable[[int], object] = lambda code: None
        """Called once when leaving begins, with the exit code; `run_app` arms the watchdog here."""

    # looks
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return app_color_defaults(self.current_theme.to_color_system().generate())

    def _look_at_themes(self) -> None:
        for trouble in self._themes.look_again():
            self.talk.add_note(clean(trouble))
            self.notice(clean(trouble, one_line=True))

    # life
    def get_default_screen(self) -> TalkScreen:
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
        self.engine.start(self.feed.deliver)
        self.stylesheet.read_all(self.LATER_CSS)
        self.talk.call_later(self.talk.developer.build)
        self.set_interval(LOOK_EVERY, self._look_at_themes)
        gc.freeze()  # the heap so far is permanent; collecting it took 27 to 70 ms a second
        gc.set_threshold(10_000, 20, 100)
        self.set_interval(COLLECT_EVERY, self._collect)
        gc.enable()  # whoever started us may have spared the first frame the collector

    def _collect(self) -> None:
        for cache in GROWING_CACHES:
            cache.cache_clear()
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

    @property
    def is_shown(self) -> bool:
        """The screen is whole: while it is taken down the engine may still be talking."""
        return not self._leaving and self.talk.is_mounted and bool(self.talk.display)

    def on_arrived(self, message: messages.Arrived) -> None:
        """A record of the engine. Its text is cleaned here, but for what is cleaned where it is painted."""
        if isinstance(message.record, EngineHello):
            self.died = None
        if self.is_shown:
            self.feed.take(message.record)

    def look(self, what: str, value: str) -> None:
        """Something that concerns the screen alone."""
        match what, value:
            case "devices", _:
                self.action_devices()
            case "theme", "":
                self.action_change_theme()
            case "theme", name:
                self.theme = name
            case "motion", motion:
                self.options = replace(self.options, motion="calm" if motion == "calm" else "full")
                self.talk.calm = motion == "calm"

    def action_fold(self) -> None:
        """Enter: restarts an engine that died or hangs, else unfolds."""
        hangs = self.feed.silent_for >= RESTARTABLE_AFTER
        if self.died is None and not hangs:
            pane = self.talk.developer.shown_pane
            pane.choose() if pane is not None else self.transcript.toggle_fold()
        elif self.feed.may_restart():
            if hangs:
                self.view, self.meters = after_death(self.view, self.spoken), Meters()
                self.feed.show()
            self.feed.restart()

    def on_user_did(self, message: messages.UserDid) -> None:
        message.stop()
        self.tell(message.event)
        if isinstance(message.event, did.ItemTextEntered):
            self.talk.close_composer()

    # the keyboard and the mouse
    def on_keyboard_known(self, message: KeyboardKnown) -> None:
        self.talker.keyboard_known(message.reports_release)

    def on_key_moved(self, message: KeyMoved) -> None:
        """True presses and releases, before any widget sees the key: a release must never overtake its press."""
        self.talker.key_moved(message)

    def on_badge_moved(self, message: messages.BadgeMoved) -> None:
        message.stop()
        self.talker.mouse_pressed() if message.is_down else self.talker.mouse_released()

    def on_app_blur(self, event: events.AppBlur) -> None:
        """The window lost the keyboard: a hold ends, painting slows, the title tells what goes on."""
        self.away = True
        self.talker.focus_lost()
        self.talk.looked_at = False
        self.name_window()

    def on_app_focus(self, event: events.AppFocus) -> None:
        self.away = False
        self._look_at_themes()
        self.talk.looked_at = True
        self.name_window()
        self.feed.show()

    def name_window(self) -> None:
        title = TITLE_AWAY if self.away and self.view.mic.is_on_air and not self.feed.silent_for else TITLE
        set_title = getattr(self._driver, "set_title", None)
        if set_title is not None and title != self.title:
            set_title(title)
        self.title = title

    def tell(self, *user_events: did.UserAct) -> None:
        """To the engine, in this order."""
        for event in user_events:
            if self.spectator is not None and not isinstance(event, SEEN_ONLY):
                if not (self.spectator.sends and isinstance(event, did.RawEventEntered)):
                    self.notice(self.spectator.sentence)
                    return
            self.engine.send(event)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """A spectator's keys look and do not act, and say so before anything seems to have happened."""
        name = name_of(action if isinstance(action, str) else f"{action[1]}{action[2]}")
        if self.spectator is not None and name in self.acting:
            self.notice(self.spectator.sentence)
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def notice(self, words: str) -> None:
        self.talk.notice = words
        if self._notice_timer is not None:
            self._notice_timer.stop()
        self._notice_timer = self.set_timer(NOTICE_FOR, lambda: setattr(self.talk, "notice", ""))

    # talking
    def action_switch(self, name: str, *args: object) -> None:
        getattr(self.switches, name)(*args)

    def action_view(self, name: str, *args: object) -> None:
        getattr(self.talk.developer, name)(*args)

    def action_pane(self, name: str, *args: object) -> None:
        if (pane := self.talk.developer.shown_pane) is not None:
            getattr(pane, name)(*args)

    def action_listed(self, name: str) -> None:
        if (pane := self.talk.developer.shown_pane) is not None:
            getattr(pane.events, name)()

    def action_manual(self, name: str, *args: object) -> None:
        getattr(self.manual, name)(*args)

    def action_talk(self) -> None:
        """A talk key arrived as an ordinary key. With true releases the transitions have said it already."""
        if not self.talker.has_release:
            self.talker.press()

    def action_record(self, confirmed: bool = False) -> None:
        """Make a tape from here on, or end the one that is made. As a key, twice within two seconds: letters slip."""
        if self.died is not None:
            return
        if confirmed or self._twice("record"):
            self.tell(did.RecordingToggled())
        else:
            does = "stop recording" if self.talk.tape.folder else "record"
            self.notice(f"press {self.talk.keys.of('record')} again to {does}")

    # the sound
    def action_devices(self) -> None:
        from voicechat.ui.screens.devices import DevicesScreen

        self.show_overlay(DevicesScreen)

    def action_settings(self) -> None:
        from voicechat.ui.screens.settings import SettingsScreen

        self.show_overlay(SettingsScreen)

    # the answer and the session
    def action_tell(self, what: str) -> None:
        if what == "stop" and self.view.reply.state in AT_REST and not self.view.mic.translates_to:
            self.notice("no answer to stop")
        self.tell(TOLD[what])

    async def action_back(self) -> None:
        """Close the topmost thing; if nothing is open, stop the answer."""
        if self.manual.close() or self.talk.close_topmost():
            return
        if self.talk.consent.asked:
            self.talk.consent.answer("no")
        else:
            self.action_tell("stop")

    def action_consent(self, word: str) -> None:
        self.talk.consent.answer(word)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of an answer are those of other actions while nothing is asked; `type` is a letter in a field."""
        if action == "type" and (
            isinstance(self.focused, Input | TextArea) or isinstance(self.screen, ModalScreen | QuitScreen)
        ):
            return False
        return bool(self.talk.consent.asked) if action == "consent" else super().check_action(action, parameters)

    # looking
    def action_type(self) -> None:
        if self.died is None:
            self.talk.close_overlays()
            self.talk.open_composer()

    def action_events(self) -> None:
        self.talk.close_overlays()
        self.talk.close_composer()  # the list takes the keyboard, and the footer must not say otherwise
        turn = self.transcript.explained
        if self.talk.developer.is_shown or turn is None:
            self.talk.developer.show(not self.talk.developer.is_shown)
        else:
            self.talk.developer.show_event(turn=turn)

    def action_help(self) -> None:
        from voicechat.ui.screens.help import HelpScreen

        self.show_overlay(HelpScreen, is_always_shown=True)

    def show_overlay(self, kind: type[Overlay], *, is_always_shown: bool = False) -> None:
        """Open it above the talk, or close it where it is open; always, or while the engine lives."""
        was_open = isinstance(self.screen, kind)
        if self.talk.size_class == "tiny" and not was_open:
            self.notice(TOO_SMALL)
        elif self.died is None or is_always_shown:
            self.talk.close_overlays()
            if not was_open:
                self.push_screen(kind())

    def action_command_palette(self) -> None:
        """Textual's name for it, which has a key of Textual's too."""
        from voicechat.ui.palette import PaletteScreen

        if not PaletteScreen.is_open(self.talk.app):
            self.push_screen(PaletteScreen(id="--command-palette"))

    def action_follow(self) -> None:
        if self.talk.developer.shown_pane is not None:
            self.talk.developer.shown_pane.events.action_last()
            return
        self.talk.query_one(Transcript).follow()

    def action_copy(self) -> None:
        """The selection if there is one, else the event under the cursor, else the newest turn in sight."""
        selected = self.talk.get_selected_text()
        if self.talk.developer.shown_pane is not None and not selected:
            self.action_copy_event("json")
            return
        self._copy(selected or self.talk.query_one(Transcript).newest_text())

    def action_copy_all(self) -> None:
        if self.talk.developer.shown_pane is not None:
            self.action_copy_tape()
            return
        self._copy(self.talk.query_one(Transcript).whole_text())

    def _copy(self, text: str) -> None:
        if text:
            self.copy_to_clipboard(text)
            self.notice("copied")

    # leaving
    async def action_quit(self) -> None:
        """Leave; on air, ask once."""
        if self.view.mic.is_on_air and not isinstance(self.screen, QuitScreen) and self.died is None:
            self.push_screen(QuitScreen())
        else:
            self.leave(0)

    async def action_quit_letter(self) -> None:
        """`q` twice within two seconds, without a question: one letter, pasted or slipped, never quits."""
        if self._twice("quit"):
            self.leave(0)
        else:
            self.notice(f"press {self.talk.keys.of('quit_letter')} again to quit")

    def action_interrupt(self) -> None:
        """Ctrl+C: copy what is selected; twice within two seconds: leave, without a question."""
        selected = getattr(self.focused, "selected_text", "") or self.talk.get_selected_text()
        if selected:
            self._copy(selected)
        elif self._twice("interrupt"):
            self.leave(0)
        else:
            self.notice("press Ctrl+C again to quit")

    def _twice(self, what: str) -> bool:
        """Whether the same was asked for a moment ago; if not, it counts as the first of two."""
        now = self.clock()
        before, at = self._asked_once
        is_second = before == what and now - at <= TWICE_WITHIN
        self._asked_once = ("", now) if is_second else (what, now)
        return is_second

    def on_key(self, event: events.Key) -> None:
        """A key that does nothing says where the keys are listed."""
        is_letter = event.is_printable and event.character and not event.character.isspace()
        if is_letter and event.key not in self.screen.active_bindings and self.screen is self.talk:
            self.notice(f"{event.character} does nothing here · {self.talk.keys.of('help')} shows the keys")

    def action_copy_event(self, form: Literal["json", "python"]) -> None:
        text = self.talk.developer.shown_pane.copied(form) if self.talk.developer.shown_pane is not None else ""
        if text:
            self.copy_to_clipboard(text)
            self.notice(f"event copied as {'JSON' if form == 'json' else 'Python'}")

    def action_copy_tape(self) -> None:
        copy = self.talk.developer.shown_pane.tape() if self.talk.developer.shown_pane is not None else None
        if copy is not None and copy.text:
            self.copy_to_clipboard(copy.text)
            whole = "" if copy.events == copy.wanted else f"newest of {grouped(copy.wanted)} "
            self.notice(f"{grouped(copy.events)} {whole}events copied as a tape")

    @property
    def transcript(self) -> Transcript:
        return self.talk.query_one(Transcript)

    def action_numbers(self) -> None:
        self.talk.close_overlays()
        if not self.talk.toggle_numbers():
            self.notice(TOO_SMALL)

    def action_go_on(self) -> None:
        if self.view.spent_budget is None:
            self.notice("no budget is spent")
        else:
            self.tell(GoOnChosen())

    def action_export_recording(self) -> None:
        """Make a page of the talk's tape, in a process of its own: a long talk takes seconds."""
        if not self.recording:
            self.notice(f"nothing is recorded; {self.talk.keys.of('record')} twice records")
            return
        self.notice("making a page of the recording …")
        self.run_worker(self._export_recording(self.recording), exclusive=True)

    async def _export_recording(self, folder: str) -> None:
        page = f"{folder}.html"
        command = (sys.executable, "-P", "-m", "voicechat", "export", folder, "--out", page, "--force")
        pipe, silent = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        export = await asyncio.create_subprocess_exec(*command, stdin=silent, stdout=silent, stderr=pipe)
        _, said = await export.communicate()
        why = clean(said.decode("utf-8", "replace"), one_line=True)
        done = f"A page of the recording, with its sound: {page}"
        self.talk.add_note(done if export.returncode == 0 else f"The recording was not exported: {why}", here=True)

    def action_export_numbers(self) -> None:
        """Write the turns to a file of the user's own, and say where it is."""
        text = self.talk.numbers_view.csv()
        if not text:
            self.notice("numbers start with the first answer")
            return
        path = state_dir() / f"numbers-{time.strftime('%Y%m%d-%H%M%S')}.csv"
        if trouble := write_private(path, text.encode()):
            self.talk.add_note(f"The numbers could not be written: {trouble}.", here=True)
        else:
            self.talk.add_note(f"Numbers written to {path}", here=True)
            self.talk.numbers_view.written = str(path)
            self.notice("numbers written")


def run_app(engine: Engine, options: UiOptions) -> int:
    """Run the screen until the user leaves. The exit code: 0, 5 when the engine had died, 130 after a signal."""
    return run_screen(VoiceChatApp(engine, options))


def run_screen(app: VoiceChatApp) -> int:
    """The same for an app that is made already."""
    timers: list[threading.Timer] = []

    def arm_watchdog(code: int) -> None:
        timer = threading.Timer(LEAVE_WITHIN, os._exit, (code,))
        timer.daemon = True
        timer.start()
        timers.append(timer)

    app.before_leaving = arm_watchdog
    try:
        app.run()
        return app.return_code or 0
    finally:
        if app.closing is not None:
            app.closing.join()
        app.engine.close()
        for timer in timers:
            timer.cancel()


def is_terminal_gone() -> bool:
    """Whether the window was closed: then there is nothing to restore, and Textual's writer would wait for ever."""
    try:
        os.get_terminal_size(1)
    except OSError as error:
        return error.errno == errno.EIO
    return False


def on_signals(leave: Callable[[], None]) -> None:
    """Call `leave` on SIGTERM, SIGHUP and SIGQUIT. Windows has none; there the engine sees its pipe close."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)
        if number is not None:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, leave)

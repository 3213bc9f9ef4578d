"""The Textual app: records of the engine in, slices to the screen; keys and signals in, user events out."""

from __future__ import annotations

import gc
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import structs
from rich.cells import cached_cell_len
from textual import events
from textual.actions import ActionParseResult
from textual.app import App
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.driver import Driver
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.timer import Timer
from textual.widgets import Input, TextArea

from voicechat import heap
from voicechat.config.locations import state_dir
from voicechat.core import user_events as did
from voicechat.core.user_events import GoOnChosen
from voicechat.core.view import ReplyView, TurnView, View
from voicechat.engine.link import Batch, FromEngine, Goodbye, Meters, SoundFacts, TapeShown, Turns
from voicechat.ui import messages
from voicechat.ui.bindings import ACTING, check_keys, default_bindings, keys_of, spoken_keys
from voicechat.ui.hold import HoldTiming, TalkKey, is_remote
from voicechat.ui.keyboard import KeyboardKnown, KeyMoved, best_driver
from voicechat.ui.leave import INTERRUPTED, arm_watchdog, is_terminal_gone, on_signals
from voicechat.ui.options import Engine, UiOptions
from voicechat.ui.pace import Circumstances, is_urgent, unhurried
from voicechat.ui.paint import AsciiScrollBarRender
from voicechat.ui.sanitise import clean, cleaned
from voicechat.ui.screens.talk import TalkScreen
from voicechat.ui.theme_files import LOOK_EVERY, ThemeChoice, app_color_defaults
from voicechat.ui.widgets.composer import Composer, Insertion
from voicechat.ui.widgets.transcript import Transcript
from voicechat.ui.wording import Keys, grouped

if TYPE_CHECKING:
    from textual.command import Provider

    from voicechat.ui.widgets.events_pane import EventsPane
    from voicechat.ui.widgets.send_event import SendEvent
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


LOUDEST = 1.5

NOTICE_FOR = 2.0

TWICE_WITHIN = 2.0

SEEN_ONLY = (did.DevicesAsked, did.FocusLost)

"""What even a spectator's screen says: it changes nothing of a talk."""


def palette() -> type[Provider]:
    """The search of the palette, loaded when it is first opened."""
    from voicechat.ui.palette import Palette

    return Palette


REFUSED = "hand_refused"

"""The code of the core's notes about what was done by hand."""

RETRIEVED = "conversation.item.retrieved"


def readable(payload: str) -> str:
    """An event of the list as a text to change: over several lines, and without the id it had."""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return payload
    if not isinstance(event, dict):
        return payload
    event.pop("event_id", None)
    return json.dumps(event, indent=2, ensure_ascii=False)


def write_private(folder: Path, text: str, stamp: str) -> Path:
    """A new file that only the user may read; never over another. Raises OSError."""
    for number in range(100):
        path = folder / f"numbers-{stamp}{f'-{number}' if number else ''}.csv"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        return path
    raise FileExistsError(17, "too many files of this second")


class VoiceChatApp(App[int]):
    """Owns the screen's clock and the talk with the engine; decides nothing about the conversation."""

    TITLE = TITLE
    CSS_PATH = Path(__file__).parent / "screens" / "talk.tcss"  # Textual loads no file for a default screen
    BINDINGS: ClassVar[list[BindingType]] = [*default_bindings()]
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
        self.talk_key = TalkKey(HoldTiming.over_network() if self.remote else HoldTiming())
        self._themes = ThemeChoice(self, options.user_themes_dir)
        self._troubles = [str(problem) for problem in problems] + self._themes.adopt(options.theme)
        self.set_class(options.ascii, "-ascii")
        ScrollBar.renderer = AsciiScrollBarRender if options.ascii else ScrollBarRender
        self.set_keymap(self.keymap)
        self.view = View()
        self.meters = Meters()
        self.sound = SoundFacts()
        self.died: Goodbye | None = None
        self.acting = ACTING
        """Actions that a spectator is told in place of."""
        self.has_release = False
        self.clock: Callable[[], float] = time.monotonic
        self._hold_timer: Timer | None = None
        self._notice_timer: Timer | None = None
        self._asked_once: tuple[str, float] = ("", 0.0)
        """What was asked for once and needs a second press, and when."""
        self._volume_wish: tuple[float, float] = (float("-inf"), 1.0)
        self._retrieving = ""
        """The item whose details are awaited."""
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
            self.events_pane.choose() if self.events_pane is not None else self._transcript.toggle_fold()
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

    def tell(self, *user_events: did.UserAct) -> None:
        """To the engine, in this order."""
        for event in user_events:
            if self.spectator is not None and not isinstance(event, SEEN_ONLY):
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
        name = (action if isinstance(action, str) else action[1]).partition("(")[0].removeprefix("app.")
        if self.spectator is not None and name in self.acting:
            self.notice(self.spectator.sentence)
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def notice(self, words: str) -> None:
        """Show in the deck for two seconds what has just been changed."""
        self.talk.notice = words
        if self._notice_timer is not None:
            self._notice_timer.stop()
        self._notice_timer = self.set_timer(NOTICE_FOR, lambda: setattr(self.talk, "notice", ""))

    # talking
    def action_talk(self) -> None:
        """A talk key arrived as an ordinary key. With true releases the transitions have said it already."""
        if not self.has_release:
            self.press_talk()

    def press_talk(self) -> None:
        """The talk key went down."""
        self.tell(*self.talk_key.pressed(self.view, time.monotonic()))
        self.arm_hold_timer()

    def arm_hold_timer(self) -> None:
        """One timer at the detector's deadline instead of polling."""
        if self._hold_timer is not None:
            self._hold_timer.stop()
            self._hold_timer = None
        due = self.talk_key.detector.deadline()
        if due is not None:
            self._hold_timer = self.set_timer(max(0.001, due - time.monotonic()), self._hold_due)

    def _hold_due(self) -> None:
        self.tell(*self.talk_key.detector.tick(time.monotonic()))
        self.arm_hold_timer()
        self.release_learnt()

    # switches
    def action_mute(self) -> None:
        """Mute or unmute."""
        self.tell(did.MuteChosen(not self.view.mic.muted))

    def action_turn_mode(self) -> None:
        """Push-to-talk or hands-free."""
        is_free = self.view.mic.turn_mode == "hands-free"
        self.tell(did.TurnModeChosen("push-to-talk" if is_free else "hands-free"))
        self.notice("push-to-talk" if is_free else "hands-free")

    def action_barge_in(self) -> None:
        """Whether talking over the assistant cuts in."""
        wanted = not self.view.mic.barge_in
        self.tell(did.BargeInChosen(wanted))
        self.notice(f"barge-in {'on' if wanted else 'off'}")

    def action_volume(self, by: float) -> None:
        """Louder or quieter. Presses in quick succession add up before the engine has answered."""
        now = time.monotonic()
        asked_at, wished = self._volume_wish
        base = wished if now - asked_at < 1 else self.view.mic.volume
        volume = min(LOUDEST, max(0.0, round(base + by, 2)))
        self._volume_wish = (now, volume)
        self.tell(did.VolumeChosen(volume))
        self.notice(f"volume {volume * 100:.0f} %")

    def action_deafen(self) -> None:
        """Loudspeaker off; captions go on."""
        wanted = not self.view.mic.deafened
        self.tell(did.DeafenChosen(wanted))
        self.notice(f"loudspeaker {'off' if wanted else 'on'}")

    def action_record(self, confirmed: bool = False) -> None:
        """Make a tape from here on, or end the one that is made. As a key, twice within two seconds: letters slip."""
        if self.died is not None:
            return
        if confirmed or self._twice("record"):
            self.tell(did.RecordingToggled())
        else:
            does = "ends the tape" if self.talk.tape.folder else "makes a tape"
            self.notice(f"{self.talk.keys.of('record')} once more {does}")

    # the sound
    def action_devices(self) -> None:
        """Microphone and loudspeaker, and back."""
        if self.died is None and not self.talk.toggle_devices():
            self.notice("60x16 or more shows the devices")

    def action_settings(self) -> None:
        """What can be set while talking, and back."""
        if self.died is None and not self.talk.toggle_settings():
            self.notice("60x16 or more shows the settings")

    def action_keep_waiting(self) -> None:
        """A lost device is wanted back, and no other in its place."""
        if self.view.mic.state == "device-lost":
            self.tell(did.KeepWaitingChosen())

    def action_echo(self, mode: did.EchoMode) -> None:
        """What becomes of the loudspeaker's echo."""
        self.tell(did.EchoChosen(mode))
        self.notice({"on": "echo cancelling", "headphones": "headphones", "off": "half duplex"}[mode])

    def action_noise(self) -> None:
        """Noise suppression."""
        self.tell(did.NoiseChosen(not self.sound.noise))
        self.notice(f"noise suppression {'off' if self.sound.noise else 'on'}")

    def action_gain(self) -> None:
        """Gain control."""
        self.tell(did.GainChosen(not self.sound.gain))
        self.notice(f"gain control {'off' if self.sound.gain else 'on'}")

    # the answer and the session
    def action_stop(self) -> None:
        """Stop the answer at once."""
        self.tell(did.StopPressed())

    async def action_back(self) -> None:
        """Close the topmost thing; if nothing is open, stop the answer."""
        if self.close_hands() or self.talk.close_topmost():
            return
        if self.talk.asked:
            self.answer_tool("no")
        else:
            self.action_stop()

    def action_consent(self, word: str) -> None:
        """`once`, `always` or `no` to the tool's call that waits."""
        self.answer_tool(word)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of an answer are those of other actions while nothing is asked; `type` is a letter in a field."""
        if action == "type" and (isinstance(self.focused, Input | TextArea) or self.screen is not self.talk):
            return False
        return bool(self.talk.asked) if action == "consent" else super().check_action(action, parameters)

    def answer_tool(self, word: str) -> None:
        """Answer the oldest call that waits, which leaves the screen at once. A key that comes too early is ignored."""
        if not self.talk.asked or not self.talk.armed:
            return
        ask, *rest = self.talk.asked
        self.talk.decided.add(ask.call_id)
        self.talk.asked = tuple(rest)
        self.tell(did.ToolDenied(ask.call_id) if word == "no" else did.ToolAllowed(ask.call_id, word == "always"))

    def action_again(self) -> None:
        """Reconnect, or ask for the answer that did not come."""
        self.tell(did.AgainPressed())

    def action_end(self) -> None:
        """End the session."""
        self.tell(did.EndAsked())

    def action_new(self) -> None:
        """End it and start afresh."""
        self.tell(did.NewAsked())

    # looking
    def action_type(self) -> None:
        """Open the message field."""
        if self.died is None:
            self.talk.open_composer()

    def action_events(self) -> None:
        """The list of events, and back."""
        self.talk.close_composer()  # the list takes the keyboard, and the footer must not say otherwise
        self.talk.show_events(not self.talk.shows_events)

    def action_help(self) -> None:
        """The key card."""
        self.talk.toggle_keys()

    def action_commands(self) -> None:
        """Every command by name."""
        self.action_command_palette()

    def action_command_palette(self) -> None:
        """Textual's name for it, which has a key of Textual's too."""
        from voicechat.ui.palette import PaletteScreen

        if not PaletteScreen.is_open(self.talk.app):
            self.push_screen(PaletteScreen(id="--command-palette"))

    def action_follow(self) -> None:
        """To the newest."""
        if self.events_pane is not None:
            self.events_pane.events.action_last()
            return
        self.talk.query_one(Transcript).follow()

    def action_copy(self) -> None:
        """The selection if there is one, else the event under the cursor, else the newest turn in sight."""
        selected = self.talk.get_selected_text()
        if self.events_pane is not None and not selected:
            self.action_copy_event("json")
            return
        self._copy(selected or self.talk.query_one(Transcript).newest_text())

    def action_copy_all(self) -> None:
        """Everything that was said; in the developer view the events."""
        if self.events_pane is not None:
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
        if self.view.mic.is_on_air and not self.talk.is_asking and self.died is None:
            self.talk.ask_to_quit(True)
        else:
            self.leave(0)

    async def action_quit_letter(self) -> None:
        """`q` twice within two seconds: one letter, pasted or slipped, never quits."""
        if self._twice("quit"):
            await self.action_quit()
        else:
            self.notice(f"{self.talk.keys.of('quit_letter')} once more quits")

    def action_interrupt(self) -> None:
        """Ctrl+C: copy what is selected; twice within two seconds: leave, without a question."""
        selected = getattr(self.focused, "selected_text", "") or self.talk.get_selected_text()
        if selected:
            self._copy(selected)
        elif self._twice("interrupt"):
            self.leave(0)
        else:
            self.notice("Press Ctrl+C again to quit")

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

    @property
    def events_pane(self) -> EventsPane | None:
        """The list, where it is shown."""
        return self.talk.inspector if self.talk.shows_events else None

    def action_find(self) -> None:
        """Type a filter; from the talk the list opens for it."""
        if self.events_pane is None:
            self.talk.show_events(True)
        if self.events_pane is not None:
            self.events_pane.find()

    def action_freeze(self) -> None:
        """Stand still, or follow again."""
        if self.events_pane is not None:
            self.events_pane.events.toggle_freeze()

    def action_same_id(self) -> None:
        """Only what belongs to the event under the cursor."""
        if self.events_pane is not None:
            self.events_pane.same_id()

    def action_zoom(self, by: int) -> None:
        """The timeline closer (1) or wider (-1)."""
        self.talk.zoom(by)

    def action_problem(self, by: int) -> None:
        """To the next (1) or previous (-1) problem."""
        self.talk.next_problem(by)

    def action_mark(self) -> None:
        """Mark the event under the cursor."""
        if self.events_pane is not None:
            self.events_pane.events.toggle_mark()

    def action_time_reference(self) -> None:
        """Count times from the event under the cursor."""
        if self.events_pane is not None:
            self.events_pane.events.toggle_reference()

    def action_gaps(self) -> None:
        """Times since the line above in place of times since the start, and back."""
        if self.events_pane is not None:
            events = self.events_pane.events
            events.gap_first = not events.gap_first

    def action_follow_link(self, number: int) -> None:
        """To the event that a link leads to."""
        if self.events_pane is not None:
            self.events_pane.follow_link(number)

    def action_step(self, by: Literal[1, -1]) -> None:
        """Along the same response, item or call."""
        if self.events_pane is not None:
            self.events_pane.step(by)

    def action_jump_back(self) -> None:
        """To where the last jump began."""
        if self.events_pane is not None:
            self.events_pane.jump_back()

    def action_copy_event(self, form: Literal["json", "python"]) -> None:
        """The event under the cursor."""
        text = self.events_pane.copied(form) if self.events_pane is not None else ""
        if text:
            self.copy_to_clipboard(text)
            self.notice(f"event copied as {'JSON' if form == 'json' else 'Python'}")

    def action_copy_tape(self) -> None:
        """The marked events, else those the filter shows."""
        copy = self.events_pane.tape() if self.events_pane is not None else None
        if copy is not None and copy.text:
            self.copy_to_clipboard(copy.text)
            whole = "" if copy.events == copy.wanted else f"newest of {grouped(copy.wanted)} "
            self.notice(f"{grouped(copy.events)} {whole}events copied as a tape")

    # the form
    @property
    def send_form(self) -> SendEvent | None:
        """The form, once it was opened. Its class is named here, not asked for: asking would load it."""
        try:
            return self.talk.query_one("#send-event")  # type: ignore[return-value]  # the id is given in one place
        except NoMatches:
            return None

    def action_send_event(self) -> None:
        """Open the form, or close it."""
        form = self.send_form
        if form is not None and form.display:
            self.close_send_event()
        else:
            self.open_send_event()

    def action_resend(self) -> None:
        """The event under the cursor in the form; Ctrl+S is still the user's to press."""
        if not self.talk.shows_events or (entry := self.talk.inspector.events.current_entry) is None:
            return
        if entry.kind.dir == "local":
            self.notice("ours: no service knows this event")
        else:
            self.open_send_event(self.talk.inspector.copied("json"))

    def action_template(self, name: str) -> None:
        """Open the form with the template of one event."""
        from voicechat.protocol.templates import ANY_ITEM, templates

        found = next((one.text for one in templates(self.talk.connection.dialect) if one.type == name), "")
        self.open_send_event(found.replace(ANY_ITEM, self._item_id or ANY_ITEM))

    def open_send_event(self, prefill: str = "") -> None:
        """Show the form, with another text in it if one is given; nothing is sent by that."""
        if self.talk.size_class == "tiny" or self.died is not None:
            self.notice("60x16 or more shows the form" if self.died is None else "the engine has ended")
            return
        form = self.send_form
        if form is None:
            # Made at the first use: the editor and the whole table of the protocol cost the start 50 ms.
            from voicechat.ui.widgets.send_event import SendEvent

            form = SendEvent()
            form.item_id = self._item_id
            self.talk.query_one("#main").mount(form)
        form.item_id = self._item_id
        form.display = True
        self.talk.hand_place = "sending"
        form.call_later(self._form_ready, form, prefill)  # its own queue: behind its first composition

    def _form_ready(self, form: SendEvent, prefill: str) -> None:
        if prefill:
            form.fill(readable(prefill))
        form.editor.focus()

    def close_send_event(self) -> bool:
        """Hide the form, its text stays; False: it was not open."""
        form = self.send_form
        if form is None or not form.display:
            return False
        form.display = False
        self.on_transcript_selected()
        self.talk.inspector.events.focus() if self.talk.shows_events else self.talk.focus_transcript()
        return True

    def on_send_event_closed(self) -> None:
        """Esc in the form."""
        self.close_send_event()

    # the selected turn
    def on_transcript_selected(self) -> None:
        """The keys for a turn work, or no longer."""
        form = self.send_form
        is_sending = form is not None and form.display
        self.talk.hand_place = "sending" if is_sending else "turn" if self._transcript.selected else ""

    @property
    def _transcript(self) -> Transcript:
        return self.talk.query_one(Transcript)

    @property
    def _item_id(self) -> str:
        """The item an event about an item is most likely meant for."""
        turns = [self._transcript.selected_turn, *reversed(self._transcript.all_turns)]
        return next((turn.item_id for turn in turns if turn is not None and turn.item_id), "")

    def _chosen(self) -> TurnView | None:
        turn = self._transcript.selected_turn
        if turn is None:
            self.notice("↑ selects a turn first")
        elif not turn.item_id:
            self.notice("the service has no item for this turn")
            return None
        return turn

    def action_delete_turn(self) -> None:
        """Ask once, in the turn itself; then take it out of the conversation."""
        turn = self._chosen()
        if turn is None:
            return
        if self._transcript.question != turn.key:
            self._transcript.question = turn.key
            return
        self._transcript.question = ""
        self.tell(did.ItemDeletionAsked(turn.key))
        self.notice("deleting it")

    def action_truncate_turn(self) -> None:
        """The service forgets what was not heard of it."""
        turn = self._chosen()
        if turn is None:
            return
        if turn.who != "assistant" or not (turn.cut_by or turn.partial):
            self.notice("only an answer that was cut, or sounds")
            return
        self.tell(did.ItemTruncationAsked(turn.key))
        self.notice("cutting it where it was heard")

    def action_retrieve_turn(self) -> None:
        """Show what the service keeps of it."""
        turn = self._chosen()
        if turn is not None:
            self._retrieving = turn.item_id
            self.tell(did.ItemRetrievalAsked(turn.key))
            self.notice("asking for the item")

    def action_insert_after(self) -> None:
        """Put a text behind it."""
        turn = self._chosen()
        if turn is not None:
            self._write(Insertion("user", turn.key))

    def action_system_text(self) -> None:
        """A text of the system at the end of the conversation."""
        self._write(Insertion("system"))

    def _write(self, insertion: Insertion) -> None:
        if self.died is None:
            self.talk.query_one(Composer).insertion = insertion
            self.talk.open_composer()

    def on_composer_inserted(self, message: Composer.Inserted) -> None:
        """Written: put it in, and back to the transcript."""
        message.stop()
        self.tell(message.event)
        self.talk.close_composer()

    def close_hands(self) -> bool:
        """Esc: the form, a question, then the selection; False: there was none of them."""
        transcript = self._transcript
        if self.close_send_event():
            return True
        if self.talk.query_one(Composer).is_open:
            return False
        if transcript.question:
            transcript.question = ""
            return True
        if transcript.selected and not self.talk.shows_events:
            transcript.selected = ""
            return True
        return False

    # what comes back
    def hands_heard(self, turns: Turns) -> None:
        """A refusal belongs into the form that hides the transcript."""
        refused = [turn.text for turn in turns.changed if turn.who == "note" and turn.detail == REFUSED]
        form = self.send_form if refused else None  # looking for it costs, and turns change many times a second
        if form is not None and form.display:
            for text in refused:
                form.refused(text)

    def hands_saw(self, batch: Batch) -> None:
        """The item that was asked for is here: show its JSON."""
        if not self._retrieving:
            return
        for row in batch.rows:
            if row.dir == "in" and row.type == RETRIEVED and row.refs[1] == self._retrieving:
                self._retrieving = ""
                self.call_after_refresh(self._show_event, row.seq)

    def _show_event(self, seq: int) -> None:
        self.talk.show_events(True)
        inspector = self.talk.inspector
        inspector.flush()
        inspector.set_filter("")
        if inspector.select_seq(seq):
            inspector.show_details(True)

    def on_numbers_arrived(self, message: messages.NumbersArrived) -> None:
        """New figures; names of models and limits come from outside."""
        if self.is_shown:
            self.talk.numbers = cleaned(message.numbers)

    def action_numbers(self) -> None:
        """The numbers, and back."""
        if not self.talk.toggle_numbers():
            self.notice("60x16 or more shows the numbers")

    def action_go_on(self) -> None:
        """Talk on beyond the budget."""
        if self.view.spent_budget is None:
            self.notice("no budget is spent")
        else:
            self.tell(GoOnChosen())

    def action_export_numbers(self) -> None:
        """Write the turns to a file of the user's own, and say where it is."""
        text = self.talk.numbers_view.csv()
        if not text:
            self.notice("numbers start with the first answer")
            return
        try:
            path = write_private(state_dir(), text, time.strftime("%Y%m%d-%H%M%S"))
        except OSError as error:
            self.talk.add_note(f"The numbers could not be written: {error.strerror or error}.")
        else:
            self.talk.add_note(f"Numbers written to {path}")
            self.talk.numbers_view.written = str(path)
            self.notice("numbers written")


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

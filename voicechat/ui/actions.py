"""What each key does: read the state that is shown, tell the engine what the user wants, never more than that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.actions import ActionParseResult
from textual.dom import DOMNode
from textual.driver import Driver
from textual.timer import Timer
from textual.widgets import Input, TextArea

from voicechat.core import user_events as did
from voicechat.core.view import View
from voicechat.engine.link import Goodbye, Meters, SoundFacts
from voicechat.ui.bindings import ACTING
from voicechat.ui.engine_client import Engine
from voicechat.ui.event_actions import EventActions
from voicechat.ui.hand_actions import HandActions
from voicechat.ui.numbers_actions import NumbersActions
from voicechat.ui.options import Spectator
from voicechat.ui.screens.talk import TalkScreen
from voicechat.ui.talk_key import TalkKey
from voicechat.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from textual.command import Provider

LOUDEST = 1.5
NOTICE_FOR = 2.0
TWICE_WITHIN = 2.0
SEEN_ONLY = (did.DevicesAsked, did.FocusLost)
"""What even a spectator's screen says: it changes nothing of a talk."""


def palette() -> type[Provider]:
    """The search of the palette, loaded when it is first opened."""
    from voicechat.ui.palette import Palette

    return Palette


class ActionsApp(EventActions, HandActions, NumbersActions):
    """The actions of all bindings, over an engine, a view and a talk screen."""

    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {palette}

    def __init__(self, engine: Engine, talk: TalkScreen, talk_key: TalkKey, driver_class: type[Driver] | None) -> None:
        super().__init__(driver_class=driver_class)
        self.engine = engine
        self.talk = talk
        self.talk_key = talk_key
        self.view = View()
        self.meters = Meters()
        self.sound = SoundFacts()
        self.died: Goodbye | None = None
        self.spectator: Spectator | None = None
        self.acting = ACTING
        """What a spectator is told in place of."""
        self.keymap: dict[str, str] = {}
        self.has_release = False
        self._hold_timer: Timer | None = None
        self._notice_timer: Timer | None = None
        self.clock: Callable[[], float] = time.monotonic
        self._asked_once: tuple[str, float] = ("", 0.0)
        """What was asked for once and needs a second press, and when."""
        self._volume_wish: tuple[float, float] = (float("-inf"), 1.0)

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

    def release_learnt(self) -> None:
        """The detector may have found out that keys do not repeat here."""

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

    def action_fold(self) -> None:
        """Unfold or fold; in the developer view the details."""
        if self.events_pane is not None:
            self.events_pane.choose()
            return
        self.talk.query_one(Transcript).toggle_fold()

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

    def leave(self, code: int) -> None:
        """End everything; `app.py` knows how."""
        raise NotImplementedError

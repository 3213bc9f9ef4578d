"""What stands above the main area for a while: help, devices, settings, the form for events, the question on leaving.

Each is a screen on Textual's stack with a background that lets the talk through: deck, composer and footer behind it
stay in sight and alive, the keys of the talk work on (they are the app's), and Esc takes the topmost one away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from voicechat.ui.messages import BadgeMoved
from voicechat.ui.paint import keys_of_app
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.pane import PaneTitle

if TYPE_CHECKING:
    from voicechat.ui.app import VoiceChatApp
    from voicechat.ui.screens.talk import TalkScreen
    from voicechat.ui.widgets.pane import Choice, PickList


class Overlay(Screen[None]):
    """As large as the main area of the talk screen behind it."""

    place: ClassVar[str] = ""
    """What the footer calls it."""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", show=False, id="vc.back")]
    _is_badge_down = False

    @property
    def voicechat(self) -> VoiceChatApp:
        return cast("VoiceChatApp", self.app)

    @property
    def talk(self) -> TalkScreen:
        return self.voicechat.talk

    def on_mount(self) -> None:
        self.talk.screen_layout_refresh_signal.subscribe(self, lambda _: self._fit(), immediate=True)
        self._fit()

    def on_screen_resume(self) -> None:
        self.talk.refresh_place()

    def _fit(self) -> None:
        # A margin of the box, not a padding of the screen: that would move what is seen through its background.
        # The last child: outside of tests Textual puts its own (tooltip, notifications) before ours.
        main, box = self.talk.query_one("#main").region, self.children[-1]
        margin = (main.y, 0, max(0, self.talk.size.height - main.bottom), 0)
        if tuple(box.styles.margin) != margin:
            box.styles.margin = margin
            box.styles.max_height = main.height
        self.set_class(self.talk.size_class == "compact", "-compact")

    def action_close(self) -> None:
        self.dismiss()

    # the badge of the deck behind
    def on_mouse_down(self, event: events.MouseDown) -> None:
        deck = self.talk.query_one(Deck)
        at = event.screen_offset - deck.region.offset
        if event.button == 1 and deck.region.contains_point(event.screen_offset) and deck.is_badge(at.x, at.y):
            self._is_badge_down = True
            self.post_message(BadgeMoved(is_down=True))

    def on_mouse_up(self) -> None:
        """Up, wherever the pointer is by now: send."""
        if self._is_badge_down:
            self._is_badge_down = False
            self.post_message(BadgeMoved(is_down=False))


class QuitScreen(Overlay):
    """Asked once while the microphone is open: modal, so that only the talk key, the answer and Esc do something."""

    place = "asking"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "app.quit", show=False, id="vc.fold"),
        Binding("space", "app.talk", show=False, id="vc.ptt"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._modal = True

    def compose(self) -> ComposeResult:
        keys = keys_of_app(self.app)
        with Vertical(id="quit"):
            title = PaneTitle()
            title.left, title.right = (" YOU ARE ON AIR", ""), f"{keys.of('back')} stays"
            yield title
            question = "\n  Quit all the same? The session ends and the microphone closes.\n\n  "
            answers = ((keys.of("fold"), " or "), (keys.of("quit"), " quits   "), (keys.of("back"), " goes on talking"))
            words = (part for key, said in answers for part in ((key, "bold $key"), (said, "$quiet")))
            yield Static(Content.assemble(question, *words))


class Drawer(Overlay):
    """A titled list on the right, made from slices of the talk."""

    heading: str = ""
    keys: ClassVar[str] = ""
    """What the title says of keys before the one that closes."""
    slices: ClassVar[tuple[str, ...]]

    def choices(self) -> Sequence[Choice]:
        """The rows as they are now."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(classes="drawer"):
            title = PaneTitle()
            title.left, title.focused_pane = (self.heading, ""), True
            title.right = f"{self.keys}{keys_of_app(self.app).of('back')} closes"
            yield title
            self.listed: PickList = self.make_list()
            yield self.listed
            yield from self.below()

    def make_list(self) -> PickList:
        from voicechat.ui.widgets.pane import PickList

        return PickList(self.choices)

    def below(self) -> ComposeResult:
        """What stands below the list."""
        yield from ()

    def on_mount(self) -> None:
        for name in self.slices:
            self.watch(self.talk, name, self.listed.refill, init=False)
        self.listed.focus()

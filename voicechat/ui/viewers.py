"""The same screen over a tape: the keys that would talk move about in time, those that would act say what this is."""

from __future__ import annotations

import math
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from voicechat.engine.link import FromEngine, Jumped, Numbers, Playing
from voicechat.insight.metrics.ledger import Figures
from voicechat.ui.app import VoiceChatApp
from voicechat.ui.feed import Feed
from voicechat.ui.inspector.entries import KEEP_OF_TAPE
from voicechat.ui.options import Player, UiOptions
from voicechat.ui.paint import Painted, Palette, Row, clock
from voicechat.ui.talker import Talker
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.event_list import EventList
from voicechat.ui.widgets.footer import Foot
from voicechat.ui.widgets.transcript import Transcript, TurnList


class NoTalker(Talker):
    """The talk key of a replay: its releases mean nothing, and it arrives as any other key."""

    def is_talk_key(self, key: str) -> bool:
        return False

    def mouse_pressed(self) -> None:
        self.app.action_talk()

    def mouse_released(self) -> None:
        """Nothing was said."""


class ViewerFeed(Feed):
    """The records of a talk that is led elsewhere, or was."""

    def take(self, record: FromEngine) -> None:
        """At a jump the panes forget what is void, or learn what was left out."""
        talk = self.app.talk
        match record:
            case Playing():
                self.app.query_one(ReplayLine).playing = record
                talk.query_one(Foot).replay = "paused" if record.is_paused else "playing"
            case Jumped():
                if record.anew:  # another talk, or the same from the start: nothing that was shown of it counts
                    talk.findings = ()
                    talk.numbers = Numbers(0.0, Figures())
                    talk.query_one(Transcript).begin_anew()
                talk.developer.jump(record)
            case _:
                super().take(record)


class ViewerApp(VoiceChatApp):
    """The screen of a tap: the same as a talk's, reset with every client that connects."""

    FEED = ViewerFeed

    async def action_quit(self) -> None:
        """Leave without a question: the microphone is not ours."""
        self.leave(0)


SHORTEST_BAR = 12
"""Columns below which the bar says nothing."""


class ReplayLine(Painted):
    """One row above the deck: where a replay is, how fast it goes, and what is missing; a click goes to that moment."""

    playing: reactive[Playing] = reactive(Playing(0.0, 0.0))

    class Wanted(Message):
        """Go on from here, seconds of session time."""

        def __init__(self, t: float) -> None:
            super().__init__()
            self.t = t

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._bar = (0, 0)
        """First column and width of the bar, as it was painted."""

    def on_click(self, event: events.Click) -> None:
        first, width = self._bar
        if first <= event.x < first + width and width > 1:
            self.post_message(self.Wanted((event.x - first) / (width - 1) * self.playing.length))

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        now = self.playing
        row = Row(palette, width, "panel").own(" ")
        if now.is_paused:
            row.own("‖ paused ", "warning", bold=True)
        else:
            row.own("▶ ", "success", bold=True)
        tenth = f".{int(now.at * 10) % 10}" if now.length < 36_000 else ""  # a step from event to event must be seen
        row.own(clock(now.at) + tenth, bold=True).own(f" / {clock(now.length)} ")
        right = row.part().own(f" ×{now.speed:g} ", "foreground", bold=now.speed != 1.0)
        if now.remark and row.cells + right.cells + len(now.remark) + SHORTEST_BAR + 2 <= width:
            right.own(f"· {now.remark} ", "quiet")
        elif now.known < 1.0 and width >= 60:
            right.own(f"· {now.known:.0%} read ", "quiet")
        room = width - row.cells - right.cells
        self._bar = (row.cells, room) if room >= SHORTEST_BAR else (0, 0)
        if room >= SHORTEST_BAR:
            past = round(room * min(1.0, now.at / now.length)) if now.length else 0
            row.own("━" * past, "accent").own("─" * (room - past), "rule")
        return [row.end_with(right)]


LEAP = 5.0
"""Seconds of one press of an arrow."""
TITLE = "voicechat replay"
MOVES = ("replay_by", "replay_to", "replay_step")


class ReplayApp(ViewerApp):
    """Space pauses, arrows leap, comma and full stop (or shift and the arrows) go from event to event, + and - change
    the speed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the lists, which would scroll sideways with them; `check_action` leaves them to who needs them.
        Binding("left", f"replay_by(-{LEAP})", show=False, priority=True),
        Binding("right", f"replay_by({LEAP})", show=False, priority=True),
        Binding("shift+left", "replay_step(-1)", show=False, priority=True),
        Binding("shift+right", "replay_step(1)", show=False, priority=True),
        Binding("home", "replay_to('start')", show=False, priority=True),
        Binding("end", "replay_to('end')", show=False, priority=True),
        Binding("comma", "replay_step(-1)", show=False),
        Binding("full_stop", "replay_step(1)", show=False),
    ]

    def __init__(self, player: Player, options: UiOptions) -> None:
        super().__init__(player, options)
        self.player = player
        self.talker = NoTalker(self)
        self._line = ReplayLine(id="replay-line")
        self.acting = self.acting - {"volume"} | {"devices"}  # the one is the speed here, the other nothing at all

    def on_ready(self) -> None:
        """The line stands above the deck before anything is told. (Textual calls the base's handler by itself.)"""
        self.title = TITLE
        self.talk.mount(self._line, before=self.talk.query_one(Deck))
        self.talk.query_one(Foot).replay = "playing"
        self.talk.add_class("-replay")
        self.talk.developer.inspector.store.keep = KEEP_OF_TAPE

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A pane with a use of its own for these keys keeps them."""
        if action not in MOVES:
            return super().check_action(action, parameters)
        focused = self.focused
        if isinstance(focused, EventList):
            return action != "replay_to"
        return focused is None or isinstance(focused, TurnList)

    # time
    def action_replay_by(self, seconds: float) -> None:
        self.player.seek_by(seconds)

    def action_replay_to(self, end: str) -> None:
        self.player.seek_to(0.0 if end == "start" else math.inf)

    def action_replay_step(self, by: int) -> None:
        self.player.step(by)

    def action_talk(self) -> None:
        self.player.toggle()

    def action_switch(self, name: str, *args: object) -> None:
        """Louder is faster."""
        if name == "volume":
            self.player.faster(-1 if args == (-0.1,) else 1)
        else:
            super().action_switch(name, *args)

    def on_replay_line_wanted(self, message: ReplayLine.Wanted) -> None:
        self.player.seek_to(message.t)

    def name_window(self) -> None:
        """Never the sign of somebody who is on air."""

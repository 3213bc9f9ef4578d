"""The slices of a session as variables of the screen, for the widgets that are bound to them.

Each value that a binding hands on costs as much as a painted row, and clocks run in most slices. Widgets that show no
clock are bound to the `still_` slices, which are equal as long as no word would change, and drawers to slices that
stand still while no drawer is open.
"""

from __future__ import annotations

from dataclasses import replace

from textual.reactive import var
from textual.screen import Screen

from voicechat.core.view import ConnectionView, MicView, ReplyView, View
from voicechat.engine.link import Meters


class SlicesScreen(Screen[None]):
    """They are `var`, not `reactive`: the screen itself has nothing to repaint, and would repaint everything."""

    mic: var[MicView] = var(MicView())
    reply: var[ReplyView] = var(ReplyView())
    connection: var[ConnectionView] = var(ConnectionView())
    meters: var[Meters] = var(Meters())
    still_mic: var[MicView] = var(MicView())
    still_reply: var[ReplyView] = var(ReplyView())
    still_connection: var[ConnectionView] = var(ConnectionView())
    drawer_mic: var[MicView] = var(MicView())
    drawer_meters: var[Meters] = var(Meters())

    @property
    def drawer_place(self) -> str:
        """What of the drawers has the keyboard; empty: none of them is open."""
        return ""

    def take_slices(self, view: View, meters: Meters) -> None:
        """A new state of the session."""
        if view.mic != self.mic:
            self.still_mic = replace(view.mic, seconds=0.0, remaining=None)
        if view.reply != self.reply:
            self.still_reply = replace(view.reply, seconds=0.0)
        if view.connection != self.connection:
            self.still_connection = still_connection(view.connection)
        self.mic, self.reply, self.connection, self.meters = view.mic, view.reply, view.connection, meters
        self.feed_drawers()

    def feed_drawers(self) -> None:
        """What a drawer shows of the session, while one is open."""
        if self.drawer_place:
            self.drawer_mic, self.drawer_meters = self.mic, self.meters


def still_connection(connection: ConnectionView) -> ConnectionView:
    """Without the clocks."""
    return replace(connection, seconds=0.0, session_seconds=0.0, next_try_in=None, lost_for=None, ends_in=None)

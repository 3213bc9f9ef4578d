"""The screen of a tap: the same as a talk's, begun anew with every client that calls."""

from __future__ import annotations

from voicechat.engine.link import Numbers
from voicechat.insight.metrics.ledger import Figures
from voicechat.ui import messages
from voicechat.ui.app import VoiceChatApp, run_screen
from voicechat.ui.engine_client import Engine
from voicechat.ui.options import UiOptions
from voicechat.ui.widgets.transcript import Transcript


class TapApp(VoiceChatApp):
    """Shows; nobody is on air here."""

    def on_jumped_arrived(self, message: messages.JumpedArrived) -> None:
        """Another client: what was shown of the one before it goes."""
        if not self.is_shown:
            return
        self.talk.findings = ()
        self.talk.numbers = Numbers(0.0, Figures())
        self.talk.query_one(Transcript).begin_anew()
        self.talk.jump_panes(message.jumped)

    async def action_quit(self) -> None:
        """Leave; nobody is on air."""
        self.leave(0)


def run_tap_app(engine: Engine, options: UiOptions) -> int:
    """Run the screen until the user leaves. The exit status."""
    return run_screen(TapApp(engine, options))

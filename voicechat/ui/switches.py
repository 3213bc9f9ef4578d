"""The switches of microphone, loudspeaker and turn taking: the engine is told, and the deck says what was changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from voicechat.core import user_events as did

if TYPE_CHECKING:
    from voicechat.ui.app import VoiceChatApp

LOUDEST = 1.5


class Switches:
    """The switches of one app."""

    def __init__(self, app: VoiceChatApp) -> None:
        self.app = app
        self._volume_asked: tuple[float, float] = (float("-inf"), 1.0)
        """When the volume was last changed, and to what."""

    def _change(self, event: did.UserAct, words: str) -> None:
        self.app.tell(event)
        self.app.notice(words)

    def mute(self) -> None:
        self.app.tell(did.MuteChosen(not self.app.view.mic.muted))

    def turn_mode(self) -> None:
        event = did.TurnModeChosen("push-to-talk" if self.app.view.mic.turn_mode == "hands-free" else "hands-free")
        self._change(event, "open mic" if event.mode == "hands-free" else event.mode)

    def barge_in(self) -> None:
        wanted = not self.app.view.mic.barge_in
        self._change(did.BargeInChosen(wanted), f"barge-in {_on(wanted)}")

    def volume(self, by: float) -> None:
        """Louder or quieter. Presses in quick succession add up before the engine has answered."""
        now = time.monotonic()
        asked_at, asked = self._volume_asked
        base = asked if now - asked_at < 1 else self.app.view.mic.volume
        volume = min(LOUDEST, max(0.0, round(base + by, 2)))
        self._volume_asked = (now, volume)
        self._change(did.VolumeChosen(volume), f"volume {volume * 100:.0f} %")

    def deafen(self) -> None:
        """Loudspeaker off; captions go on."""
        wanted = not self.app.view.mic.deafened
        self._change(did.DeafenChosen(wanted), f"loudspeaker {_on(not wanted)}")

    def keep_waiting(self) -> None:
        """A lost device is wanted back, and no other in its place."""
        if self.app.view.mic.state == "device-lost":
            self.app.tell(did.KeepWaitingChosen())

    def echo(self, mode: did.EchoMode) -> None:
        words = {"on": "echo cancelling", "headphones": "headphones", "off": "half duplex"}
        self._change(did.EchoChosen(mode), words[mode])

    def noise(self) -> None:
        wanted = not self.app.sound.noise
        self._change(did.NoiseChosen(wanted), f"noise suppression {_on(wanted)}")

    def gain(self) -> None:
        wanted = not self.app.sound.gain
        self._change(did.GainChosen(wanted), f"gain control {_on(wanted)}")


def _on(wanted: bool) -> str:
    return "on" if wanted else "off"

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
        self._volume_wish: tuple[float, float] = (float("-inf"), 1.0)
        """When the volume was last changed, and to what."""

    # switches
    def mute(self) -> None:
        """Mute or unmute."""
        self.app.tell(did.MuteChosen(not self.app.view.mic.muted))

    def turn_mode(self) -> None:
        """Push-to-talk or hands-free."""
        is_free = self.app.view.mic.turn_mode == "hands-free"
        self.app.tell(did.TurnModeChosen("push-to-talk" if is_free else "hands-free"))
        self.app.notice("push-to-talk" if is_free else "hands-free")

    def barge_in(self) -> None:
        """Whether talking over the assistant cuts in."""
        wanted = not self.app.view.mic.barge_in
        self.app.tell(did.BargeInChosen(wanted))
        self.app.notice(f"barge-in {'on' if wanted else 'off'}")

    def volume(self, by: float) -> None:
        """Louder or quieter. Presses in quick succession add up before the engine has answered."""
        now = time.monotonic()
        asked_at, wished = self._volume_wish
        base = wished if now - asked_at < 1 else self.app.view.mic.volume
        volume = min(LOUDEST, max(0.0, round(base + by, 2)))
        self._volume_wish = (now, volume)
        self.app.tell(did.VolumeChosen(volume))
        self.app.notice(f"volume {volume * 100:.0f} %")

    def deafen(self) -> None:
        """Loudspeaker off; captions go on."""
        wanted = not self.app.view.mic.deafened
        self.app.tell(did.DeafenChosen(wanted))
        self.app.notice(f"loudspeaker {'off' if wanted else 'on'}")

    def keep_waiting(self) -> None:
        """A lost device is wanted back, and no other in its place."""
        if self.app.view.mic.state == "device-lost":
            self.app.tell(did.KeepWaitingChosen())

    def echo(self, mode: did.EchoMode) -> None:
        """What becomes of the loudspeaker's echo."""
        self.app.tell(did.EchoChosen(mode))
        self.app.notice({"on": "echo cancelling", "headphones": "headphones", "off": "half duplex"}[mode])

    def noise(self) -> None:
        """Noise suppression."""
        self.app.tell(did.NoiseChosen(not self.app.sound.noise))
        self.app.notice(f"noise suppression {'off' if self.app.sound.noise else 'on'}")

    def gain(self) -> None:
        """Gain control."""
        self.app.tell(did.GainChosen(not self.app.sound.gain))
        self.app.notice(f"gain control {'off' if self.app.sound.gain else 'on'}")

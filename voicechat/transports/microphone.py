"""The microphone on a WebSocket: `input_audio_buffer.append` with 20 to 40 ms of sound, paced like a track.

Where the service detects turns it gets silence while the mic is closed, as it would over WebRTC: its detector ends a
turn by what it hears. Where turn detection is ours only what is open leaves, and the rest of it after a close.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Callable

import aiohttp
import numpy as np
from numpy.typing import NDArray

from voicechat.audio.send_pace import FRAME, FrameClock, Uplink, Waiting
from voicechat.audio.sound_format import SoundEncoder, SoundFormat

LARGEST_MESSAGE = 16 * 1024 * 1024
"""Bytes of one event: services take 15 MiB of sound in one `append`."""
LARGEST_BACKLOG = 24 * 1024 * 1024
"""Bytes that may wait."""
LONGEST_SOUND = 5.0
"""Seconds of sound that may wait; longer blackouts end the line anyway."""


class Outbox:
    """Filled and emptied on one event loop.

    What waits to be written to a WebSocket: events and pieces of sound in one order, bounded.

    One writer sends one message after the other and waits where the socket takes no more, so a slow network shows
    here and not as memory. A piece of sound that finds seconds of others before it is dropped: it would come too late
    to be a voice.
    """

    def __init__(self) -> None:
        self.bytes_sent = 0
        self.messages_sent = 0
        self._waiting: deque[tuple[str, float]] = deque()
        self._bytes = 0
        self._sound = 0.0
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def sound_waiting(self) -> float:
        """Seconds of sound that are not written yet."""
        return self._sound

    def put(self, text: str, sound: float = 0.0) -> str:
        """Queue one message; `sound` is how many seconds of it are in there. Returns why it was not, or nothing."""
        size = len(text.encode())
        if size > LARGEST_MESSAGE:
            return f"the message has {size} bytes and the other side takes {LARGEST_MESSAGE} at most"
        if self._bytes + size > LARGEST_BACKLOG:
            return "the connection is too slow: too much waits to be sent"
        if sound and self._sound + sound > LONGEST_SOUND:
            return "the connection is too slow for the microphone's sound"
        self._waiting.append((text, sound))
        self._bytes += size
        self._sound += sound
        self._empty.clear()
        self._news.set()
        return ""

    async def write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Send what comes, until cancelled. Returns when the socket is closed; the reader knows why."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                text, sound = self._waiting[0]
                try:
                    await socket.send_str(text)
                except (aiohttp.ClientError, OSError):
                    return
                size = len(text.encode())
                self._waiting.popleft()
                self._bytes -= size
                self._sound = max(0.0, self._sound - sound) if self._waiting else 0.0
                self.bytes_sent += size
                self.messages_sent += 1
            self._empty.set()

    async def emptied(self, limit: float) -> None:
        """Wait until everything is written, `limit` seconds at most."""
        try:
            async with asyncio.timeout(limit):
                await self._empty.wait()
        except TimeoutError:
            return


EVENT_ID = "mic-"
"""How the ids of our appends begin; a service that refuses one quotes it."""
SHORTEST, LONGEST = 0.02, 0.2
"""Seconds of sound in one message; beyond the longest a turn's end would be noticed late."""
_SHOW_EVERY = 1.0
"""Seconds between two pieces that are shown of a running voice: fifty rows a second would hide everything else."""
_BACKLOG_SPEED = 8.0
"""Nine seconds kept through a reconnect leave in little more than one. At the speed of speech they stayed behind the
voice until the end of the turn, and its commit came before its last words."""
_MOST_REFUSALS = 3
_CAUGHT_UP = 1.0
"""Seconds that wait at most when a slow connection counts as good again; the next trouble is told anew."""
NOT_KEEPING_UP = "What you say does not get through: the connection is too slow for the microphone's sound."


class Microphone:
    """Pulls frames, encodes them and puts them into the outbox until cancelled."""

    def __init__(
        self,
        uplink: Uplink,
        waiting: Waiting,
        outbox: Outbox,
        *,
        chunk: float,
        form: SoundFormat,
        clock: Callable[[], float],
        show: Callable[[str], None],
        note: Callable[[str, str], None],
        event: str = "input_audio_buffer.append",
    ) -> None:
        self.turns_are_ours = False
        """Turn detection is off at the service: silence would only fill its buffer."""
        self._event = event
        self._uplink = uplink
        self._waiting = waiting
        self._outbox = outbox
        self._chunk = min(max(chunk, SHORTEST), LONGEST) - FRAME / 2
        self._encoder = SoundEncoder(form)
        self._clock = clock
        self._show = show
        self._note = note
        self._held_until = 0.0
        self._part = b""
        self._part_seconds = 0.0
        self._part_sounds = False
        self._shown_at: float | None = None
        self._showed_sound = True
        self._count = 0
        self._refusals = 0
        self._keeps_up = True

    @property
    def form(self) -> SoundFormat:
        """How sound is sent now."""
        return self._encoder.form

    def use(self, form: SoundFormat) -> None:
        """The service takes this format from now on."""
        self._held_until = 0.0
        if form != self._encoder.form:
            self.send_part()
            self._encoder = SoundEncoder(form)

    def hold(self, seconds: float) -> None:
        """A format was asked for and it is not known yet whether it is taken; 16-bit silence would be a roar in G.711.
        What the mic hears meanwhile waits in its gate."""
        self.send_part()
        self._held_until = self._clock() + seconds

    def go_on(self) -> None:
        """The service has answered, whatever it said."""
        self._held_until = 0.0

    def refused(self, reason: str) -> None:
        """The service refused a piece. A few times may be chance; then it gets no more, and the user knows."""
        self._refusals += 1
        if self._refusals == _MOST_REFUSALS:
            self._note(f"The service refuses the microphone's sound: {reason}", "sound_refused")

    async def run(self) -> None:
        """One frame after the other, for as long as the line is open."""
        frames = FrameClock(self._waiting, self._clock, backlog_speed=_BACKLOG_SPEED)
        while True:
            await frames.next_frame()
            if self._refusals < _MOST_REFUSALS and self._clock() >= self._held_until:
                self._take(self._uplink())

    def send_part(self) -> None:
        """What is not a whole message yet leaves now: a commit follows, and nothing may come after it."""
        if self._part:
            self._send(self._part, self._part_seconds, sounds=self._part_sounds)
        self._part, self._part_seconds, self._part_sounds = b"", 0.0, False

    def _take(self, frame: NDArray[np.int16]) -> None:
        sounds = bool(frame.any())
        if self.turns_are_ours and not sounds and self._waiting() is None:
            self.send_part()
            return
        self._part += self._encoder.encode(frame)
        self._part_seconds += FRAME
        self._part_sounds = self._part_sounds or sounds
        if self._part_seconds >= self._chunk:
            self.send_part()

    def _send(self, data: bytes, seconds: float, *, sounds: bool) -> None:
        self._count += 1
        audio = base64.b64encode(data).decode()
        text = f'{{"type":"{self._event}","event_id":"{EVENT_ID}{self._count}","audio":"{audio}"}}'
        if self._outbox.put(text, seconds):
            if self._keeps_up:
                self._note(NOT_KEEPING_UP, "slow_line")
            self._keeps_up = False
        elif self._outbox.sound_waiting < _CAUGHT_UP:
            self._keeps_up = True
        now = self._clock()
        if self._is_worth_showing(now, sounds=sounds):
            self._shown_at, self._showed_sound = now, sounds
            self._show(text)

    def _is_worth_showing(self, now: float, *, sounds: bool) -> bool:
        """One a second of what is heard, and the first one of a silence."""
        if self._shown_at is not None and now - self._shown_at < _SHOW_EVERY:
            return False
        return sounds or self._showed_sound

"""The scripted microphone in the engine: what a script gives is read from its file and said at its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from voicechat.audio.blocks import to_float
from voicechat.audio.facts import AudioFact, ScriptBegan, ScriptEnded
from voicechat.audio.files import read_wav
from voicechat.audio.script_mic import ScriptMic, is_script, room_of
from voicechat.core import events as on
from voicechat.core.user_events import SpeechGiven
from voicechat.engine.ports import Tell
from voicechat.errors import AudioDeviceError
from voicechat.journal.entry import Happening
from voicechat.tasks import spawn


def script_mic(wish: str, post: Callable[[AudioFact], None]) -> ScriptMic | None:
    """The microphone that is wished for, if it is a scripted one. Raises AudioDeviceError for a room that is none."""
    return ScriptMic(room_of(wish), post) if is_script(wish) else None


def script_event(fact: ScriptBegan | ScriptEnded) -> Happening:
    """The fact as it stands in the list of events."""
    name = "script.began" if isinstance(fact, ScriptBegan) else "script.ended"
    return Happening(fact.at, "local", {"type": name, "label": fact.label})


class Speaking:
    """Lets a script speak. Files are read on a thread: the loop also paces the line."""

    def __init__(self, mic: ScriptMic, started_at: float, tell: Tell) -> None:
        self._mic = mic
        self._started_at = started_at
        self._tell = tell
        self._reading: set[asyncio.Task[None]] = set()

    def obey(self, given: SpeechGiven) -> None:
        """Say it at its time, or as soon as it is read."""
        task = spawn(self._say(given))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _say(self, given: SpeechGiven) -> None:
        try:
            sound = await asyncio.to_thread(lambda: to_float(read_wav(Path(given.file))))
        except AudioDeviceError as error:
            self._tell(on.SoundNoted(error.message, code="script_note"))
            return
        self._mic.say(sound, given.label, 0.0 if given.at is None else self._started_at + given.at)

"""The tape of a talk, as the engine keeps it: begun when the user wants one, ended by them, the talk or the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, ParamSpec

from voicechat.config.locations import tapes_dir, tapes_root
from voicechat.config.settings import Settings, as_plain
from voicechat.core.events import SoundNoted
from voicechat.engine.assemble import Talk
from voicechat.engine.link import TapeShown
from voicechat.errors import TapeError
from voicechat.journal.entry import Entry
from voicechat.journal.lines import Start
from voicechat.journal.recorder import Recorder, TapeWish
from voicechat.journal.tapes import DAY, Limits
from voicechat.journal.writer import TOO_SLOW
from voicechat.tasks import sentence

P = ParamSpec("P")
UNTOLD = ("api_key_command", "keys", "source", "remarks", "mcp", "otlp")
"""Settings that are nobody's business who gets the tape."""


class Taping:
    """`begin`, `watch` everything that happens, `end`; `toggle` for the key. All on the engine's loop."""

    def __init__(self, talk: Talk, post: Callable[[TapeShown], None]) -> None:
        """`post` reaches the screens."""
        self._post = post
        self._talk = talk
        self._observers = talk.observers
        self._loop = asyncio.get_running_loop()
        self._recorder: Recorder | None = None
        self._began = talk.session.state

    @property
    def folder(self) -> Path | None:
        """Where the tape lies that is being written."""
        return self._recorder.folder if self._recorder is not None else None

    def begin(self) -> None:
        """Raises TapeError where no tape can be made. Of a talk that is under way the core's start is not told."""
        if self._recorder is not None:
            return
        talk, settings = self._talk, self._talk.settings
        is_fresh = talk.session.state is self._began
        start = Start(talk.plan.wishes, talk.plan.choices, talk.session.policy, talk.before) if is_fresh else None
        recorder = Recorder(
            tapes_root(settings.record),
            start,
            self._about(),
            started_at=talk.started_at,
            clock=talk.clock,
            now=datetime.now().astimezone() - timedelta(seconds=talk.clock() - talk.started_at),
            on_stop=lambda reason: self._has_stopped(recorder, reason),
            wish=wish_of(settings),
            hidden=talk.hidden,
        )
        self._recorder = recorder
        talk.session.record = self._guarded(recorder, recorder.record)
        if recorder.sound is not None:
            talk.path.played = self._guarded(recorder, recorder.sound.played)
            talk.lines.sent = self._guarded(recorder, recorder.sound.sent)
        self._observers(talk.clock(), "local", {"type": "tape.began", "folder": str(recorder.folder)})
        self._post(TapeShown(str(recorder.folder), settings.redact))
        how = "without its words" if settings.redact else "from here on" if start is None else "from its start"
        self._note(f"This talk is recorded {how}, in {recorder.folder}.", "info", "tape_began")

    def toggle(self) -> str:
        """Begin a tape, or end it. Returns why that cannot be; empty when it was done."""
        folder = self.folder
        if folder is not None:
            self._loop.run_in_executor(None, self._taken_off().close)
            name = folder.name if folder.parent == tapes_dir() else str(folder)
            words = f"Recording saved in {folder}. `voicechat export {name}` makes a page of it."
            self._note(words, "info", "tape_ended")
            return ""
        try:
            self.begin()
        except TapeError as error:
            self._note(f"Nothing is recorded: {error.message}.", code="no_tape")
            return error.message
        return ""

    def watch(self, entry: Entry) -> None:
        if self._recorder is not None and "translated" not in entry.tags:
            self._guarded(self._recorder, self._recorder.watch)(entry)

    def end(self) -> None:
        """Put what is left on the disk, before anything else happens."""
        if self._recorder is not None and not self._taken_off().close():
            self._observers(self._talk.clock(), "local", {"type": "tape.stopped", "reason": TOO_SLOW})

    def _taken_off(self) -> Recorder:
        """The tape that was being made; nothing goes on it any more."""
        recorder, self._recorder = self._recorder, None
        assert recorder is not None
        talk = self._talk
        talk.session.record = talk.path.played = talk.lines.sent = None
        self._post(TapeShown())
        return recorder

    def _about(self) -> dict[str, object]:
        """What the tape was made of, without secrets."""
        talk, plan = self._talk, self._talk.plan
        told = {name: value for name, value in as_plain(talk.settings).items() if name not in UNTOLD}
        return {
            "provider": plan.provider.title,
            "model": plan.wishes.model,
            "voice": plan.wishes.voice,
            "settings": told,
            "devices": {"mic": talk.path.mic_name, "speaker": talk.path.speaker_name},
        }

    def _guarded(self, recorder: Recorder, write: Callable[P, None]) -> Callable[P, None]:
        """`write`, ending the recording, and nothing else, when it raises."""

        def guard(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                write(*args, **kwargs)
            except Exception as error:  # the edge of the recording: the talk must not notice
                self._has_stopped(recorder, sentence(error))

        return guard

    def _has_stopped(self, recorder: Recorder, reason: str) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._give_up, recorder, reason)

    def _give_up(self, recorder: Recorder, reason: str) -> None:
        if recorder is not self._recorder:
            return
        self._loop.run_in_executor(None, self._taken_off().close)
        self._observers(self._talk.clock(), "local", {"type": "tape.stopped", "reason": reason})
        self._note(f"The tape has ended, the talk goes on: {reason}. What was recorded is in {recorder.folder}.")

    def _note(self, text: str, level: Literal["info", "warning"] = "warning", code: str = "tape_stopped") -> None:
        self._talk.session.tell(SoundNoted(text, level, code))


def wish_of(settings: Settings) -> TapeWish:
    """What the settings say of tapes."""
    gigabyte = 1e9
    limits = Limits(round(settings.tape_gb * gigabyte), round(settings.tapes_gb * gigabyte), settings.tapes_days * DAY)
    return TapeWish(redact=settings.redact, sound=settings.record_sound, limits=limits)

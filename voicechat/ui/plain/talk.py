"""One plain talk: lines in, lines out, the engine between them.

With a terminal the user is there: words act at once, and nothing but `quit` or the end of input leaves. A pipe is a
script: its words are obeyed in order, a message waits until the answer before it is complete, and what makes an answer
impossible ends the talk with its own exit status.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TextIO

from msgspec.structs import replace

from voicechat import exit_codes
from voicechat.core import user_events as did
from voicechat.core.view import View
from voicechat.engine.link import Ack, Batch, Devices, FromEngine, Goodbye, Snapshot, SoundFacts, Turns, Unresponsive
from voicechat.translation.backlog import is_awaited
from voicechat.ui.options import Engine
from voicechat.ui.plain.lines import (
    HELP,
    Acts,
    Ask,
    Line,
    Meaning,
    Message,
    Narrator,
    Unfit,
    device_lines,
    event_line,
    meaning,
    settings_lines,
)
from voicechat.ui.sanitise import clean, cleaned
from voicechat.ui.wording import AT_REST

LONGEST = 32_000
"""Characters of one line; the engine takes no longer message."""
CHUNK = 65_536
COLORS = {"you": "33", "assistant": "36", "tool": "35", "state": "1", "warning": "1;33", "error": "1;31", "quiet": "2"}
BELL = "\a"


def read_lines(descriptor: int, on_line: Callable[[str], None], on_end: Callable[[], None]) -> threading.Thread:
    """Read lines in a daemon thread until the end.

    From the descriptor, because a daemon thread that waits inside `sys.stdin` holds its lock and makes the interpreter
    abort at exit.
    """

    def read() -> None:
        pending = b""
        while True:
            try:
                data = os.read(descriptor, CHUNK)
            except OSError:
                data = b""
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            pending = pending[: LONGEST * 4]
            for line in lines:
                on_line(_decoded(line))
        if pending:
            on_line(_decoded(pending))
        on_end()

    thread = threading.Thread(target=read, name="lines-in", daemon=True)
    thread.start()
    return thread


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")[:LONGEST]


def may_color(out: TextIO, environ: Mapping[str, str]) -> bool:
    """A terminal that knows colours, and a user who does not forbid them."""
    return out.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"


class Printer:
    """Writes lines, flushed one by one. A reader that has gone away ends it quietly."""

    def __init__(self, out: TextIO, *, colors: bool) -> None:
        self._out = out
        self._colors = colors
        self.is_gone = False
        """Nobody reads any more."""

    def write(self, *lines: Line) -> None:
        for line in lines:
            text = line.written()
            if self._colors and (color := COLORS.get(line.kind)):
                label, _, rest = text.partition("] ")
                text = f"\x1b[{color}m{label}]\x1b[0m {rest}"
            self._raw(f"{text}\n")

    def ring(self) -> None:
        self._raw(BELL)

    def _raw(self, text: str) -> None:
        if self.is_gone:
            return
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError):
            self.is_gone = True


Signal = Literal["end of input", "interrupted"]
REST = 1.5
"""Seconds at rest after a recording has ended: its last words may still be on their way to an answer."""
GIVES_UP = 20.0
"""Seconds at rest without the answer that was asked for, after the input has ended."""
TRANSLATION_WAIT = 25.0
"""Seconds at rest in which the last lines may still be translated: two requests and a little."""
LINE_WAIT = 30.0
"""Seconds for which a script waits for a line that was up and comes back by itself."""
TICK = 0.2
GOODBYE_WAIT = 1.5


@dataclass(frozen=True, slots=True)
class PlainOptions:
    is_terminal: bool
    """Somebody types; otherwise a script or another program."""
    mic: str = "default"
    speaker: str = "default"
    greets: bool = False
    language: str = ""
    """What finished lines are translated to; empty: they are not."""


class PlainTalk:
    """From the first record of the engine to the exit status. `now` is any steady clock, seconds."""

    def __init__(
        self, engine: Engine, printer: Printer, options: PlainOptions, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._printer = printer
        self._options = options
        self._now = now
        self.inbox: queue.SimpleQueue[FromEngine | str | Signal] = queue.SimpleQueue()
        self._input: deque[str] = deque()
        self._narrator = Narrator(
            repeats_typed=self._is_script, expects_mic=options.mic != "none", language=options.language
        )
        self._sound = SoundFacts()
        self._has_view = False
        self._input_ended = False
        self._asked = int(options.greets)
        """Answers that were asked for in writing, or by the greeting."""
        self._spoke = options.greets
        self._failed = False
        self._recording_ended = not options.mic.lower().endswith(".wav")
        self._device_missing: dict[str, str] = {}
        """The fields of the event, while it is so."""
        self._refused_setting = False
        self._restless_at = now()
        self._lost_at: float | None = None
        self._renewing = False
        self._denied: set[str] = set()
        self._untranslated: set[str] = set()
        """Keys of finished lines whose translation is still to come."""
        self._wants_devices = self._shows_events = self._has_cues = False

    def go(self) -> int:
        """Talk until it is over. Returns the exit status."""
        self._engine.start(self.inbox.put)
        code: int | None = None
        try:
            while code is None:
                with suppress(queue.Empty):
                    code = self._take(self.inbox.get(timeout=TICK))
                if code is None:
                    code = self._go_on()
        finally:
            self._engine.send(did.EndAsked())
            self._engine.close()
            while not self.inbox.empty():
                if isinstance(what := self.inbox.get(), Turns):
                    self._hear(what)
        return code

    def line(self, text: str) -> None:
        """Somebody wrote a line; from any thread."""
        self.inbox.put(f"> {text}")

    def signal(self, what: Signal) -> None:
        """The input ended, or the user interrupts; from any thread, or a signal handler."""
        self.inbox.put(what)

    @property
    def view(self) -> View:
        return self._narrator.view

    def _take(self, what: FromEngine | str) -> int | None:
        match what:
            case "interrupted":
                return exit_codes.INTERRUPTED
            case "end of input":
                self._input_ended, self._restless_at = True, self._now()
            case str():
                self._input.append(what[2:])
            case Goodbye():
                self._printer.write(Line("error", clean(what.cause), "error"))
                return what.exit_code or exit_codes.ENGINE_DIED
            case _:
                self._hear(what)
        return None

    def _hear(self, record: FromEngine) -> None:
        match record:
            case Snapshot():
                self._see(cleaned(record.view), record.sound)
            case Turns():
                turns = cleaned(record)
                self._failed = self._failed or any(t.who == "assistant" and bool(t.failed) for t in turns.changed)
                self._spoke = self._spoke or any(t.who == "you" for t in turns.changed)
                for turn in turns.changed if self._options.language else ():
                    (self._untranslated.add if is_awaited([turn]) else self._untranslated.discard)(turn.key)
                self._printer.write(*self._narrator.take(turns))
            case Batch():
                self._note_facts(record)
                if self._shows_events:
                    self._printer.write(*(event_line(row) for row in record.rows))
            case Unresponsive(seconds=seconds) if seconds:
                mic = replace(self.view.mic, state="unknown", is_on_air=False)
                self._see(replace(self.view, mic=mic), self._sound)
            case Ack(reason=reason) if reason:
                self._failed = True
                self._printer.write(Line("error", clean(reason, one_line=True), "error"))
            case Devices() if self._wants_devices:
                self._wants_devices = False
                self._engine.send(did.DevicesAsked(False))
                self._printer.write(*device_lines(cleaned(record)))

    def _see(self, view: View, sound: SoundFacts) -> None:
        was_on_air = self.view.mic.is_on_air
        if view.completed < self.view.completed:
            self._asked = 0  # another session
        self._has_view, self._sound = True, sound
        self._lost_at = None if view.connection.phase == "open" else self._lost_at or self._now()
        self._renewing = self._renewing and view.connection.phase in ("open", "lost", "refused")
        self._printer.write(*self._narrator.see(view))
        if self._has_cues and view.mic.is_on_air and not was_on_air:
            self._printer.ring()
        if view.reply.state not in AT_REST:
            self._restless_at = self._now()
        if self._is_script:
            self._deny(view)

    def _deny(self, view: View) -> None:
        """A pipe cannot be asked; what may run has to be said beforehand."""
        for ask in view.asked:
            if ask.call_id not in self._denied:
                self._denied.add(ask.call_id)
                self._engine.send(did.ToolDenied(ask.call_id, "Nobody was there to ask."))
                how = f"--allow-tools {ask.name} allows it" if not ask.server else "require_approval allows it"
                self._printer.write(Line("tool", f"{ask.name} was not allowed to run; {how}", "warning"))

    def _note_facts(self, batch: Batch) -> None:
        for row in batch.rows:
            match row.type if row.dir == "local" else "":
                case "mic.file_ended":
                    self._recording_ended, self._restless_at = True, self._now()
                case "device.missing":
                    self._device_missing = row.event
                case "device.opened":
                    self._device_missing = {}
                case "line.failed":
                    self._refused_setting = row.event.get("code") == "config"

    def _go_on(self) -> int | None:
        if self._printer.is_gone:
            return exit_codes.DONE
        if not self._has_view:
            return None
        while self._input and self._may_act(what := meaning(self._input[0], self.view)):
            self._input.popleft()
            if what is not None and (code := self._obey(what)) is not None:
                return code
        if not self._is_script and not self._input_ended:
            return None
        return self._hopeless() if (code := self._over()) is None else code

    def _may_act(self, what: Meaning | None) -> bool:
        """Whether the turn of this word has come: a script waits for the answer before."""
        is_patient = self._is_script
        match what:
            case Message():
                return self._is_ready and (not is_patient or self._is_answered)
            case Ask("quit"):
                return not is_patient or self._is_answered
            case Acts((did.EndAsked() | did.NewAsked(),)):
                return not is_patient or (self._is_ready and self._is_answered)
        return True

    def _obey(self, what: Meaning) -> int | None:
        match what:
            case Message(text):
                self._asked += 1
                self._spoke, self._restless_at = True, self._now()
                self._engine.send(did.TextEntered(clean(text)))
            case Acts((did.TalkPressed() | did.TalkReleased() | did.PauseToggled(), *_)) if self._is_script:
                pass  # an empty line in a script is an empty line, and no talk key
            case Acts(events):
                self._renewing = self._renewing or did.NewAsked() in events
                for event in events:
                    self._engine.send(event)
            case Unfit(reason):
                self._printer.write(Line("help", clean(reason), "warning"))
            case Ask("quit"):
                return exit_codes.FAILED_TURN if self._failed and self._is_script else exit_codes.DONE
            case Ask("help"):
                self._printer.write(*(Line("help", text, "quiet") for text in HELP))
            case Ask("settings"):
                self._printer.write(*settings_lines(self.view, self._sound))
            case Ask("devices"):
                self._wants_devices = True
                self._engine.send(did.DevicesAsked(True))
            case Ask("events on" | "events off" as words):
                self._shows_events = words == "events on"
            case Ask("cues on" | "cues off" as words):
                self._has_cues = words == "cues on"
        return None

    @property
    def _is_script(self) -> bool:
        return not self._options.is_terminal

    @property
    def _is_ready(self) -> bool:
        """The line is open and what was agreed is in force: user input will be obeyed."""
        view = self.view
        has_tools = view.has_all_tools or not self._is_script  # a script cannot ask once more
        is_open = view.connection.phase == "open" and view.mic.state != "configuring"
        return is_open and has_tools and not self._renewing

    @property
    def _is_answered(self) -> bool:
        return self.view.completed >= self._asked

    @property
    def _rested(self) -> float:
        """Seconds for which nothing has been under way."""
        return self._now() - self._restless_at if self.view.reply.state in AT_REST else 0.0

    def _over(self) -> int | None:
        """After the end of the input: everything was said and answered."""
        if not self._input_ended or self._input:
            return None
        done = exit_codes.FAILED_TURN if self._failed else exit_codes.DONE
        if self.view.connection.phase == "ended":
            return done
        if self._wants_devices and self._rested < GIVES_UP:
            return None
        if self._untranslated and self._rested < TRANSLATION_WAIT:
            return None
        if not self._recording_ended:
            return None
        if not self._spoke and not self._is_script:
            return done
        if self._options.mic.lower().endswith(".wav") and self._rested < REST:
            return None
        if not self._spoke:
            self._printer.write(Line("error", "nothing was said; pipe a message in", "error"))
            return exit_codes.USAGE
        return done if self._is_answered and self.view.reply.state in AT_REST else None

    def _hopeless(self) -> int | None:
        """Nobody is there who could help: no line, no device, no answer."""
        phase = self.view.connection.phase
        if phase == "refused" or (phase == "lost" and not self._comes_back):
            return exit_codes.USAGE if self._refused_setting else exit_codes.CONNECTION
        if self._needs(self._device_missing.get("part", "")):
            why = [self._device_missing.get(name, "") for name in ("reason", "hint")]
            self._printer.write(Line("error", "; ".join(filter(None, why)), "error"))
            return exit_codes.AUDIO
        has_answer_missing = self._input_ended and (self.view.reply.state == "no-answer" or self._rested > GIVES_UP)
        return exit_codes.FAILED_TURN if (has_answer_missing and phase == "open") or self._failed else None

    @property
    def _comes_back(self) -> bool:
        """The line is tried again, and not for too long already."""
        waited = self._now() - self._lost_at if self._lost_at is not None else 0.0
        return self.view.connection.next_try_in is not None and waited < LINE_WAIT

    def _needs(self, part: str) -> bool:
        if part == "microphone":
            return self._options.mic != "none"
        return part == "loudspeaker" and self._options.speaker not in ("default", "none")

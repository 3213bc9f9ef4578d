"""`voicechat run --script FILE`: a talk that is driven and judged from a script, for the tests of a voice agent.

stderr tells each step as it passes, stdout is data (the conversation, or one object with --json). The exit status says
what came of it: 0 everything held, 1 an expectation failed, 2 the script is wrong, 3 no connection, 4 no sound.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from voicechat import exit_codes
from voicechat.audio.script_mic import wish_of
from voicechat.cli.chat import refuse_the_impossible
from voicechat.cli.printing import note, print_json, say
from voicechat.cli.run import GOODBYE_WAIT, Progress, deny_the_unallowed
from voicechat.config.load import load_settings
from voicechat.config.locations import spoken_words_dir
from voicechat.config.settings import Settings
from voicechat.core.user_events import EndAsked
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Ack, FromEngine, Goodbye
from voicechat.errors import ConfigError, TapeError
from voicechat.journal.reports import sound_report
from voicechat.scripting.judging import TalkObserver, Verdict, judge_sound
from voicechat.scripting.model import Script, Sound, SoundExpectation
from voicechat.scripting.playing import (
    PUMP,
    Outcome,
    Player,
    Result,
    Results,
    TalkControls,
    TalkOver,
    as_json,
    as_junit,
)
from voicechat.scripting.reading import Reading, read_script
from voicechat.scripting.speech import Speaker
from voicechat.ui.sanitise import clean

SHORT = 40
"""Characters of what was found that are shown although all is well: the figures."""


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    script: Path
    junit: Path | None = None
    as_json: bool = False
    check_only: bool = False
    timeout: float | None = None
    """Seconds for the whole talk; None: as the script says."""


def script_command(flags: Mapping[str, Any], config: Path | None, options: ScriptOptions) -> int:
    """Returns the exit status. Raises ConfigError for settings that cannot work, AudioDeviceError for a sound file."""
    reading = read_script(options.script)
    if reading.complaints or reading.script is None:
        return refused(reading, options)
    script = reading.script
    if options.check_only:
        note(f"{options.script}: {len(script.steps)} steps, nothing wrong")
        if options.as_json:
            print_json({"script": str(script.path), "steps": len(script.steps), "complaints": []})
        return exit_codes.DONE
    settings = settings_of(script, flags, config)
    environ = refuse_the_impossible(settings, os.environ)
    if options.junit is not None:
        refuse_unwritable(options.junit)
    with tempfile.TemporaryDirectory(prefix="voicechat-script-") as folder:
        clips = Speaker(spoken_words_dir(), Path(folder)).prepare(script.sounds)
        if script.sound is None or settings.record:
            return ScriptRun(script, settings, environ, clips, options).go()
        taped = replace(settings, record=str(Path(folder) / "tape"))
        return ScriptRun(script, taped, environ, clips, options, keeps_tape=False).go()


def refused(reading: Reading, options: ScriptOptions) -> int:
    for complaint in reading.complaints:
        say(complaint.sentence(str(reading.path)))
    if options.as_json:
        names = ("line", "where", "message", "hint")
        said = [{name: getattr(one, name) for name in names} for one in reading.complaints]
        print_json({"script": str(reading.path), "held": False, "exit_code": exit_codes.USAGE, "complaints": said})
    return exit_codes.USAGE


def settings_of(script: Script, flags: Mapping[str, Any], config: Path | None) -> Settings:
    """The script's settings beat the configuration file; environment and options beat the script.

    So the same script runs against any provider. Raises ConfigError.
    """
    if flags.get("mic"):
        raise ConfigError(
            "a script replaces the microphone: --mic and --script exclude each other",
            hint="voicechat run --script FILE",
        )
    below = {name: value for name, value in script.settings.items() if not os.environ.get(f"VOICECHAT_{name.upper()}")}
    given = {name: value for name, value in flags.items() if value is not None and value != []}
    wanted = {"speaker": "none", **below, **given, "mic": wish_of(script.room)}
    return load_settings(wanted, os.environ, config)


def refuse_unwritable(path: Path) -> None:
    """A talk whose results cannot be kept is not begun. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}",
            hint="choose another file: voicechat run --script FILE --junit result.xml",
        ) from error


class ScriptRun:
    """One scripted talk, from the engine's start to the results."""

    def __init__(
        self,
        script: Script,
        settings: Settings,
        environ: Mapping[str, str],
        clips: Mapping[Sound, Path],
        options: ScriptOptions,
        *,
        keeps_tape: bool = True,
    ) -> None:
        self._script = script
        self._keeps_tape = keeps_tape
        self._settings = settings
        self._options = options
        self._inbox: queue.SimpleQueue[tuple[float, FromEngine]] = queue.SimpleQueue()
        self._engine = EngineProcess(settings, environ)
        self._progress = Progress()
        self._seen = TalkObserver()
        controls = TalkControls(self._engine.send, self._pump, time.monotonic, self._tell)
        self._player = Player(script, clips, self._seen, controls)
        self._denied: set[str] = set()
        self._is_interrupted = False
        self._patience = options.timeout or script.timeout
        self._deadline = 0.0

    def go(self) -> int:
        """Play the script, write the results. Returns the exit status."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._interrupt)
        begun = time.monotonic()
        self._deadline = begun + self._patience
        results = self._player.results
        self._engine.start(lambda message: self._inbox.put((time.monotonic(), message)))
        try:
            code = self._play(results)
            summary = self._progress.summary()
        finally:
            self._engine.send(EndAsked())
            self._engine.close(GOODBYE_WAIT)
            while not self._inbox.empty():
                self._hear(*self._inbox.get())
        results.seconds = time.monotonic() - begun
        results.tape = self._seen.tape
        if self._script.sound is not None and not results.stopped:
            self._judge_sound(self._script.sound, results)
            code = code or (exit_codes.FAILED_TURN if results.failed else exit_codes.DONE)
        results.tape = results.tape if self._keeps_tape else ""
        self._finish(results, code, summary | self._progress.used())
        return code

    def _judge_sound(self, expected: SoundExpectation, results: Results) -> None:
        """The recording of the whole talk, against what the script expects of it."""
        step = len(self._script.steps) + 1
        try:
            report, heard = sound_report(Path(results.tape))
        except TapeError as error:
            judged = [("recording", Verdict("broken", error.message))]
        else:
            judged = list(judge_sound(expected, heard, report))
        for what, verdict in judged:
            outcome: Outcome = "held" if verdict.state == "held" else "failed"
            results.results.append(Result(step, "sound", what, outcome, found=verdict.text))
            self._tell(results.results[-1])

    def _play(self, results: Results) -> int:
        try:
            while not self._progress.is_ready:
                self._pump(PUMP)
            self._player.play()
        except TalkOver as over:
            results.stopped = over.reason
            if not results.results:
                self._player.skip_all()
            return over.code
        if results.failed and (why := self._line_is_missing()):
            results.stopped = why
            return exit_codes.CONNECTION
        return exit_codes.FAILED_TURN if results.failed else exit_codes.DONE

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._is_interrupted = True

    def _pump(self, seconds: float) -> None:
        """Take what comes within so many seconds. Raises TalkOver."""
        try:
            self._take(*self._inbox.get(timeout=max(0.001, seconds)))
            while True:
                self._take(*self._inbox.get_nowait())
        except queue.Empty:
            pass
        self._end_if_over()

    def _take(self, arrived: float, message: FromEngine) -> None:
        self._hear(arrived, message)
        if isinstance(message, Ack) and message.reason:
            raise TalkOver(exit_codes.FAILED_TURN, message.reason)
        if isinstance(message, Goodbye):
            raise TalkOver(message.exit_code or exit_codes.ENGINE_DIED, message.cause)

    def _hear(self, arrived: float, message: FromEngine) -> None:
        self._seen.take(message, arrived)
        self._progress.take(message)

    def _end_if_over(self) -> None:
        if self._is_interrupted:
            raise TalkOver(exit_codes.INTERRUPTED, "interrupted")
        view = self._progress.view
        if time.monotonic() > self._deadline:
            what = f"gave up after {self._patience:g} s: {self._progress.stuck_at()}"
            raise TalkOver(exit_codes.FAILED_TURN if self._progress.was_open else exit_codes.CONNECTION, what)
        if view is None:
            return
        if view.connection.phase == "refused":
            is_config = self._progress.failure_code == "config"
            why = " · ".join(part for part in (view.connection.reason, view.connection.hint) if part)
            raise TalkOver(exit_codes.USAGE if is_config else exit_codes.CONNECTION, why)
        if view.connection.phase == "lost" and view.connection.next_try_in is None and self._progress.was_open:
            raise TalkOver(exit_codes.CONNECTION, self._line_is_missing())
        if self._progress.missing_part == "loudspeaker" and self._settings.speaker not in ("default", "none"):
            raise TalkOver(exit_codes.AUDIO, " · ".join(filter(None, self._progress.device_missing)))
        deny_the_unallowed(view, self._denied, self._engine.send, self._progress)

    def _line_is_missing(self) -> str:
        line = self._progress.view.connection if self._progress.view is not None else None
        if line is None or (line.phase != "lost" and (line.lost_for is None or line.rolls_over)):
            return ""
        return f"the connection was lost: {line.reason or 'no reason given'}"

    def _tell(self, result: Result) -> None:
        good, bad = ("✓", "✗") if can_draw() else ("ok  ", "FAIL")
        mark = good if result.outcome == "held" else bad
        is_shown = result.found and (result.outcome == "failed" or len(result.found) <= SHORT)
        found = f"  {result.found}" if is_shown else ""
        soft = " (soft)" if result.is_soft and result.outcome == "failed" else ""
        note(f"{mark} {result.seconds:6.2f} s  {result.title}{soft}{found}")

    def _finish(self, results: Results, code: int, summary: dict[str, Any]) -> None:
        if self._options.junit is not None:
            try:
                self._options.junit.write_text(as_junit(results), encoding="utf-8")
            except OSError as error:
                say(f"{self._options.junit} was not written: {error.strerror}")
        if self._options.as_json:
            print_json(as_json(results, code, summary))
        else:
            for entry in summary["transcript"]:
                print(clean(f"{entry['who']}: {entry['text']}", one_line=True))
        for problem in summary["problems"]:
            say(problem)
        if results.stopped:
            say(results.stopped)
        if results.failed and not results.stopped:
            for line in results.failed[-1].evidence:
                note(f"    {line}")
        counts = ", ".join(f"{results.count(name)} {name}" for name in ("held", "failed", "skipped"))
        note(f"{counts} in {results.seconds:.1f} s" + (f", tape: {results.tape}" if results.tape else ""))


def can_draw() -> bool:
    return "utf" in (getattr(sys.stderr, "encoding", "") or "").lower()

"""`voicechat run --script FILE`: a talk that is driven and judged from a script, for the tests of a voice agent.

stderr tells each step as it passes, stdout is data (the conversation, or one object with --json). The exit status says
what came of it: 0 everything held, 1 an expectation failed, 2 the script is wrong, 3 no connection, 4 no sound.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from voicechat import exit_codes
from voicechat.audio.script_mic import wish_of
from voicechat.cli.chat import refuse_the_impossible
from voicechat.cli.printing import note, print_json, say
from voicechat.cli.run import Headless, RunOptions
from voicechat.config.load import load_settings
from voicechat.config.locations import spoken_words_dir
from voicechat.config.settings import Settings
from voicechat.engine.link import FromEngine
from voicechat.errors import ConfigError, TapeError
from voicechat.exit_codes import TalkOver
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
    as_json,
    as_junit,
)
from voicechat.scripting.reading import Reading, read_script
from voicechat.scripting.speech import Speaker
from voicechat.ui.sanitise import clean

SHORT = 40
"""Characters of what was found that are shown although all is well: the figures."""


def script_command(flags: Mapping[str, Any], config: Path | None, file: Path, options: RunOptions) -> int:
    """Returns the exit status. Raises ConfigError for settings that cannot work, AudioDeviceError for a sound file."""
    reading = read_script(file)
    if reading.complaints or reading.script is None:
        return refused(reading, options)
    script = reading.script
    if options.check_script:
        note(f"{file}: {len(script.steps)} steps, nothing wrong")
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


def refused(reading: Reading, options: RunOptions) -> int:
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


class ScriptRun(Headless):
    """One scripted talk, from the engine's start to the results."""

    def __init__(
        self,
        script: Script,
        settings: Settings,
        environ: Mapping[str, str],
        clips: Mapping[Sound, Path],
        options: RunOptions,
        *,
        keeps_tape: bool = True,
    ) -> None:
        super().__init__(settings, environ, options.timeout or script.timeout)
        self._script = script
        self._keeps_tape = keeps_tape
        self._options = options
        self._seen = TalkObserver()
        controls = TalkControls(self.engine.send, self.pump, time.monotonic, self._tell)
        self._player = Player(script, clips, self._seen, controls)

    def go(self) -> int:
        """Play the script, write the results. Returns the exit status."""
        begun, results = time.monotonic(), self._player.results
        with self.talking():
            code = self._play(results)
            summary = self.progress.summary()
        results.seconds = time.monotonic() - begun
        results.tape = self._seen.tape
        if self._script.sound is not None and not results.stopped:
            self._judge_sound(self._script.sound, results)
            code = code or (exit_codes.FAILED_TURN if results.failed else exit_codes.DONE)
        results.tape = results.tape if self._keeps_tape else ""
        self._finish(results, code, summary | self.progress.used())
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
            while not self.progress.is_ready:
                self.pump(PUMP)
            self._player.play()
        except TalkOver as over:
            results.stopped = over.reason
            if not results.results:
                self._player.skip_all()
            return over.code
        if results.failed and (why := self.line_is_missing()):
            results.stopped = f"the connection was lost: {why}"
            return exit_codes.CONNECTION
        return exit_codes.FAILED_TURN if results.failed else exit_codes.DONE

    def _hear(self, arrived: float, message: FromEngine) -> None:
        self._seen.take(message, arrived)
        super()._hear(arrived, message)

    def _end_if_hopeless(self) -> None:
        if self.progress.refused:
            raise TalkOver(exit_codes.FAILED_TURN, self.progress.refused)
        super()._end_if_hopeless()
        view = self.progress.view
        if view is None:
            return
        if view.connection.phase == "lost" and view.connection.next_try_in is None and self.progress.was_open:
            raise TalkOver(exit_codes.CONNECTION, f"the connection was lost: {self.line_is_missing()}")
        self._deny_the_unallowed()

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

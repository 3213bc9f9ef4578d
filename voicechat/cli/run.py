"""`voicechat run`: a conversation without a screen, for scripts, tests and measurements.

It is a client of the engine like the screen. stdout is data (events with --json, the spoken words without), stderr is
narration. A turn is complete when its response is done and its sound has ended.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from voicechat import exit_codes
from voicechat.cli.chat import refuse_the_impossible
from voicechat.cli.printing import print_json
from voicechat.config.load import load_settings
from voicechat.config.providers import provider_of
from voicechat.config.settings import Settings
from voicechat.config.translation import side_language
from voicechat.core.events import EndAsked, TalkPressed, TalkReleased, TextEntered, ToolDenied
from voicechat.core.rules.budget import dollars
from voicechat.core.user_turns import LINE_LOST, TRANSCRIPTION_OFF
from voicechat.core.view import TurnView, View, as_line
from voicechat.engine.control import too_large
from voicechat.engine.host import EngineProcess
from voicechat.engine.link import Ack, Batch, FromEngine, Goodbye, Numbers, Snapshot, Turns
from voicechat.errors import ConfigError, VoiceChatError
from voicechat.exit_codes import TalkOver
from voicechat.failures import cure_of_answer
from voicechat.insight.metrics.ledger import Figures
from voicechat.insight.metrics.prices import Tokens
from voicechat.journal.entry import Entry, summary_of
from voicechat.translation.backlog import is_awaited
from voicechat.ui.sanitise import clean

DEAD_ENDS = (
    "no_answer",
    "transcription_failed",
    "transcript_missing",
    "tool_unanswered",
    "tool_expired",
    "kept_full",
    "tools_in_a_row",
)
"""Codes of notices after which nothing comes unless the user acts, and here is none."""
_KEYS = re.compile(r"(?:(?<=[.;·])|^) *(?:Press r|r (?:reconnects|asks|tries))\b[^.;]*[.;]?")


class Progress:
    """Collects what the engine tells. Latencies are milliseconds here, because the summary is read by people.

    What a headless run knows about its conversation, and the summary it ends with.
    """

    def __init__(self) -> None:
        self.view: View | None = None
        self.was_open = False
        self.failed = False
        self.mic_file_ended = False
        self.key_is_up = False
        self.failure_code = ""
        """Why no line came: the code of `line.failed`."""
        self.lost = ""
        """Why a line that was up was lost, other than by a session's longest time; empty: none was."""
        self.dead_end = ""
        """The notice of an answer that will not come by itself."""
        self.missing_part = ""
        """`microphone` or `loudspeaker` that could not be opened."""
        self.device_missing: tuple[str, ...] = ()
        self.figures = Figures()
        self.refused = ""
        """Why the engine did not carry out a command."""
        self._turns: dict[str, TurnView] = {}
        self._order: tuple[str, ...] = ()
        self._problems: list[str] = []
        self._causes: list[str] = []

    def take(self, message: FromEngine) -> None:
        match message:
            case Batch(rows=rows):
                for row in rows:
                    self.see(row)
            case Snapshot(view=view):
                self.view = view
            case Turns():
                self.take_turns(message)
            case Numbers(figures=figures):
                self.figures = figures
            case Ack(reason=reason):
                self.refused = self.refused or reason
            case _:
                pass

    def see(self, row: Entry) -> None:
        if row.type == "engine.defect":
            self.problem(f"a defect of voicechat: {summary_of(row)}", "please report it with the engine's log")
        self.was_open = self.was_open or row.type == "line.opened"
        self.mic_file_ended = self.mic_file_ended or row.type == "mic.file_ended"
        if row.type == "line.lost" and not self.lost:
            lost = row.event
            self.lost = "" if lost.get("rolls_over") else str(lost.get("reason") or "no reason given")
        if row.type == "line.failed":
            self.failure_code = str(row.event.get("code", ""))
        elif row.type == "device.missing":
            missing = row.event
            self.missing_part = str(missing.get("part", ""))
            self.device_missing = (str(missing.get("reason", "")), str(missing.get("hint", "")))
        elif row.type == "device.opened":
            self.missing_part = ""

    def take_turns(self, message: Turns) -> None:
        self._turns |= {turn.key: turn for turn in message.changed}
        if message.order is not None:
            self._order = message.order
        for turn in message.changed:
            if turn.who == "note" and turn.detail in DEAD_ENDS:
                self.dead_end = self.dead_end or without_keys(turn.text)
        self.failed = any(
            (turn.who == "assistant" and turn.failed) or (turn.who == "note" and turn.detail == "message_refused")
            for turn in self._turns.values()
        )

    def problem(self, *sentences: str) -> None:
        text = " · ".join(" ".join(sentence.split()) for sentence in sentences if sentence)
        if text and text not in self._problems:
            self._problems.append(text)
            self._causes.append(sentences[0])

    @property
    def awaits_translation(self) -> bool:
        """A finished line still has no translation, nor the word that it gets none."""
        return is_awaited([self._turns[key] for key in self._order if key in self._turns])

    @property
    def completed(self) -> int:
        return self.view.completed if self.view else 0

    @property
    def is_ready(self) -> bool:
        """The line is open and the configuration in force: user input will be obeyed."""
        view = self.view
        return bool(view and view.connection.phase == "open" and view.mic.state != "configuring" and view.has_all_tools)

    def stuck_at(self) -> str:
        """What it was waiting for, for the sentence of a timeout."""
        if self.view is None:
            return "the engine never spoke"
        if self.view.connection.phase != "open":
            return f"the line is {self.view.connection.phase}" + (
                f" ({self.view.connection.reason})" if self.view.connection.reason else ""
            )
        return f"{self.completed} answers complete, the reply is {self.view.reply.state}"

    def used(self) -> dict[str, Any]:
        """Tokens and US dollars, as far as they are known: what is not known is left out."""
        usage, money = self.figures.usage, self.figures.money
        known: dict[str, Any] = {}
        if usage.total:
            known["usage"] = {
                "input_tokens": tokens(usage.input),
                "cached_tokens": tokens(usage.cached),
                "output_tokens": tokens(usage.output),
            }
        if usage.total and money.cost is not None:
            known |= {"cost_usd": round(money.cost.usd, 6), "cost_is_estimate": money.cost.is_estimate}
        if (side := self.figures.side).requests:  # beside the talk, and in none of its sums
            spent = {"cost_usd": round(side.cost.usd, 6)} if side.cost is not None else {}
            known["translation"] = {
                "model": side.model,
                "requests": side.requests,
                "input_tokens": side.usage.input.total,
                "output_tokens": side.usage.output.total,
                **spent,
            }
        if "cost_usd" in known and not money.is_own:
            known["prices_of"] = money.prices_of
        return known

    def summary(self) -> dict[str, Any]:
        turns = [self._turns[key] for key in self._order if key in self._turns]
        spoken = [turn for turn in turns if turn.who != "note"]
        failed = [turn for turn in turns if turn.failed and turn.who != "tool"]
        noted = [without_keys(turn.text) for turn in turns if turn.who == "note" and turn.level != "info"]
        # The note of a failure (which names a key to press) or of a lost line says nothing that these do not say.
        told = [*self._problems, *(failure_words(turn) for turn in failed)]
        clauses = [clause.lower() for cause in self._causes for clause in cause.split("; ")]
        said = [*(turn.failed.lower() for turn in failed), *clauses]
        notes = [text for text in noted if not any(words in text.lower() for words in said)]
        latencies = [
            round(turn.latency * 1000) for turn in turns if turn.who == "assistant" and turn.latency is not None
        ]
        return {
            "turns": sum(turn.who == "you" for turn in turns),
            "completed": self.completed,
            "transcript": [as_line(turn) for turn in spoken],
            "latencies_ms": latencies,
            "problems": list(dict.fromkeys([*told, *notes])),
        }


def without_keys(text: str) -> str:
    """A notice without the key it offers: a run has none."""
    return _KEYS.sub("", text).strip()


def failure_words(turn: TurnView) -> str:
    """What failed, why, and the next step."""
    if turn.who == "assistant":
        return f"the answer failed: {turn.failed} · {cure_of_answer(turn.failed)}"
    if turn.failed == TRANSCRIPTION_OFF:
        return f"what you said was not written down: {turn.failed} · set audio.input.transcription"
    if turn.failed == LINE_LOST:
        return f"what you said was not written down: {turn.failed} · say it again"
    return f"the transcription of what you said failed: {turn.failed} · check the transcription model"


def tokens(counted: Tokens) -> dict[str, int]:
    """By modality; images only where there are any."""
    parts = {"text": counted.text, "audio": counted.audio}
    return parts | ({"image": counted.image} if counted.image else {})


AT_REST = ("ready", "finished", "cut", "stopped")
"""Reply states in which nothing is under way."""
PATIENCE = 60.0
"""Seconds that a talk may take where nothing else is said."""
REST = 1.5
"""Seconds at rest after the end of a recording: the last words may still be on their way to an answer."""
TRANSLATION_WAIT = 25.0
"""Seconds the last lines may take to be translated: two requests and a little."""
GOODBYE_WAIT = 1.5
"""Seconds in which the engine may end tidily and send what is left."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    texts: tuple[str, ...] = ()
    """Typed messages; each waits until the answer to the one before is complete."""
    turns: int | None = None
    """Answers to wait for; None: as many as there is reason for (`turns_to_wait_for`)."""
    timeout: float | None = None
    """Seconds for the whole talk; None: 60, or as the script says."""
    as_json: bool = False
    script: Path | None = None
    script_example: bool = False
    check_script: bool = False
    junit: Path | None = None


def run_command(flags: Mapping[str, Any], config: Path | None, options: RunOptions) -> int:
    """A script's example, a script, or a talk without a screen; the exit status.

    Raises ConfigError for settings that cannot work.
    """
    if options.script_example:
        from voicechat.scripting.reading import EXAMPLE

        sys.stdout.write(EXAMPLE)
        return exit_codes.DONE
    if options.script is not None:
        from voicechat.cli.script import script_command

        if options.texts or options.turns:
            raise ConfigError("--script replaces --text and --turns", hint="voicechat run --script FILE")
        return script_command(flags, config, options.script, options)
    if options.check_script or options.junit:
        hint = "voicechat run --script FILE --check-script"
        raise ConfigError("--check-script and --junit need --script", hint=hint)
    try:
        settings, environ = settings_for(flags, config, options)
    except VoiceChatError as error:
        if options.as_json:
            refused = Progress()
            refused.problem(error.message, error.hint)
            print_json({"summary": refused.summary()})
        raise
    return Run(settings, options, environ).go()


def settings_for(
    flags: Mapping[str, Any], config: Path | None, options: RunOptions
) -> tuple[Settings, Mapping[str, str]]:
    """The checked settings, and the environment for the engine.

    Raises ConfigError, also for a run in which nobody would ever say anything.
    """
    settings = load_settings(flags, os.environ, config)
    if options.texts and "mic" not in settings.given:
        settings = load_settings({**flags, "mic": "none"}, os.environ, config)
    for text in options.texts:
        if reason := too_large(TextEntered(text)):
            raise ConfigError(
                f"--text is too long: {reason}", hint='split it: voicechat run --text "part one" --text "part two"'
            )
        if not text.strip():
            raise ConfigError("--text is empty", hint='voicechat run --text "What time is it?"')
    environ = refuse_the_impossible(settings, os.environ)
    if settings.mic == "none" and not (options.texts or settings.greet):
        raise ConfigError(
            "nothing to say: no text, no microphone, no greeting",
            hint='voicechat run --text "What time is it?" (or --mic FILE.wav, or --greet TEXT)',
        )
    return settings, environ


def turns_to_wait_for(settings: Settings, options: RunOptions) -> int:
    """One answer for a greeting, one for each text, and one for a microphone that was asked for."""
    if options.turns:
        return options.turns
    spoken = not options.texts and "mic" in settings.given and settings.mic != "none"
    return max(1, bool(settings.greet) + len(options.texts) + spoken)


class Headless:
    """A client of the engine without a screen: it starts one, listens until the talk is over, and ends it."""

    longer = "--timeout waits longer"
    """How `patience` is changed."""

    def __init__(
        self, settings: Settings, environ: Mapping[str, str] | None, patience: float, *, outlives: float = 0.0
    ) -> None:
        """`patience`: seconds for everything; `outlives`: see `EngineProcess`."""
        self._settings = settings
        self._patience = patience
        self._deadline = 0.0
        self._inbox: queue.SimpleQueue[tuple[float, FromEngine]] = queue.SimpleQueue()
        self.engine = EngineProcess(settings, environ, outlives=outlives)
        self.progress = Progress()
        self._denied: set[str] = set()
        self._is_interrupted = False

    def start(self) -> None:
        self._deadline = time.monotonic() + self._patience
        self.engine.start(lambda message: self._inbox.put((time.monotonic(), message)))

    @contextlib.contextmanager
    def talking(self) -> Iterator[None]:
        """From the start to the goodbye of the engine; Ctrl+C ends the talk and not us."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._interrupt)
        self.start()
        try:
            yield
        finally:
            self.engine.send(EndAsked())
            self.engine.close(GOODBYE_WAIT)
            while not self._inbox.empty():
                self._hear(*self._inbox.get())

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._is_interrupted = True

    def pump(self, seconds: float) -> None:
        """Take what comes within so many seconds. Raises TalkOver."""
        with contextlib.suppress(queue.Empty):
            while True:
                arrived, message = self._inbox.get(timeout=max(0.001, seconds))
                self._hear(arrived, message)
                if isinstance(message, Goodbye):
                    raise TalkOver(message.exit_code or exit_codes.ENGINE_DIED, message.cause)
                seconds = 0.0
        self._end_if_hopeless()

    def _hear(self, arrived: float, message: FromEngine) -> None:
        self.progress.take(message)

    def _end_if_hopeless(self) -> None:
        if self._is_interrupted:
            raise TalkOver(exit_codes.INTERRUPTED, "interrupted")
        if time.monotonic() > self._deadline:
            code = exit_codes.FAILED_TURN if self.progress.was_open else self._no_connection
            raise TalkOver(code, f"gave up after {self._patience:g} s: {self.progress.stuck_at()}", self.longer)
        view = self.progress.view
        if view is not None and view.connection.phase == "refused":
            raise TalkOver(self._no_connection, view.connection.reason, view.connection.hint)
        if self._lacks_a_device():
            raise TalkOver(exit_codes.AUDIO, *self.progress.device_missing)

    @property
    def _no_connection(self) -> int:
        """There may be none because something is not installed or not set."""
        return exit_codes.USAGE if self.progress.failure_code == "config" else exit_codes.CONNECTION

    def line_is_missing(self) -> str:
        """Why there is no connection now; empty where there is one, or a service ended its longest session."""
        line = self.progress.view.connection if self.progress.view is not None else None
        if line is None or (line.phase != "lost" and (line.lost_for is None or line.rolls_over)):
            return ""
        return line.reason or "no reason given"

    def _lacks_a_device(self) -> bool:
        """A microphone was needed, or a loudspeaker was asked for by name. Answers need no loudspeaker otherwise."""
        if self.progress.missing_part == "microphone":
            return self._settings.mic != "none"
        return self.progress.missing_part == "loudspeaker" and self._settings.speaker not in ("default", "none")

    def _deny_the_unallowed(self) -> None:
        """Nobody is here to ask: what the command line did not allow is refused, and said."""
        for ask in self.progress.view.asked if self.progress.view is not None else ():
            if ask.call_id not in self._denied:
                self._denied.add(ask.call_id)
                self.engine.send(ToolDenied(ask.call_id, "Nobody was there to ask."))
                how = f"--allow-tools {ask.name}" if not ask.server else f"require_approval of [mcp.{ask.server}]"
                self.progress.problem(f"{ask.name} was not allowed to run", f"{how} allows it")


class Run(Headless):
    """One headless conversation, from the first message of the engine to the summary."""

    def __init__(self, settings: Settings, options: RunOptions, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, environ, options.timeout or PATIENCE)
        self._options = options
        self._texts = list(options.texts)
        self._wanted = turns_to_wait_for(settings, options)
        self._asked = int(bool(settings.greet))
        """Answers that were asked for in writing or by the greeting; the next text waits for them."""
        self._pressed = False
        self._restless_at = time.monotonic()
        self._translates = bool(side_language(settings))
        self._translated_by = 0.0
        """When the last translations are waited for no longer; 0: nothing else is left to wait for yet."""

    def go(self) -> int:
        if not self._options.texts or sys.stderr.isatty():
            print(self._plan(), file=sys.stderr, flush=True)
        with self.talking():
            code = self._converse()
            summary = self.progress.summary()  # before our own goodbye ends what is still open
        summary |= self.progress.used()  # the engine's last figures come with its goodbye
        self._finish(code, summary)
        return code

    def _plan(self) -> str:
        """What the run is about to do: it may take seconds until something is heard."""
        settings, options = self._settings, self._options
        if options.texts:
            what = f"sends {len(options.texts)} message{'s' * (len(options.texts) > 1)}"
        elif settings.mic.lower().endswith(".wav"):
            what = f"plays {clean(settings.mic, one_line=True)} as the microphone"
        else:
            what = "waits for the greeting" if settings.mic == "none" else "listens to the microphone"
        answers = f"{self._wanted} answer{'s' * (self._wanted > 1)}"
        return f"Connects to {provider_of(settings).title}, {what}: {answers}, {self._patience:g} s at most."

    def _converse(self) -> int:
        try:
            while True:
                self.pump(0.1)
                if (code := self._next_act()) is not None:
                    return code
        except TalkOver as over:
            if over.code != exit_codes.INTERRUPTED:
                self.progress.problem(*over.sentences)
            return over.code

    def _hear(self, arrived: float, message: FromEngine) -> None:
        super()._hear(arrived, message)
        if isinstance(message, Batch) and self._options.as_json:
            for row in message.rows:
                print_json({"t": row.t, "dir": row.dir, "event": row.event})

    def _next_act(self) -> int | None:
        """Send the next text, work the push-to-talk of a file microphone, or end. None: go on listening."""
        view = self.progress.view
        if view is None:
            return None
        is_done = self.progress.completed >= self._wanted
        # A reconnect between two snapshots hides no loss: its event is seen too.
        why = self.progress.lost or self.line_is_missing()
        if view.spent_budget is not None and (why or view.reply.state in AT_REST) and not is_done:
            spent = f"the budget of {dollars(view.spent_budget)} is spent"
            raise TalkOver(exit_codes.FAILED_TURN, spent, "--budget allows more")
        if why and not is_done:
            raise TalkOver(self._no_connection, f"the connection was lost: {why}", self._not_answered())
        if is_done and (why or self._is_heard_out(view)):
            if self._awaits_translation() and not why:
                return None
            return exit_codes.FAILED_TURN if self.progress.failed else exit_codes.DONE
        if self.progress.failed:
            return exit_codes.FAILED_TURN
        if why := self.progress.refused or self.progress.dead_end:
            raise TalkOver(exit_codes.FAILED_TURN, why, self._not_answered())
        self._deny_the_unallowed()
        if self.progress.is_ready:
            self._speak_or_write()
        return None

    def _not_answered(self) -> str:
        """What becomes of the messages that got no answer: nothing is asked twice unasked."""
        missing = len(self._options.texts) - max(0, self.progress.completed - bool(self._settings.greet))
        if missing <= 0:
            return "run it again"
        return (
            "the message was not answered; run it again"
            if missing == 1
            else (f"{missing} messages were not answered; run it again")
        )

    def _is_heard_out(self, view: View) -> bool:
        """Without --turns a recording is played to its end, and whatever it still asks is answered."""
        if self._options.turns or self._options.texts or not self._settings.mic.lower().endswith(".wav"):
            return True
        now = time.monotonic()
        if not self.progress.mic_file_ended or view.reply.state not in AT_REST:
            self._restless_at = now
        return now - self._restless_at >= REST

    def _awaits_translation(self) -> bool:
        if not (self._translates and self.progress.awaits_translation):
            return False
        self._translated_by = self._translated_by or time.monotonic() + TRANSLATION_WAIT
        return time.monotonic() < self._translated_by

    def _speak_or_write(self) -> None:
        if self._texts and self.progress.completed >= self._asked:
            self._asked += 1
            self.engine.send(TextEntered(self._texts.pop(0)))
        elif self._settings.turn_mode == "push-to-talk" and not self._options.texts:
            self._work_the_key()

    def _work_the_key(self) -> None:
        """With push-to-talk and a recording, somebody has to hold the key while it plays."""
        if not self._pressed:
            self._pressed = True
            self.engine.send(TalkPressed("control", lease=self._patience))
        elif self.progress.mic_file_ended and not self.progress.key_is_up:
            self.progress.key_is_up = True
            self.engine.send(TalkReleased("control"))

    def _finish(self, code: int, summary: dict[str, Any]) -> None:
        if self._options.as_json:
            print_json({"summary": summary})
        else:
            for entry in summary["transcript"]:
                print(f"{entry['who']}: {entry['text']}")
        for problem in summary["problems"]:
            print(f"voicechat: {problem}", file=sys.stderr)
        if code == exit_codes.INTERRUPTED:
            print("voicechat: interrupted", file=sys.stderr)

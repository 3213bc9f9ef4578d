"""`voicechat transcribe`: recordings, or what the microphone hears, as text, subtitles or JSON.

stdout is the text, stderr is narration: what is being heard just now on a terminal, and what went wrong in any case.

The bars on stderr while many recordings are written down. Imported only where they are shown: rich loads slowly.

What stands on stderr while recordings are written down: one line that is rewritten, or a bar for each of many.

Nothing of it where stderr is no terminal, or where quiet was asked for; sentences about failures come in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress as Bars,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from voicechat import exit_codes
from voicechat.cli.chat import refuse_the_impossible
from voicechat.config.load import load_settings
from voicechat.config.providers import provider_of
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError
from voicechat.insight.metrics.prices import cost_of, price_of, read_prices
from voicechat.transcription.captions import Captions
from voicechat.transcription.carriers import Service
from voicechat.transcription.formats import SUFFIXES, Format, Result, as_json, as_text, rendered
from voicechat.transcription.options import ResolvedOptions, TranscriptionOptions, read_commits, resolve_options
from voicechat.transcription.session import SessionLost
from voicechat.transcription.sound import LARGEST_STDIN, Recording
from voicechat.transcription.transcript import Passage, clock
from voicechat.transcription.writing import Batch, Outcome, Progress
from voicechat.ui.sanitise import clean

ELSEWHERE = "choose another place: --out FILE"


class Output:
    """Raises ConfigError, when it is made, for a place that cannot take what is wanted.

    Where the text goes: standard output, one file, or a folder with a file for each recording.
    """

    def __init__(self, form: Format, out: str, inputs: Sequence[str]) -> None:
        self._form = form
        self._is_many = len(inputs) > 1
        self._taken: set[Path] = set()
        self._folder: Path | None = None
        self._file: Path | None = None
        self._inputs = {Path(name).resolve() for name in inputs}
        if not out:
            if self._is_many and form in ("srt", "vtt"):
                raise ConfigError(
                    "subtitles of several recordings are several files",
                    hint="voicechat transcribe FILE... --format srt --out FOLDER",
                )
            return
        place = Path(out).expanduser()
        if self._is_many or out.endswith(("/", "\\")) or place.is_dir():
            self._folder = place
        else:
            self._file = place
        try:
            (self._folder or place.parent).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot write to {out}: {error.strerror}", hint=ELSEWHERE) from error
        if place.resolve() in self._inputs:
            raise ConfigError("--out would overwrite the recording", hint="choose another file: --out FILE")

    def write(self, result: Result) -> None:
        """Raises ConfigError where the file cannot be written."""
        place = self._place(result.name)
        if place is None:
            sys.stdout.write(self._on_stdout(result))
            sys.stdout.flush()
            return
        try:
            place.write_text(rendered(result, self._form), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {place}: {error.strerror}", hint=ELSEWHERE) from error

    def _on_stdout(self, result: Result) -> str:
        if not self._is_many:
            return rendered(result, self._form)
        if self._form == "json":
            return json.dumps(as_json(result), ensure_ascii=False) + "\n"
        return f"== {result.name}\n{rendered(result, self._form)}"

    def _place(self, name: str) -> Path | None:
        if self._folder is None:
            return self._file
        stem, suffix = Path(name).stem or "recording", SUFFIXES[self._form]
        place, number = self._folder / f"{stem}{suffix}", 1
        while place in self._taken or place.resolve() in self._inputs:
            number += 1
            place = self._folder / f"{stem}-{number}{suffix}"
        self._taken.add(place)
        return place


class Show:
    """Sentences alone: where stderr is no terminal, or where quiet was asked for."""

    def changed(self, index: int, progress: Progress) -> None:
        """So far a recording is written down."""

    def ended(self, index: int) -> None:
        """A recording is done."""

    def say(self, sentence: str) -> None:
        print(clean(sentence), file=sys.stderr, flush=True)


class ManyBars(Show):
    """A bar for each recording that is on its way, and one that counts those that are done."""

    def __init__(self, bars: Bars, names: list[str]) -> None:
        self._bars = bars
        short = [_short(name, bars.console.width // 2) for name in names]
        # All of one width, so that no bar moves sideways when a longer name comes.
        room = max(map(cell_len, short))
        self._labels = [escape(set_cell_size(name, room)) for name in short]
        self._tasks: dict[int, TaskID] = {}
        self._room, self._count = room, 0
        self._all = bars.add_task(self._counted(), total=len(names), is_count=True)

    def changed(self, index: int, progress: Progress) -> None:
        if index not in self._tasks:
            self._tasks[index] = self._bars.add_task(self._labels[index], total=progress.total)
        self._bars.update(self._tasks[index], completed=progress.sent, total=progress.total)

    def ended(self, index: int) -> None:
        if index in self._tasks:
            self._bars.update(self._tasks[index], visible=False)
        self._count += 1
        self._bars.update(self._all, completed=self._count, description=self._counted())

    def say(self, sentence: str) -> None:
        self._bars.console.print(clean(sentence), markup=False, highlight=False, soft_wrap=True)

    def _counted(self) -> str:
        return f"{self._count} of {len(self._labels)} done"


class TimeLeft(TimeRemainingColumn):
    """Of one recording; how long files take that were not begun is not known."""

    def render(self, task: Task) -> Text:
        return Text() if task.fields.get("is_count") else super().render(task)


def _short(name: str, room: int) -> str:
    """The end of a path tells more than its beginning."""
    shown = clean(name, one_line=True)
    while cell_len(shown) > room:
        shown = "…" + shown[2:]
    return shown


def many_bars(names: list[str], console: Console | None = None) -> tuple[Bars, ManyBars]:
    """To be entered, and to be told. Without a console they stand on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeLeft())
    bars = Bars(*columns, console=console or Console(stderr=True), transient=True)
    return bars, ManyBars(bars, names)


def captions(
    service: Service, resolved: ResolvedOptions, form: Format, out: str, seconds: float, *, quiet: bool
) -> int:
    """Until Ctrl+C, which is how captions end and no failure, or for so many seconds. The exit status."""
    output = Output(form, out, ("microphone",))
    show = OneLine(sys.stderr) if sys.stderr.isatty() and not quiet else None
    return asyncio.run(Live(service, resolved, output, show, is_text=form == "text" and not out).run(seconds))


class Live:
    """What is heard, as it is shown.

    `voicechat transcribe --mic`: live captions. Each passage is a line on stdout when it is final.
    """

    def __init__(
        self, service: Service, resolved: ResolvedOptions, output: Output, line: OneLine | None, *, is_text: bool
    ) -> None:
        self._service = service
        self._output = output
        self._line = line
        self._show = line or Show()
        self._is_text = is_text
        self._speaker = ""
        self._captions = Captions(
            service, resolved, final=self._final, partial=self._partial, ready=self._ready, say=self._show.say
        )

    async def run(self, seconds: float) -> int:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda number, frame: loop.call_soon_threadsafe(self._captions.stop))
        code = exit_codes.DONE
        async with self._service:
            try:
                await self._captions.run(seconds)
            except SessionLost as lost:
                self._show.say(f"voicechat: the connection was lost: {lost.message}")
                code = exit_codes.CONNECTION
            finally:
                if self._line is not None:
                    self._line.wipe()
        if not self._is_text:
            self._output.write(self._result(is_complete=code == exit_codes.DONE))
        return code

    def _result(self, *, is_complete: bool) -> Result:
        settings, usage = self._service.settings, self._captions.usage
        price = price_of(settings.transcription_model)
        return Result(
            name="microphone",
            passages=tuple(self._captions.passages),
            duration=self._captions.lasted,
            model=settings.transcription_model,
            language=settings.language,
            seconds_billed=usage.seconds,
            tokens=usage.total,
            usd=round(cost_of(usage, price).usd, 6) if price and (usage.total or usage.seconds) else None,
            is_complete=is_complete,
        )

    def _ready(self) -> None:
        self._show.say("voicechat: listening; Ctrl+C ends it")

    def _final(self, passage: Passage) -> None:
        if not self._is_text:
            return
        if self._line is not None:
            self._line.wipe()
        same = passage.speaker == self._speaker
        self._speaker = passage.speaker
        shown = Passage(passage.start, passage.end, passage.text) if same else passage
        sys.stdout.write(as_text(Result("", (shown,))))
        sys.stdout.flush()

    def _partial(self, text: str) -> None:
        if self._line is not None:
            self._line.words(text)


_EVERY = 0.08
"""Seconds between two rewritings."""


class OneLine(Show):
    """The end of what is being heard, on a line that is rewritten."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._written_at = 0.0
        self._is_shown = False

    def changed(self, index: int, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._written_at >= _EVERY:
            self._written_at = now
            self.line(line_of(progress, shutil.get_terminal_size().columns))

    def words(self, text: str) -> None:
        """The newest words alone, as much of them as fits."""
        self.line(newest(text, shutil.get_terminal_size().columns - 2))

    def line(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()
        self._is_shown = bool(text)

    def ended(self, index: int) -> None:
        self.wipe()

    def wipe(self) -> None:
        if self._is_shown:
            self.line("")

    def say(self, sentence: str) -> None:
        self.wipe()
        print(clean(sentence), file=self._stream, flush=True)


def line_of(progress: Progress, width: int) -> str:
    """Position, length, and as much of the newest words as fits."""
    where = clock(progress.sent) + (f" / {clock(progress.total)}" if progress.total else "")
    return f"{where}  {newest(progress.partial, width - len(where) - 4)}".rstrip()


def newest(text: str, room: int) -> str:
    """The last words, as much of them as fits."""
    words = clean(text, one_line=True)
    return words if len(words) <= room else f"…{words[len(words) - room + 1 :]}" if room > 1 else ""


@contextlib.contextmanager
def show_for(names: list[str], *, quiet: bool) -> Iterator[Show]:
    """What fits the terminal and the number of recordings."""
    if quiet or not sys.stderr.isatty():
        yield Show()
    elif len(names) == 1:
        line = OneLine(sys.stderr)
        try:
            yield line
        finally:
            line.wipe()
    else:
        bars, told = many_bars(names)
        with bars:
            yield told


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    files: tuple[str, ...] = ()
    """Paths; `-` is standard input."""
    mic: bool = False
    seconds: float = 0.0
    """How long the microphone is listened to; 0: until Ctrl+C."""
    model: str = ""
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    delay: str = ""
    commit: str = ""
    realtime: bool = False
    format: Format = "text"
    out: str = ""
    jobs: int = 2
    quiet: bool = False


def transcribe_command(flags: Mapping[str, Any], config: Path | None, options: TranscribeOptions) -> int:
    """Returns the exit status. Raises ConfigError for wishes that cannot be fulfilled, before anybody is called."""
    if options.mic == bool(options.files):
        raise ConfigError(
            "there is nothing to write down" if not options.mic else "files and --mic exclude each other",
            hint="voicechat transcribe FILE..., or voicechat transcribe --mic",
        )
    settings, environ = settings_for(flags, config, options)
    form = options.format
    service = Service(settings, environ, realtime=options.realtime)
    made = resolve_options(wish_of(settings, options), sound=service.sound)
    for remark in made.remarks:
        print(f"voicechat: {remark}", file=sys.stderr)
    if options.mic:
        return captions(service, made, form, options.out, options.seconds, quiet=options.quiet)
    recordings = read_inputs(options.files)
    output = Output(form, options.out, options.files)
    prices, _ = read_prices(settings.prices)
    with show_for([one.name for one in recordings], quiet=options.quiet) as show:
        run = Run(output, show)
        return asyncio.run(run.go(recordings, service, made, options.jobs, prices))


def settings_for(
    flags: Mapping[str, Any], config: Path | None, options: TranscribeOptions
) -> tuple[Settings, Mapping[str, str]]:
    """The settings of a session that only listens, and the environment with the key. Raises ConfigError."""
    named = {"transcription_model": options.model, "model": options.model} if options.model else {}
    settings = load_settings({**flags, **named}, os.environ, config)
    environ = refuse_the_impossible(replace(settings, session=""), os.environ)
    model = settings.transcription_model or provider_of(settings).transcription_model
    return replace(settings, transcription_model=model), environ


def wish_of(settings: Settings, options: TranscribeOptions) -> TranscriptionOptions:
    keywords = tuple(word.strip() for text in options.keywords for word in text.split(",") if word.strip())
    return TranscriptionOptions(
        model=settings.transcription_model,
        language=settings.language,
        prompt=options.prompt,
        keywords=keywords,
        delay=options.delay,
        commits=read_commits(options.commit) if options.commit else None,
    )


def read_inputs(files: Sequence[str]) -> list[Recording]:
    """Names as given. Raises ConfigError for standard input that is too long, or asked for twice."""
    if files.count("-") > 1:
        raise ConfigError("standard input can be read once", hint="voicechat transcribe - FILE...")
    made = []
    for name in files:
        if name != "-":
            made.append(Recording(name, Path(name)))
            continue
        content = sys.stdin.buffer.read(LARGEST_STDIN + 1)
        if len(content) > LARGEST_STDIN:
            raise ConfigError("standard input has more than 1 GB", hint="write it into a file first")
        made.append(Recording("standard input", None, content))
    return made


class Run:
    """Some recordings on their way to where they are wanted."""

    def __init__(self, output: Output, show: Show) -> None:
        self._output = output
        self._show = show
        self._failed = 0
        self._last_error = ""

    async def go(
        self, recordings: list[Recording], service: Service, made: ResolvedOptions, jobs: int, prices: Mapping[str, Any]
    ) -> int:
        """The exit status."""
        async with service:
            batch = Batch(
                recordings,
                service,
                made,
                jobs=jobs,
                prices=prices,
                finished=self._finished,
                changed=self._show.changed,
                ended=self._show.ended,
            )
            with interruptible():
                try:
                    await batch.run()
                except asyncio.CancelledError:
                    self._show.say("voicechat: interrupted; what was written down so far is kept")
                    return exit_codes.INTERRUPTED
        if (why := batch.no_line) is not None:
            return exit_codes.exit_code(why)
        return exit_codes.FAILED_TURN if self._failed else exit_codes.DONE

    def _finished(self, outcome: Outcome) -> None:
        """Write what there is, and tell what there is not."""
        if outcome.error is None and (outcome.result.passages or not outcome.was_interrupted):
            self._output.write(outcome.result)
        if not outcome.is_good and not outcome.was_interrupted:
            self._failed += 1
        reasons = (str(outcome.error),) if outcome.error is not None else outcome.result.problems
        for reason in reasons:
            if reason != self._last_error or outcome.error is None:
                name = outcome.recording.name
                self._show.say(f"voicechat: {reason}" if name in reason else f"voicechat: {name}: {reason}")
            self._last_error = reason


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl+C and a polite kill cancel the task that is in here; a second Ctrl+C does it again."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    names = (signal.SIGINT, signal.SIGTERM)
    kept = {name: signal.getsignal(name) for name in names}
    for name in names:
        signal.signal(name, lambda number, frame: loop.call_soon_threadsafe(task.cancel))
    try:
        yield
    finally:
        for name, before in kept.items():
            signal.signal(name, before)

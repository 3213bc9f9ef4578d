"""`voicechat transcribe`: recordings, or what the microphone hears, as text, subtitles or JSON.

stdout is the text, stderr is narration: what is being heard just now on a terminal, and what went wrong in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from voicechat import exit_codes
from voicechat.cli.chat import refuse_the_impossible
from voicechat.cli.transcribe_output import Output
from voicechat.cli.transcribe_show import Show, show_for
from voicechat.config.load import load_settings
from voicechat.config.providers import provider_of
from voicechat.config.settings import Settings
from voicechat.errors import ConfigError
from voicechat.insight.metrics.prices import read_prices
from voicechat.transcription.carriers import Service
from voicechat.transcription.formats import FORMATS, Format
from voicechat.transcription.options import ResolvedOptions, TranscriptionOptions, read_commits, resolve_options
from voicechat.transcription.sound import LARGEST_STDIN, Recording
from voicechat.transcription.writing import Batch, Outcome


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
    format: str = "text"
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
    form = form_of(options.format)
    service = Service(settings, environ, realtime=options.realtime)
    made = resolve_options(wish_of(settings, options), sound=service.sound)
    for remark in made.remarks:
        print(f"voicechat: {remark}", file=sys.stderr)
    if options.mic:
        from voicechat.cli.transcribe_mic import captions

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


def form_of(text: str) -> Format:
    """Raises ConfigError."""
    for form in FORMATS:
        if text.lower() == form:
            return form
    raise ConfigError(f"--format {text} is not known", hint=f"one of {', '.join(FORMATS)}")


def read_inputs(files: Sequence[str]) -> list[Recording]:
    """Names as given. Raises ConfigError for standard input that is too long, or asked for twice."""
    if files.count("-") > 1:
        raise ConfigError("standard input can be read once", hint="write - once")
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

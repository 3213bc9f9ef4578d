"""`voicechat transcribe --mic`: live captions. Each passage is a line on stdout when it is final."""

from __future__ import annotations

import asyncio
import signal
import sys

from voicechat import exit_codes
from voicechat.cli.transcribe_output import Output
from voicechat.cli.transcribe_show import OneLine, Show, Silent
from voicechat.insight.metrics.prices import cost_of, price_of
from voicechat.transcription.captions import Captions
from voicechat.transcription.carriers import Service
from voicechat.transcription.formats import Format, Result, as_text
from voicechat.transcription.options import ResolvedOptions
from voicechat.transcription.session import SessionLost
from voicechat.transcription.transcript import Passage


def captions(
    service: Service, resolved: ResolvedOptions, form: Format, out: str, seconds: float, *, quiet: bool
) -> int:
    """Until Ctrl+C, which is how captions end and no failure, or for so many seconds. The exit status."""
    output = Output(form, out, ("microphone",))
    show = OneLine(sys.stderr) if sys.stderr.isatty() and not quiet else None
    return asyncio.run(Live(service, resolved, output, show, is_text=form == "text" and not out).run(seconds))


class Live:
    """What is heard, as it is shown."""

    def __init__(
        self, service: Service, resolved: ResolvedOptions, output: Output, line: OneLine | None, *, is_text: bool
    ) -> None:
        self._service = service
        self._output = output
        self._line = line
        self._show: Show = line if line is not None else Silent()
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
                self._show.say(f"voicechat: the line was lost: {lost.message}")
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

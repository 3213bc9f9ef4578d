"""Textual's Linux driver with key releases. The only file that touches private names of Textual.

Used names: the class `textual._xterm_parser.XTermParser` with `_sequence_to_key_events`, and the module global
`linux_driver.XTermParser`. Importing this file fails when one is missing; `keyboard.best_driver` then takes the stock
driver and the end of a hold is guessed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

from voicechat.ui.keyboard import QUERY, Answered, Fence, KeyboardKnown, KeyMoved, SequenceFilter, Typed
from voicechat.ui.terminal_colors import take_over_modes

_STOCK_PARSER = linux_driver.XTermParser  # type: ignore[attr-defined]  # imported there, not exported
_STOCK_KEYS = XTermParser._sequence_to_key_events
_PUSH_TITLE, _POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"


class EventTypeParser(XTermParser):
    """The stock parser behind a `SequenceFilter`."""

    def __init__(self, debug: bool = False) -> None:
        self._filter = SequenceFilter()
        self._waiting_since: float | None = None
        self._answered = False
        self._reports_release = False
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        if not data:
            yield from super().feed(data)
            return
        for item in self._filter.feed(data):
            match item:
                case Typed(text, "release"):
                    yield from self._released(text)
                case Typed(text, kind):
                    for message in super().feed(text):
                        if isinstance(message, events.Key):
                            yield KeyMoved(message.key, kind)
                        yield message
                        if isinstance(message, events.Key) and self._reports_release and not text.startswith("\x1b"):
                            yield KeyMoved(message.key, "release")  # text of an input method: no release will come
                case Answered(flags):
                    self._answered = True
                    known = KeyboardKnown(flags)
                    self._reports_release = known.reports_release
                    yield known
                case Fence():
                    yield from self._fenced()

    def _released(self, sequence: str) -> Iterator[Message]:
        for key in self._sequence_to_key_events(sequence):
            yield KeyMoved(key.key, "release")

    def _fenced(self) -> Iterator[Message]:
        if not self._answered:
            self._filter.speaks_protocol = False
            yield KeyboardKnown(None)
        self._answered = False  # the next query, after a suspension, is fenced anew

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        """A number the stock parser cannot read must not end the input thread, and with it the app."""
        try:
            return list(super()._sequence_to_key_events(sequence, alt))
        except (ValueError, OverflowError):
            return [events.Key("<ignore>", sequence)]

    def tick(self) -> Iterable[Message]:
        """Textual calls this every 0.1 s: hand over half a sequence that nothing followed."""
        now = time.monotonic()
        if not self._filter.is_waiting:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since >= constants.ESCAPE_DELAY:
            self._waiting_since = None
            yield from super().feed(self._filter.flush())
        yield from super().tick()


class EventTypeDriver(linux_driver.LinuxDriver):
    """`LinuxDriver` that also asks for releases and may set the window's title."""

    def start_application_mode(self) -> None:
        modes = take_over_modes()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if modes is not None:
            self.attrs_before = modes
        if self._writer_thread is not None and self.input_tty:
            self.write(_PUSH_TITLE + QUERY)
            self.flush()

    def stop_application_mode(self) -> None:
        if self.input_tty:
            self.write(_POP_TITLE)
        super().stop_application_mode()

    def run_input_thread(self) -> None:
        """The stock loop with our parser; it looks the class up in its module."""
        linux_driver.XTermParser = EventTypeParser  # type: ignore[attr-defined]
        super().run_input_thread()

    def set_title(self, title: str) -> None:
        """Name the window. `title` must be our own words."""
        if self.input_tty:
            self.write(f"\x1b]2;{title}\x07")
            self.flush()

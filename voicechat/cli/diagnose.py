"""`voicechat diagnose FILE...`: what went wrong in a session, from a tape or from anybody's log."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from voicechat import exit_codes
from voicechat.cli.printing import print_json, progress, say
from voicechat.cli.tapes import tape_named
from voicechat.errors import TapeError
from voicechat.insight.consequences import Cause
from voicechat.insight.records import Evidence, Finding
from voicechat.insight.report import Report, as_plain, diagnose, of_sound, times_of, with_quotes
from voicechat.insight.two_tracks import TurnTaking
from voicechat.journal.reports import LOGS, report_of, sound_of
from voicechat.journal.tape import EVENTS_FILE
from voicechat.ui.sanitise import clean

SIGNS = {"error": "✗", "warning": "!", "info": "·"}
COLOURS = {"error": "31;1", "warning": "33;1", "info": "36;1", "label": "2", "code": "36", "well": "32;1"}
MOST_EVIDENCE_SHOWN = 6
MOST_DOUBTS_SHOWN = 5
MOMENTS = {
    "wait": "answers waited for",
    "yield": "yields to a voice",
    "false yield": "yields to a cough",
    "talk-over": "talked over",
    "dead air": "dead air",
    "early": "answers in mid-sentence",
}
PASTE = (
    "Give the events as they came over the connection (JSON, one a line, or as a console prints them), the client's "
    "own log with its errors, or the text of the exception."
)
TOO_LITTLE = (
    "Nothing wrong was found, but no turn was seen to work either: too little to call it healthy. A log from "
    "session.created to the last response.done tells more."
)
NARROWEST, WIDEST = 40, 100
LABEL = 8
"""Columns of the words at the left."""
_COMMENT = re.compile(r"^(\s*)(\S.*?)(?<!\s)\s{2,}((?://|#) .*)$")


class Words:
    """Writes a report for a terminal of so many columns.

    A report for people: each cause with its evidence and cure, wrapped to the terminal, in colour where it has any.
    """

    def __init__(self, columns: int = 80, *, is_coloured: bool = False) -> None:
        self._width = max(NARROWEST, min(columns, WIDEST))
        self._is_coloured = is_coloured

    def of(self, report: Report) -> str:
        blocks = ["\n".join(self._head(report))]
        blocks += ["\n".join(self._cause(one, report)) for one in report.causes]
        if report.what_if is not None and report.what_if.best is not None:
            blocks.append("\n".join(self._wrapped(f"What if: {report.what_if.sentence}.", "", "  ")))
        if report.unexplained or report.reading.doubts:
            blocks.append("\n".join(self._unexplained(report)))
        return "\n\n".join(blocks)

    def _head(self, report: Report) -> Iterator[str]:
        reading = report.reading
        times = {"from the log": "", "none": ", no times"}.get(times_of(reading), ", times from ids")
        count = (
            f"{reading.events:,} event{'s' if reading.events != 1 else ''} ({reading.kind}, {reading.encoding}{times})"
        )
        if reading.kind == "sound":
            count = "sound alone"
        client = f", written by {reading.client.words}" if reading.client.words else ""
        yield from self._wrapped(f"{clean(report.name)}: {count}{client}", "", "  ")
        if report.sound is not None:
            yield from self._wrapped(_figures(report.sound), "  ", "  ")
        match report.verdict:
            case "nothing read":
                yield "  Nothing in it looks like an event of the Realtime API, or like an error of one."
                yield from self._wrapped(PASTE, "  ", "  ")
            case "too little":
                yield from self._wrapped(TOO_LITTLE, "  ", "  ")
            case "healthy":
                well = "Healthy: turns were seen to work, and no check found anything wrong."
                yield from (self._in("well", line) for line in self._wrapped(well, "  ", "  "))

    def _cause(self, cause: Cause, report: Report) -> Iterator[str]:
        one = cause.finding
        ended = " (It ended.)" if one.resolved else ""
        session = report.sessions.get(one.id)
        where = f" [{clean(session)}]" if session else ""
        head = list(self._wrapped(f"{SIGNS[one.severity]} {one.code}{where}: {clean(one.title)}{ended}", "", "  "))
        yield self._in(one.severity, head[0])
        yield from (self._in(one.severity, line) for line in head[1:])
        yield from self._labelled("cause", one.cause)
        yield from self._labelled("cure", one.cure)
        yield from self._code(one, report)
        yield from self._evidence(one, report)
        yield from self._consequences(cause, report)
        yield from self._labelled("rests", f"{one.rests_on} · {one.confidence:.0%} sure")

    def _code(self, finding: Finding, report: Report) -> Iterator[str]:
        snippets = report.cure(finding)
        if snippets is None:
            return
        client = report.reading.client
        left_out = "js" if client.language == "Python" else "python" if client.language else ""
        for label, code in (("js", snippets.js), ("python", snippets.python)):
            if label == left_out:  # whoever writes Swift or Kotlin reads JavaScript
                continue
            for line in folded(code, self._width - LABEL - 2):
                yield f"  {self._in('label', f'{label:<{LABEL}}')}{self._in('code', line)}"
                label = ""
        if client.configured and "session.update" in snippets.js:
            yield from self._labelled("there", f"{client.library} takes these fields in {client.configured}.")

    def _evidence(self, finding: Finding, report: Report) -> Iterator[str]:
        label = "seen"
        for mark in finding.evidence[:MOST_EVIDENCE_SHOWN]:
            yield f"  {self._in('label', f'{label:<{LABEL}}')}{self._mark(mark, report)}"
            label = ""
            if quote := report.quotes.get(report.reading.line_of(mark.seq)):
                yield f"  {'':<{LABEL}}{self._in('label', self._cut(clean(quote), self._width - LABEL - 2))}"
        if (more := len(finding.evidence) - MOST_EVIDENCE_SHOWN) > 0:
            yield f"  {'':<{LABEL}}and {more} more"

    def _consequences(self, cause: Cause, report: Report) -> Iterator[str]:
        if not cause.consequences:
            return
        line_of = report.reading.line_of
        told = [f"{one.code} (line {line_of(one.evidence[0].seq)})" for one in cause.consequences]
        yield from self._labelled("so", f"also seen, and following from it: {', '.join(told)}")

    def _unexplained(self, report: Report) -> Iterator[str]:
        doubts = report.reading.doubts
        if report.unexplained:
            yield self._in("warning", "Errors of the service that no check has a name for:")
        for mark in report.unexplained:
            yield f"  {self._mark(mark, report)}"
        if doubts:
            count = f"{len(doubts)} error line{'s' if len(doubts) > 1 else ''}"
            yield self._in("warning", f"{count} not understood:")
        for line, said in doubts[:MOST_DOUBTS_SHOWN]:
            yield from self._wrapped(clean(said), f"  line {line:<6}  ", " " * 15)

    def _mark(self, mark: Evidence, report: Report) -> str:
        at = "" if mark.t is None else f" {mark.t:>9.3f} s"
        head = (
            f"{at.strip()}  " if report.reading.kind == "sound" else f"line {report.reading.line_of(mark.seq):<6}{at}  "
        )
        return head + self._cut(clean(mark.ref), max(12, self._width - LABEL - 2 - len(head)))

    @staticmethod
    def _cut(text: str, room: int) -> str:
        return text if len(text) <= room else text[: room - 1] + "…"

    def _labelled(self, label: str, text: str) -> Iterator[str]:
        if not text:
            return
        lines = textwrap.wrap(clean(text), self._width - LABEL - 2) or [""]
        for line in lines:
            yield f"  {self._in('label', f'{label:<{LABEL}}')}{line}"
            label = ""

    def _wrapped(self, text: str, first: str, then: str) -> Iterator[str]:
        yield from textwrap.wrap(text, self._width, initial_indent=first, subsequent_indent=then)

    def _in(self, kind: str, text: str) -> str:
        return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m" if self._is_coloured and text.strip() else text


def _figures(told: TurnTaking) -> str:
    """`sound of 153.2 s, answers waited for: 12 (0.84 s, at most 2.10 s), …`: the median, and the longest."""
    parts = [f"sound of {told.seconds:.1f} s"]
    for what, name in MOMENTS.items():
        seconds = [one.seconds for one in told.moments if one.what == what]
        is_timed = seconds and what in ("wait", "yield")
        times = f" ({median(seconds):.2f} s, at most {max(seconds):.2f} s)" if is_timed else ""
        parts += [f"{name}: {len(seconds)}{times}"] if seconds else []
    return ", ".join(parts)


def folded(code: str, width: int) -> Iterator[str]:
    """Code in lines of a width: a comment behind a long line goes above it, arguments go on the next line."""
    for line in code.splitlines():
        comment = _COMMENT.match(line)
        if len(line) > width and comment is not None:
            yield from _folded_comment(comment[1] + comment[3], width)
            line = comment[1] + comment[2]
        if line.lstrip().startswith(("//", "# ")):
            yield from _folded_comment(line, width)
            continue
        indent = len(line) - len(line.lstrip())
        while len(line) > width:
            at = max(line.rfind(mark, indent + 8, width - 1) for mark in (", ", "{ ", "; ", ": {", "=> "))
            if at < 0:
                break
            at += 1
            yield line[:at].rstrip()
            line = " " * (indent + 4) + line[at:].lstrip()
        yield line


def _folded_comment(line: str, width: int) -> Iterator[str]:
    indent = line[: len(line) - len(line.lstrip())]
    sign, _, said = line.lstrip().partition(" ")
    for part in textwrap.wrap(said, max(20, width - len(indent) - 3)):
        yield f"{indent}{sign} {part}"


FOUND = exit_codes.FAILED_TURN
QUIET = 1.0
"""Seconds after which the reader says how far it is."""


def diagnose_command(
    files: Sequence[str], *, as_json: bool, min_confidence: float = 0.0, sounds: Sequence[str] = ()
) -> int:
    """Exit 0: every log is healthy. 1: something was found or not understood, or there was too little to judge.

    2: a file cannot be read, or nothing was given to read.
    """
    if not 0.0 <= min_confidence <= 1.0:
        say("--min-confidence is a number from 0 to 1: voicechat diagnose FILE --min-confidence 0.8")
        return exit_codes.USAGE
    reports: list[Report] = []
    unread = False
    logs = files or ([] if sounds else ["-"])
    for name, is_sound in (*((name, False) for name in logs), *((name, True) for name in sounds)):
        try:
            if is_sound:
                reports.append(of_sound(name, sound_of(Path(name)), min_confidence))
            else:
                reports += [_report_of(path, min_confidence) for path in logs_in(name)]
        except TapeError as error:
            unread = True
            print(f"voicechat: {error}", file=sys.stderr)
    if as_json:
        told = [as_plain(report) for report in reports]
        print_json(told[0] if len(told) == 1 else {"files": told})
    elif reports:
        words = Words(shutil.get_terminal_size((80, 24)).columns, is_coloured=_has_colours())
        print("\n\n".join(words.of(report) for report in reports))
    if unread:
        return exit_codes.USAGE
    return exit_codes.DONE if all(report.is_healthy for report in reports) else FOUND


def logs_in(name: str) -> list[str]:
    """A file is itself, a tape (also by name, or `last`) its events, a folder all in it. Raises TapeError for none."""
    path = Path(name)
    if name != "-" and not path.exists() and path.name == name and path.suffix.lower() not in LOGS:
        path = tape_named(name)
    if name == "-" or not path.is_dir():
        return [name]
    if (path / EVENTS_FILE).exists():
        return [str(path / EVENTS_FILE)]
    inside = sorted(path.iterdir())
    tapes = [str(one / EVENTS_FILE) for one in inside if (one / EVENTS_FILE).is_file()]
    logs = [str(one) for one in inside if one.is_file() and one.suffix.lower() in LOGS]
    if not tapes and not logs:
        raise TapeError(
            f"there is neither a tape nor a log in {clean(name)}",
            hint="give a log or a tape; list your tapes: voicechat history",
        )
    return tapes + logs


def _report_of(name: str, least: float) -> Report:
    if name == "-":
        pasted = _pasted()
        report = diagnose(io.BytesIO(pasted), "standard input", least=least, told=_teller("standard input"))
        return with_quotes(report, io.BytesIO(pasted))
    return report_of(name, least, told=_teller(name), note=say)


def _pasted() -> bytes:
    if sys.stdin.isatty():
        ends = "Ctrl+Z and Enter" if os.name == "nt" else "Ctrl+D"
        print(f"Paste the log, and end with {ends} on a line of its own.", file=sys.stderr, flush=True)
    return sys.stdin.buffer.read()


def _teller(name: str) -> Callable[[int], None]:
    """Says on stderr how far the reading is, once it takes a while."""
    tell = progress(QUIET)
    return lambda events: tell(f"{clean(name)}: {events:,} events so far")


def _has_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

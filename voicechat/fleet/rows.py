"""One tape or foreign log as rows of the fleet's tables. Needs neither pyarrow nor duckdb, so a worker stays small.

The findings are those of `voicechat diagnose`, by the same function; turns, tools, errors and usage are taken from the
records it reads anyway. Times are seconds since the first event of the file; None where the log tells none.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

from voicechat.errors import TapeError
from voicechat.insight.metrics.calls import ToolCall, ToolCalls
from voicechat.insight.metrics.ledger import Ledger, Source
from voicechat.insight.metrics.prices import Cost, Usage
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.insight.readers.log import Reading
from voicechat.insight.records import Record, part, record_of, text
from voicechat.insight.refusals import failure_of
from voicechat.insight.report import MOST_STREAMS, Report, as_plain, times_of
from voicechat.insight.run import RUNS
from voicechat.insight.session_model import SessionModel
from voicechat.journal.redact import without_keys
from voicechat.journal.reports import report_of
from voicechat.journal.tape import AUDIO_FILE, EVENTS_FILE, read_lines
from voicechat.protocol.live import EVENTS, LiveSession

TABLES = {
    "sessions":
        "stamp text, error text, kind text, encoding text, client text, app text, started_at text, provider text, "
        "model text, verdict text, healthy boolean, times text, seconds double, bytes bigint, lines bigint, "
        "events bigint, unread_lines bigint, streams bigint, turns bigint, findings bigint, tools bigint, "
        "errors bigint, cost_usd double, notes text",
    "turns":
        "place bigint, session text, turn bigint, began_at double, spoken double, wait double, end_of_speech double, "
        "answer_created double, first_words double, sound_after_words double, transcript_in double, cut_by text, "
        "silent_in double, heard double, unheard_tokens bigint, approval_wait double, status text, response text, "
        "input_tokens bigint, cached_tokens bigint, output_tokens bigint, cost_usd double, cost_is_estimate boolean",
    "findings":
        "place bigint, session text, code text, severity text, follows text, confidence double, resolved boolean, "
        "title text, line bigint, t double, evidence bigint, json text",
    "tools":
        "place bigint, session text, turn bigint, t double, call_id text, name text, arguments_bytes bigint, "
        "output_bytes bigint, seconds double, outcome text",
    "errors":
        "place bigint, session text, turn bigint, line bigint, t double, event text, type text, code text, "
        "param text, message text",
    "usage":
        "place bigint, session text, turn bigint, t double, source text, response text, model text, "
        "input_text bigint, input_audio bigint, input_image bigint, cached_text bigint, cached_audio bigint, "
        "output_text bigint, output_audio bigint, seconds double, cost_usd double, is_estimate boolean",
}  # fmt: skip
"""Columns and their types in SQL, behind `file text`. `findings.json` is the finding as `diagnose --json` has it; what
follows from another cause has its code in `follows` and is told inside of that one's JSON. No table holds a word of the
talk but in evidence."""


def columns_of(table: str) -> list[str]:
    """Names, without `file`."""
    return [column.split()[0] for column in TABLES[table].split(", ")]


Rows = dict[str, list[list[Any]]]
"""Table -> rows, without `file`."""
MOST_TURNS = 100_000
"""Of one session that are kept, the newest."""
MOST_ROWS = 100_000
_FAILURES = ("error", "line.failed", "client.failed", "conversation.item.input_audio_transcription.failed")
_LIVE_USAGE = ("session.started", "session.usage.updated", "session.closed")
_NO_SESSION = SessionModel()


def stamp_of(path: str) -> tuple[str, int]:
    """What changes when a tape or log does (size and time of its events and its sound), and its bytes on disk."""
    files = [path] + ([str(Path(path).with_name(AUDIO_FILE))] if Path(path).name == EVENTS_FILE else [])
    marks, size = [], 0
    for file in files:
        try:
            found = os.stat(file)
        except OSError:
            continue
        marks.append(f"{found.st_size}:{found.st_mtime_ns}")
        size += found.st_size
    return " ".join(marks), size


def rows_of(path: str) -> Rows:
    """Everything that the tables have of one file; one that cannot be read is a row of `sessions` with its reason."""
    stamp, size = stamp_of(path)  # before it is read: what is written meanwhile is seen the next time
    watch, notes = _Watch(), list[str]()
    try:
        report = report_of(path, also=watch.take, note=notes.append)
        rows = watch.rows(report)
        session = _session(path, report, watch, rows)
    except TapeError as error:
        return unread(stamp, size, error.message)
    except Exception as error:  # the edge of a file: a defect met in one of a million must not cost the others
        return unread(stamp, size, f"could not be judged ({type(error).__name__}: {error}); a defect, please report it")
    session |= {"stamp": stamp, "bytes": size, "notes": "; ".join(notes) or None}
    return rows | {"sessions": [[_plain(session.get(name)) for name in columns_of("sessions")]]}


def unread(stamp: str, size: int, reason: str) -> Rows:
    """The rows of a file that cannot be read."""
    told = {"stamp": stamp, "bytes": size, "error": reason}
    return {name: [] for name in TABLES} | {"sessions": [[_plain(told.get(name)) for name in columns_of("sessions")]]}


def _session(path: str, report: Report, watch: _Watch, rows: Rows) -> dict[str, Any]:
    head = next(read_lines(Path(path)), (0, {}))[1] if report.reading.kind == "tape" else {}
    wishes = part(part(head, "start"), "wishes")
    reading, costs = report.reading, [row[-2] for row in rows["usage"] if row[-2] is not None]
    return {
        "kind": reading.kind, "encoding": reading.encoding, "client": reading.client.words or None,
        "app": text(head, "app") or None, "started_at": text(head, "started_at") or None,
        "provider": text(wishes, "provider") or None, "model": watch.model or text(wishes, "model") or None,
        "verdict": report.verdict, "healthy": report.is_healthy, "times": times_of(reading),
        "seconds": watch.last if reading.has_times else None, "lines": reading.lines, "events": reading.events,
        "unread_lines": reading.unread, "streams": max(1, len(watch.ledgers)), "turns": len(rows["turns"]),
        "findings": len(report.causes), "tools": len(rows["tools"]), "errors": len(rows["errors"]),
        "cost_usd": sum(costs) if costs else None,
    }  # fmt: skip


class _Watch:
    """Takes what the tables want from the records of one file."""

    def __init__(self) -> None:
        self.ledgers: dict[str, Ledger] = {}
        self.last: float | None = None
        self.model = ""
        self._live: dict[str, LiveSession] = {}
        self._first: dict[str, object] = {}
        self._calls: defaultdict[str, ToolCalls] = defaultdict(ToolCalls)
        self._errors: list[list[Any]] = []
        self._usage: list[list[Any]] = []
        self._record = record_of(0, None, "local", {})
        """The one that is looked at."""

    def take(self, record: Record, reading: Reading, *, is_made: bool = False) -> None:
        """One record, behind the checks; `is_made`: of what a GPT-Live session said."""
        kind = record.type
        if record.t is not None:
            self.last = record.t
        if kind == "session.started" and len(self._live) < MOST_STREAMS:
            self._live[record.stream] = LiveSession()
        if self._live and not is_made and (live := self._live.get(record.stream)) is not None:
            self._take_live(live, record, reading)
            if kind in EVENTS and record.dir == "in" and kind not in _LIVE_USAGE:
                return
        if kind in RUNS:
            response = record.event.get("response_id")
            if self._first.get(kind, self) == response:
                return
            self._first[kind] = response
        elif kind == "input_audio_buffer.append":
            return
        stream = record.stream if record.stream in self.ledgers or len(self.ledgers) < MOST_STREAMS else ""
        if (ledger := self.ledgers.get(stream)) is None:
            ledger = self.ledgers[stream] = Ledger(keep=MOST_TURNS, used=partial(self._use, stream))
        self._record = record
        at = reading.began + (record.t if record.t is not None else self.last or 0.0)
        ledger.feed(at, record.dir, record.event)
        self.model = self.model or ledger.model
        if kind in RUNS:
            return
        self._calls[stream].feed(record.t, record.dir, record.event, self._turn_of(stream))
        is_failed = kind == "response.done" and part(record.event, "response").get("status") == "failed"
        if (is_failed or kind in _FAILURES) and len(self._errors) < MOST_ROWS:
            self._errors.append([stream or None, self._turn_of(stream), *_error(record, reading)])

    def _turn_of(self, stream: str) -> int | None:
        turns = self.ledgers[stream].turns
        return turns[-1].number if turns else None

    def _take_live(self, live: LiveSession, record: Record, reading: Reading) -> None:
        """GPT-Live has no turns: what the service says is taken as the turns that the screen makes of it."""
        now = self.last or 0.0
        told = live.received(record.event, now) if record.dir == "in" else ()
        for event in (*live.passed(now), *told):
            self.take(record_of(record.seq, record.t, "in", event, record.stream), reading, is_made=True)

    def _use(self, stream: str, source: Source, usage: Usage, model: str, cost: Cost | None) -> None:
        if len(self._usage) >= MOST_ROWS:
            return
        got, cached, made = usage.input, usage.cached, usage.output
        response = text(part(self._record.event, "response"), "id") or None
        turn = None if source == "session" else self._turn_of(stream)
        self._usage.append(
            [stream or None, turn, self._record.t, source, response, model or None, got.text,
             got.audio, got.image, cached.text, cached.audio, made.text, made.audio, usage.seconds or None,
             None if cost is None else cost.usd, usage.is_estimate if cost is None else cost.is_estimate]
        )  # fmt: skip

    def rows(self, report: Report) -> Rows:
        """All tables but `sessions`."""
        streams, read = self.ledgers.items(), report.reading
        rows: Rows = {
            "turns": [[stream or None, *_turn(one, of, read)] for stream, of in streams for one in of.turns],
            "findings": _findings(report),
            "tools": [[stream or None, *_tool(one)] for stream, of in self._calls.items() for one in of.by_id.values()],
            "errors": self._errors,
            "usage": self._usage,
        }
        return {name: [[place, *map(_plain, row)] for place, row in enumerate(table)] for name, table in rows.items()}


def _tool(call: ToolCall) -> list[Any]:
    seconds = None if call.began is None or call.ended is None else max(0.0, call.ended - call.began)
    output = None if call.outcome == "unanswered" else _size(call.output)
    outcome = f"{call.outcome}: {without_keys(call.why)}" if call.why else call.outcome
    return [call.turn, call.began, call.id, call.name, _size(call.arguments), output, seconds, outcome]


def _error(record: Record, reading: Reading) -> list[Any]:
    failure = failure_of(record, _NO_SESSION)
    code = failure.code or (str(failure.status) if failure.status is not None else "")
    told = (failure.kind, code, failure.param, without_keys(failure.message))
    return [reading.line_of(record.seq), record.t, record.type, *(one or None for one in told)]


def _turn(turn: TurnNumbers, ledger: Ledger, reading: Reading) -> list[Any]:
    cost, usage = ledger.cost_of_turn(turn), turn.usage
    began_at = None if turn.began_at is None else turn.began_at - reading.began
    times = [began_at, turn.spoken, turn.total, *turn.steps(), turn.transcript_in, turn.silent_in, turn.heard]
    if not reading.has_times:  # seconds that were read from ids are good enough for an order, and for no wait
        times = [None] * len(times)
    tokens = (None,) * 3 if usage is None else (usage.input.total, usage.cached.total, usage.output.total)
    money = (None, None) if cost is None else (cost.usd, cost.is_estimate)
    return [
        turn.number, *times[:-2], turn.cut_by or None, *times[-2:], turn.unheard_tokens, turn.approval_wait,
        turn.status or None, turn.response or None, *tokens, *money,
    ]  # fmt: skip


def _findings(report: Report) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for cause in as_plain(report)["findings"]:
        said = json.dumps(cause, ensure_ascii=False)
        for follows, one, told in ((None, cause, said), *((cause["code"], one, None) for one in cause["consequences"])):
            mark = one["evidence"][0] if one["evidence"] else {"line": None, "t": None}
            rows.append(
                [cause.get("session"), one["code"], one["severity"], follows, one["confidence"],
                 one["resolved"], one["title"], mark["line"], mark["t"], len(one["evidence"]), told]
            )  # fmt: skip
    return rows


def _size(said: object) -> int:
    return len(said.encode("utf-8", "surrogatepass")) if isinstance(said, str) else 0


def _plain(cell: Any) -> Any:
    """Seconds and dollars to nine places; half a character, which JSON may name, is a question mark in a table."""
    if isinstance(cell, float):
        return round(cell, 9)
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) and not cell.isascii() else cell

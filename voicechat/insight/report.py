"""What a diagnosis of a log says, as data: causes with what follows from them, and how the log was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, BinaryIO, Literal

from voicechat.insight.consequences import Cause, by_cause
from voicechat.insight.cures import Snippets, cure_of
from voicechat.insight.explain.lookup import PROBLEMS
from voicechat.insight.facts import OF_LIVE
from voicechat.insight.readers.log import Reading, read_log
from voicechat.insight.records import Evidence, Finding, Record, found
from voicechat.insight.refusals import HARMLESS, problem_of
from voicechat.insight.run import Diagnosis, WhatIf
from voicechat.insight.two_tracks import Story, TurnTaking, disagreements, sound_findings
from voicechat.journal.redact import without_keys
from voicechat.protocol.dialects import GA_NAMES, DialectName, detect_dialect

ORDER = {"error": 0, "warning": 1, "info": 2}
AS_COMPLAINED = {
    "itself": "self-echo",
    "format": "audio-format-mismatch",
    "tool": "tool-output-unanswered",
    "noise": "barge-in-too-eager",
    "cut": "segments-too-short",
    "no-transcript": "transcription-off",
}
"""What people are sorry about -> the likely cause where nothing else shows one; the first that is met."""
PASSED = {"no-response", "tool-output-unanswered", "transcription-late", "mic-never-reopened"}
"""What is over was only late."""
TOLD = 0.55
"""How sure a finding is that rests on somebody's words alone."""
MOST_STREAMS = 64
"""Sessions of one log that are told apart; what comes after is read as one."""
TOLD_EVERY = 8192
"""Records between two words about how far it is."""
MOST_UNEXPLAINED = 20
LONGEST_QUOTE = 2_000
"""Bytes of a line that is quoted."""


Verdict = Literal["found", "not understood", "nothing read", "too little", "healthy"]
"""found: there are causes. not understood: errors without a name. too little: no turn was seen to work or to fail."""


@dataclass(frozen=True, slots=True)
class Report:
    """One log: how it was read, and what was found in it, the worst first."""

    name: str
    reading: Reading
    causes: tuple[Cause, ...]
    sessions: dict[str, str]
    """`Finding.id` -> the session it was found in, where a log holds several."""
    unexplained: tuple[Evidence, ...] = ()
    """Errors of the service that no check has a name for."""
    speaks_beta: bool = False
    has_worked: bool = False
    """A turn was seen to work: an answer came to its end, or words of the user were written down."""
    what_if: WhatIf | None = None
    """What other turn detection would have done with the speech of this log."""
    quotes: Mapping[int, str] = field(default_factory=dict)
    """Lines of the log that findings rest on, by number, as far as somebody fetched them."""
    sound: TurnTaking | None = None
    """What the two tracks of a tape or of a recording tell."""

    @property
    def verdict(self) -> Verdict:
        """Healthy is said only where turns were seen to work and no error was left over."""
        if self.causes:
            return "found"
        if self.unexplained or self.reading.doubts:
            return "not understood"
        if self.reading.events == 0 and (self.sound is None or not self.sound.assistant):
            return "nothing read"
        return "healthy" if self.has_worked else "too little"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The causes alone."""
        return tuple(cause.finding for cause in self.causes)

    @property
    def is_healthy(self) -> bool:
        """Nothing is wrong with it, and turns were seen to work."""
        return self.verdict == "healthy"

    def cure(self, finding: Finding) -> Snippets | None:
        """The change in code, where the log is another client's."""
        is_live = any(name in OF_LIVE for name in self.reading.types)
        return None if self.reading.kind == "tape" or is_live else cure_of(finding.code, beta=self.speaks_beta)


def with_quotes(report: Report, stream: Iterable[bytes]) -> Report:
    """The lines that findings rest on, read once more; of a tape or a whole document they say nothing to a reader."""
    reading = report.reading
    if reading.kind in ("tape", "JSON document", "sound") or reading.encoding.startswith("utf-16"):
        return report
    wanted = {reading.line_of(mark.seq) for cause in report.causes for mark in cause.finding.evidence}
    quotes = {}
    for number, raw in enumerate(stream, 1):
        if number in wanted:
            said = " ".join(raw[:LONGEST_QUOTE].decode(reading.encoding, "replace").split())
            quotes[number] = without_keys(said)
    return replace(report, quotes=quotes)


def with_sound(report: Report, told: TurnTaking, least: float = 0.0, story: Story | None = None) -> Report:
    """The same log, and what its two tracks show; `story`: what its events tell of them."""
    known = {"no-response", "slow-first-sound"} if report.reading.events else set()  # events know better what was due
    findings = sound_findings(told) + (disagreements(told, story) if story is not None else [])
    causes = tuple(Cause(one) for one in findings if one.code not in known and one.confidence >= least)
    has_worked = report.has_worked or bool(told.of("wait", "yield"))
    return replace(report, causes=(*report.causes, *causes), has_worked=has_worked, sound=told)


def of_sound(name: str, told: TurnTaking, least: float = 0.0) -> Report:
    """A recording without any log."""
    return with_sound(Report(name, Reading(kind="sound"), (), {}), told, least)


class _Sessions:
    """A diagnosis for each session of a log."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.of: dict[str, Diagnosis] = {}
        self.unexplained: list[Evidence] = []
        self.speaks_beta = False

    def feed(self, record: Record) -> None:
        diagnosis = self.of.get(record.stream) or self._begin(record.stream)
        diagnosis.feed(record)
        if not self.speaks_beta and (kind := record.event.get("type")) != record.type:
            self.speaks_beta = isinstance(kind, str) and kind in GA_NAMES
        if record.type == "error" and len(self.unexplained) < MOST_UNEXPLAINED:
            failure = diagnosis.model.failure
            if failure is not None and not problem_of(failure, diagnosis.model) and failure.code not in HARMLESS:
                said = without_keys(f"{failure.code or failure.kind} {failure.message}".strip())
                self.unexplained.append(record.mark(said[:200]))

    def _begin(self, stream: str) -> Diagnosis:
        known = stream if len(self.of) < MOST_STREAMS else ""
        return self.of.setdefault(known, Diagnosis(is_ours=self._reading.kind == "tape"))

    def finish(self) -> None:
        for diagnosis in self.of.values():
            diagnosis.finish(self._reading.ended_at)
            self.speaks_beta = self.speaks_beta or _spoken(diagnosis) == "beta"


def _spoken(diagnosis: Diagnosis) -> DialectName | None:
    """The dialect of the service; where it is not in the log, the client's."""
    configured = diagnosis.model.configured
    sent = configured.last_sent.event.get("session") if configured.last_sent is not None else None
    return configured.dialect or (detect_dialect(sent) if isinstance(sent, Mapping) else None)


def diagnose(
    stream: BinaryIO,
    name: str,
    *,
    least: float = 0.0,
    told: Callable[[int], None] = lambda events: None,
    also: Callable[[Record, Reading], None] | None = None,
) -> Report:
    """Read a log to its end and ask every check. `least`: the confidence a finding must have; `told`: events so far.

    `also` sees each record behind the checks, so that what else is wanted of a log needs no second reading.
    """
    reading = Reading()
    sessions = _Sessions(reading)
    for record in read_log(stream, reading):
        sessions.feed(record)
        if also is not None:
            also(record, reading)
        if record.seq % TOLD_EVERY == 0:
            told(record.seq)
    sessions.finish()
    causes: list[Cause] = []
    named: dict[str, str] = {}
    for session, diagnosis in sessions.of.items():
        told_now = [one for one in diagnosis.findings if not (one.resolved and one.code in PASSED)]
        found = sorted((one for one in told_now if one.confidence >= least), key=_order)
        causes += by_cause(found)
        if len(sessions.of) > 1:
            named |= {one.id: session for one in found}
    causes.sort(key=lambda cause: _order(cause.finding))
    unexplained = tuple(sessions.unexplained)
    if not (causes or unexplained or reading.doubts):
        causes += (Cause(one) for diagnosis in sessions.of.values() for one in _complained(diagnosis) if least < TOLD)
    models = [diagnosis.model for diagnosis in sessions.of.values()]
    has_worked = any(one.has_worked and not one.is_unfinished for one in models)
    told_if = next(filter(None, (diagnosis.what_if for diagnosis in sessions.of.values())), None)
    return Report(name, reading, tuple(causes), named, unexplained, sessions.speaks_beta, has_worked, what_if=told_if)


def _complained(diagnosis: Diagnosis) -> Iterable[Finding]:
    """What the writer of a log says of it, as a guess."""
    known = diagnosis.model.complaints
    about = next((about for about in AS_COMPLAINED if about in known), "")
    if about:
        code, told = AS_COMPLAINED[about], known[about]
        meaning, cure = PROBLEMS[code]
        title = f"{meaning.rstrip('.')}: so says whoever pasted this, and no event shows it."
        rests_on = "what somebody wrote beside the log"
        cause = told.ref.removeprefix("complaint ")
        yield found(
            code, "warning", title, cause=cause, cure=cure, evidence=(told,), rests_on=rests_on, confidence=TOLD
        )


def _order(finding: Finding) -> tuple[int, int]:
    """The worst first."""
    return ORDER[finding.severity], finding.evidence[0].seq


def as_plain(report: Report) -> dict[str, Any]:
    """The contract of `diagnose --json`."""
    reading = report.reading
    sound = {} if report.sound is None else {"sound": _sound(report.sound)}
    return sound | {
        "findings": [_cause(one, report) for one in report.causes],
        "healthy": report.is_healthy,
        "verdict": report.verdict,
        "what_if": None if report.what_if is None else asdict(report.what_if) | {"says": report.what_if.sentence},
        "read": {
            "file": report.name,
            "kind": reading.kind,
            "encoding": reading.encoding,
            "lines": reading.lines,
            "events": reading.events,
            "unread_lines": reading.unread,
            "times": times_of(reading),
            "client": asdict(reading.client),
            "types": dict(sorted(reading.types.items())),
            "unexplained_errors": [_mark(mark, reading) for mark in report.unexplained]
            + [{"line": line, "t": None, "ref": said} for line, said in reading.doubts],
        },
    }


def _sound(told: TurnTaking) -> dict[str, Any]:
    """Seconds of the recording."""
    return {
        "seconds": round(told.seconds, 2),
        "user_phrases": len(told.user),
        "assistant_phrases": len(told.assistant),
        "echoes": len(told.echoes),
        "moments": [
            {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(one).items()}
            for one in told.moments
        ],
    }


def _cause(cause: Cause, report: Report) -> dict[str, Any]:
    plain = _finding(cause.finding, report.reading)
    for mark in plain["evidence"]:
        mark |= {"quote": report.quotes[mark["line"]]} if mark["line"] in report.quotes else {}
    if (snippets := report.cure(cause.finding)) is not None:
        plain |= {"cure_js": snippets.js, "cure_python": snippets.python}
    if (session := report.sessions.get(cause.finding.id)) is not None:
        plain["session"] = session
    plain["consequences"] = [_finding(one, report.reading) for one in cause.consequences]
    return plain


def _finding(finding: Finding, reading: Reading) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "title": finding.title,
        "cause": finding.cause,
        "cure": finding.cure,
        "evidence": [_mark(mark, reading) for mark in finding.evidence],
        "rests_on": finding.rests_on,
        "confidence": finding.confidence,
        "resolved": finding.resolved,
    }


def _mark(mark: Evidence, reading: Reading) -> dict[str, Any]:
    return {"line": reading.line_of(mark.seq), "t": mark.t, "ref": mark.ref}


def times_of(reading: Reading) -> str:
    """Where the times of the evidence come from."""
    if reading.has_times:
        return "from the log"
    return "from the ids, in whole seconds" if reading.times_from_ids else "none"

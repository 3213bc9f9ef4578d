"""Plays a script: each step at its time, against a talk that is told what to do and watched.

The player owns no connection and no clock. `pump` takes what the engine says for at most so many seconds, and raises
`TalkOver` when the talk cannot go on.

What came of a script: one result for every act, wait and expectation, as JSON and as JUnit XML.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from voicechat.core.user_events import SpeechGiven, TalkPressed, TalkReleased, UserAct
from voicechat.journal.entry import Entry, summary_of
from voicechat.scripting.judging import TalkObserver, Verdict, expectation_text, judge
from voicechat.scripting.model import (
    DEFAULT_LIMIT,
    Do,
    EventPattern,
    Expectation,
    Hold,
    Say,
    Script,
    Silence,
    Sound,
    Step,
    Wait,
)

Outcome = Literal["held", "failed", "skipped"]
EVIDENCE = 14
"""Events shown with a failure."""
NOISE = (".delta", "ping", "line.step")
"""Ends of event names that come by the hundred and prove nothing."""
LONGEST_LINE = 200
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was done, waited for or expected."""

    step: int
    label: str
    what: str
    outcome: Outcome
    line: int = 0
    at: float = 0.0
    """Session time of its end."""
    seconds: float = 0.0
    found: str = ""
    """What was measured, or found instead."""
    is_soft: bool = False
    evidence: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        name = f"step {self.step}" + (f" ({self.label})" if self.label else "")
        return f"{name}: {self.what}"


@dataclass
class Results:
    """Everything that came of one run; `stopped` says why it ended early, for any reason but a failed expectation."""

    script: Script
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    tape: str = ""

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.outcome == "failed")

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome == outcome for result in self.results)


def evidence_of(events: Iterable[Entry], now: float) -> tuple[str, ...]:
    """The last events before a failure, one line each."""
    rows = [row for row in events if row.t <= now and not row.type.endswith(NOISE)]
    arrows = {"in": "<-", "out": "->", "local": "--"}
    lines = (f"{row.t:9.3f} {arrows[row.dir]} {row.type} {summary_of(row)}".rstrip() for row in rows[-EVIDENCE:])
    return tuple(line[:LONGEST_LINE] for line in lines)


def as_json(results: Results, code: int, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The whole run as one object. Names stay, new ones may come."""
    return {
        "script": str(results.script.path),
        "name": results.script.name,
        "held": code == 0,
        "exit_code": code,
        "seconds": round(results.seconds, 3),
        "counts": {name: results.count(name) for name in ("held", "failed", "skipped")},
        "results": [_result(result) for result in results.results],
        "stopped": results.stopped,
        "tape": results.tape,
        "summary": dict(summary),
    }


def _result(result: Result) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "step": result.step,
        "label": result.label,
        "line": result.line,
        "what": result.what,
        "outcome": result.outcome,
        "at_s": round(result.at, 3),
        "seconds": round(result.seconds, 3),
        "found": result.found,
    }
    if result.is_soft:
        plain["soft"] = True
    if result.evidence:
        plain["evidence"] = list(result.evidence)
    return plain


def as_junit(results: Results) -> str:
    """JUnit XML: a suite for the script, a case for every result; what ended the talk early is an error."""
    counts = {name: results.count(name) for name in ("held", "failed", "skipped")}
    is_error = bool(results.stopped)
    numbers = {
        "tests": str(len(results.results) + is_error),
        "failures": str(counts["failed"]),
        "errors": str(int(is_error)),
        "skipped": str(counts["skipped"]),
        "time": f"{results.seconds:.3f}",
    }
    top = ET.Element("testsuites", {"name": "voicechat", **numbers})
    suite = ET.SubElement(top, "testsuite", {"name": _xml(results.script.name), **numbers})
    for result in results.results:
        case = _case(suite, results.script, result.title, result.seconds)
        case.set("line", str(result.line))
        if result.outcome == "failed":
            failure = ET.SubElement(case, "failure", {"message": _xml(result.found), "type": "expectation"})
            failure.text = _xml("\n".join((result.found, "", *result.evidence)))
        elif result.outcome == "skipped":
            ET.SubElement(case, "skipped", {"message": "the script ended before it"})
    if is_error:
        case = _case(suite, results.script, "the talk", results.seconds)
        ET.SubElement(case, "error", {"message": _xml(results.stopped), "type": "talk"})
    if results.tape:
        ET.SubElement(suite, "system-out").text = _xml(f"tape: {results.tape}")
    ET.indent(top)
    return ET.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, script: Script, name: str, seconds: float) -> ET.Element:
    about = {"classname": _xml(script.name), "name": _xml(name), "file": _xml(str(script.path))}
    return ET.SubElement(suite, "testcase", {**about, "time": f"{seconds:.3f}"})


def _xml(text: str) -> str:
    """XML knows no control characters, not even escaped."""
    return _NOT_XML.sub("�", text)


PUMP = 0.02
"""Seconds between looks at whether something has come."""
SPEAKS_WITHIN = 5.0
"""Seconds within which a given sound must be heard."""
NEGATIVE = ("no_events", "no_findings", "not_contains", "not_matches")
SETTLING = 0.6
"""Seconds that findings and late events get before nothing is taken for none: the checks look twice a second."""


class _Failed(Exception):
    """A step did not work; the rest is not played."""


@dataclass(frozen=True)
class TalkControls:
    """What a player can do."""

    send: Callable[[UserAct], None]
    pump: Callable[[float], None]
    """Take what comes for at most so many seconds. Raises TalkOver."""
    clock: Callable[[], float]
    tell: Callable[[Result], None]
    """Called with each result as it is there."""


class Player:
    """Plays the steps in order. A turn of yours begins with what you say, type, press or send."""

    def __init__(self, script: Script, clips: Mapping[Sound, Path], seen: TalkObserver, controls: TalkControls) -> None:
        self.results = Results(script)
        self._script = script
        self._clips = clips
        self._seen = seen
        self._controls = controls
        self._turn_began = 0.0
        self._key_is_down = False
        self._said = 0
        self._noted = 0
        """Results of the step that is being played."""
        self._began: dict[str, float] = {}
        """Session time at which labelled steps began."""

    def play(self) -> Results:
        """Play everything; what follows a hard failure is skipped.

        Raises TalkOver; `results` then hold what came so far, and the rest as skipped.
        """
        steps = list(self._script.steps)
        try:
            while steps:
                self._noted = 0
                self._play(steps[0])
                del steps[0]
        except _Failed:
            pass
        finally:
            for step in steps:
                self._pass_over(step)
                self._noted = 0
        return self.results

    def skip_all(self) -> None:
        """The talk was over before the first step."""
        for step in self._script.steps:
            self._pass_over(step)

    def _play(self, step: Step) -> None:
        begun = self._controls.clock()
        if step.label:
            self._began[step.label] = self._now()
        problem = found = ""
        try:
            if step.act is not None:
                self._act(step)
            if step.wait is not None:
                found = self._wait(step.wait)
        except _Failed as error:
            problem = str(error)
        if step.act is not None or step.wait is not None:
            self._note(step, what_of(step), "failed" if problem else "held", begun, problem or found)
        if problem:
            raise _Failed(problem)
        for expected in step.expectations:
            if not self._expect(step, expected) and not expected.is_soft:
                raise _Failed

    # Acts

    def _act(self, step: Step) -> None:
        at = self._moment(step)
        match step.act:
            case Say():
                self._say(step.act, at)
                return
            case Hold(seconds=seconds):
                self._until(at)
                self._press()
                self._pass(seconds)
                self._release()
            case Silence(seconds=seconds):
                self._until(at)
                self._pass(seconds)
            case Do(acts=acts, begins_turn=begins_turn):
                self._until(at)
                if begins_turn:
                    self._turn_began = self._now()
                for act in acts:
                    self._key_is_down = isinstance(act, TalkPressed) or (
                        self._key_is_down and not isinstance(act, TalkReleased)
                    )
                    self._controls.send(act)

    def _moment(self, step: Step) -> float | None:
        """Session time at which the act is due; None: at once."""
        if step.when is None:
            return None
        found = self._find(step.when.after, DEFAULT_LIMIT, again=True)
        if found is None:
            raise _Failed(f"there was no {step.when.after.type} to count from within {DEFAULT_LIMIT:g} s")
        return found + step.when.seconds

    def _say(self, say: Say, at: float | None) -> None:
        self._said += 1
        label = f"said-{self._said}"
        if say.holds_key:
            self._until(at)
            self._press()
            self._find(EventPattern("talk.pressed"), SPEAKS_WITHIN)
            at = None
        asked = self._now()
        self._controls.send(SpeechGiven(str(self._clips[say.sound]), label, at))
        due = max(0.0, 0.0 if at is None else at - asked)
        began = self._find(EventPattern("script.began", {"label": label}), due + SPEAKS_WITHIN, since=asked)
        if began is None:
            raise _Failed("the scripted microphone did not speak")
        if not self._key_is_down:
            self._turn_began = began
        if say.in_background:
            return
        if self._find(EventPattern("script.ended", {"label": label}), 600.0, since=asked) is None:
            raise _Failed("the scripted microphone did not come to an end")
        if say.holds_key:
            self._release()

    def _press(self) -> None:
        self._turn_began = self._now()
        self._key_is_down = True
        self._controls.send(TalkPressed("control"))

    def _release(self) -> None:
        self._key_is_down = False
        self._controls.send(TalkReleased("control"))

    def _until(self, at: float | None) -> None:
        if at is not None:
            self._pass(at - self._now())

    def _pass(self, seconds: float) -> None:
        end = self._controls.clock() + seconds
        while (left := end - self._controls.clock()) > 0:
            self._controls.pump(min(PUMP, left))

    # Waits

    def _wait(self, wait: Wait) -> str:
        found = self._find(wait.wanted, wait.limit, again=False)
        if found is None:
            raise _Failed(f"{in_words(wait.wanted)} did not come within {wait.limit:g} s")
        return f"at {found:.3f} s"

    def _find(
        self, wanted: EventPattern, limit: float, *, again: bool = False, since: float | None = None
    ) -> float | None:
        """The time of an event since this turn began, waited for; None: it did not come."""
        end = self._controls.clock() + limit
        while True:
            row = self._seen.find(wanted, self._turn_began if since is None else since, again=again)
            if row is not None:
                if not again:
                    self._seen.use_up(row)
                return row.t
            left = end - self._controls.clock()
            if left <= 0:
                return None
            self._controls.pump(min(PUMP, left))

    # Expectations

    def _expect(self, step: Step, expected: Expectation) -> bool:
        begun = self._controls.clock()
        since = self._since(expected)
        patience = expected.within
        if expected.criterion in NEGATIVE:
            self._pass(min(SETTLING, patience))
        verdict = judge(expected, self._seen, since)
        while verdict.state == "open" and self._controls.clock() - begun < patience:
            self._controls.pump(PUMP)
            verdict = judge(expected, self._seen, since)
        is_held = verdict.state == "held"
        self._note(
            step,
            expectation_text(expected),
            "held" if is_held else "failed",
            begun,
            found_of(verdict, expected),
            expected,
        )
        return is_held

    def _since(self, expected: Expectation) -> float:
        if expected.since == "talk":
            return 0.0
        return self._began[expected.since] if expected.since else self._turn_began

    # Results

    def _now(self) -> float:
        return self._seen.session_time(self._controls.clock())

    def _note(
        self, step: Step, what: str, outcome: Outcome, begun: float, found: str, expected: Expectation | None = None
    ) -> None:
        at = self._now()
        evidence = evidence_of(self._seen.events, at) if outcome == "failed" else ()
        is_soft = expected is not None and expected.is_soft
        seconds = self._controls.clock() - begun
        result = Result(step.number, step.label, what, outcome, step.line, at, seconds, found, is_soft, evidence)
        self._noted += 1
        self.results.results.append(result)
        self._controls.tell(result)

    def _pass_over(self, step: Step) -> None:
        """What a step would have brought and did not."""
        own = [what_of(step)] if step.act is not None or step.wait is not None else []
        for what in [*own, *map(expectation_text, step.expectations)][self._noted :]:
            self.results.results.append(Result(step.number, step.label, what, "skipped", step.line))


def what_of(step: Step) -> str:
    """A step's act and wait in a few words."""
    parts = [step.told] if step.act is not None else []
    if step.when is not None:
        parts.append(f"{step.when.seconds:g} s after {in_words(step.when.after)}")
    if step.wait is not None:
        parts.append(f"wait for {in_words(step.wait.wanted)}")
    return ", ".join(parts)


def in_words(wanted: EventPattern) -> str:
    """The event, with what it must hold."""
    where = ", ".join(f"{path} = {value}" for path, value in wanted.where.items())
    return f"{wanted.type} ({where})" if where else wanted.type


def found_of(verdict: Verdict, expected: Expectation) -> str:
    """What was found, and for how long it was waited where nothing came."""
    waited = f" (within {expected.within:g} s)" if verdict.state == "open" else ""
    return f"{verdict.text}{waited}"

"""Whether an expectation holds, by what was seen so far. Pure; what cannot be said yet is asked again.

How well words were understood: the share of words to change, leave out or put in.

What a script has seen of its talk so far: events, words, findings and figures, as the engine told them.

Times are session time in seconds, unless they are `arrived`, which is the reader's own clock.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from voicechat.core.view import TurnView, View
from voicechat.engine.link import Batch, FromEngine, Numbers, Snapshot, Turns
from voicechat.insight import records
from voicechat.insight.metrics.turns import TurnNumbers
from voicechat.insight.records import Finding
from voicechat.insight.two_tracks import TurnTaking
from voicechat.journal.entry import Entry, refs_of, summary_of
from voicechat.local_server.brain.numbers import with_digits
from voicechat.scripting.model import (
    ANSWER_AUDIBLE,
    ANSWER_ENDED,
    Criterion,
    EventPattern,
    Expectation,
    SoundExpectation,
)

MOST_EVENTS = 50_000
"""Kept of a talk; the oldest go first."""
UNDER_WAY = ("waiting", "thinking", "speaking", "finishing")
"""Reply states in which an answer is still on its way to the listener."""
FIRST_WORDS = frozenset(
    {
        "response.output_text.delta",
        "response.text.delta",
    }
)
SPOKEN_WORDS = frozenset({"response.output_audio_transcript.delta", "response.audio_transcript.delta"})
AT_LAST = ("failed", "incomplete")
OUT_OF_ORDER = 1.0
"""Seconds by which an event may be told late."""
EARLY = 0.5
"""Seconds by which the sound of an answer may be here before the event that announces it."""


@dataclass(slots=True)
class ResponseTimes:
    """One response of the service, as the listener has it."""

    id: str
    created_at: float
    audible_at: float | None = None
    done_at: float | None = None
    ended_at: float | None = None
    has_words: bool = False
    status: str = ""

    @property
    def is_answer(self) -> bool:
        """A call of a tool, or an answer cancelled at birth, is none."""
        return self.audible_at is not None or self.has_words or self.status in AT_LAST


class TalkObserver:
    """Give it every message of the engine."""

    def __init__(self) -> None:
        self.events: list[Entry] = []
        self.answers: list[ResponseTimes] = []
        self.view: View | None = None
        self.findings: dict[str, Finding] = {}
        self.numbers: tuple[TurnNumbers, ...] = ()
        self.tape = ""
        """The folder of the tape that is being made."""
        self._turns: dict[str, TurnView] = {}
        self._order: tuple[str, ...] = ()
        self._seen_at: dict[str, float] = {}
        """When each transcript entry was first told of; its own time counts from the service's session."""
        self._taken: set[int] = set()
        self._offset: float | None = None
        self._sounds_since: float | None = None

    def take(self, message: FromEngine, arrived: float) -> None:
        """One message, `arrived` on the reader's clock."""
        match message:
            case Batch(rows=rows):
                for row in rows:
                    self._see(row)
                del self.events[:-MOST_EVENTS]
            case Snapshot(view=view, t=t):
                self.view = view
                self._learn_time(t, arrived)  # events of the sound may be dated some milliseconds ahead
                self._end_answers(view, t)
            case Turns(changed=changed, order=order):
                for turn in changed:
                    self._seen_at.setdefault(turn.key, self.session_time(arrived))
                self._turns |= {turn.key: turn for turn in changed}
                self._order = self._order if order is None else order
            case Numbers(figures=figures):
                self.numbers = figures.turns
            case Finding(id=id):
                self.findings[id] = message
            case _:
                pass

    def session_time(self, now: float) -> float:
        """The talk's time at `now` of the reader's clock; never too late, by some milliseconds too early."""
        return 0.0 if self._offset is None else now - self._offset

    @property
    def turns(self) -> tuple[TurnView, ...]:
        return tuple(self._turns[key] for key in self._order if key in self._turns)

    def turns_since(self, at: float) -> tuple[TurnView, ...]:
        """Entries of the transcript that are there since then."""
        return tuple(turn for turn in self.turns if self._seen_at[turn.key] >= at)

    def since(self, at: float) -> Iterator[Entry]:
        """Events from then on, in the order they flowed."""
        # Moments of the sound are told a little late, so the list is not quite in the order of their times.
        first = bisect_left(self.events, at - OUT_OF_ORDER, key=lambda row: row.t)
        return (row for row in islice(self.events, first, None) if row.t >= at)

    def find(self, wanted: EventPattern, since: float, *, again: bool = False) -> Entry | None:
        """The first such event since then. It is found once only, unless `again`."""
        for row in self._moments(wanted.type, since):
            if (again or row.seq not in self._taken) and fits(row, wanted):
                return row
        return None

    def use_up(self, row: Entry) -> None:
        """No later wait is for this one."""
        self._taken.add(row.seq)

    def _moments(self, type: str, since: float) -> Iterator[Entry]:
        if type not in (ANSWER_AUDIBLE, ANSWER_ENDED):
            yield from (row for row in self.since(since) if row.type == type)
            return
        # An answer that was asked for before this turn is not this turn's, whenever it ends.
        for place, answer in enumerate(self.answers):
            at = answer.audible_at if type == ANSWER_AUDIBLE else answer.ended_at
            if at is not None and answer.created_at >= since:
                seq = -2 * place - (1 if type == ANSWER_AUDIBLE else 2)
                yield Entry(seq, at, "local", {"type": type, "status": answer.status, "response_id": answer.id})

    def _learn_time(self, t: float, arrived: float) -> None:
        if self._offset is None or arrived - t < self._offset:
            self._offset = arrived - t

    def _see(self, row: Entry) -> None:
        self.events.append(row)
        match row.type:
            case "response.created" if row.dir == "in":
                self._create(row)
            case "response.done" if row.dir == "in":
                self._finish(row)
            case "assistant.audible":
                self._sounds_since = row.t
                self._make_audible(row.t)
            case "assistant.silent":
                self._sounds_since = None
            case "playback.flushed":
                self._drop_unheard(row.t)
            case "tape.began":
                self.tape = str(row.event.get("folder", ""))
            case name if name in FIRST_WORDS or name in SPOKEN_WORDS:
                self._hear_words(row, is_text=name in FIRST_WORDS)

    def _create(self, row: Entry) -> None:
        before = self.answers[-1] if self.answers else None
        answer = ResponseTimes(refs_of(row.event)[0], row.t)
        self.answers.append(answer)
        early = self._sounds_since is not None and row.t - self._sounds_since <= EARLY
        if early and (before is None or before.ended_at is not None):
            answer.audible_at = row.t

    def _make_audible(self, at: float) -> None:
        """The oldest answer that was not heard yet: sound comes in the order of the answers."""
        for place, answer in enumerate(self.answers):
            if answer.audible_at is None and answer.ended_at is None and answer.status in ("", "completed"):
                answer.audible_at = at
                for earlier in self.answers[:place]:
                    earlier.ended_at = at if earlier.ended_at is None else earlier.ended_at
                return

    def _drop_unheard(self, at: float) -> None:
        """What had been received and was not heard yet is not going to be."""
        for answer in self.answers:
            if answer.done_at is not None and answer.audible_at is None and answer.ended_at is None:
                answer.ended_at = at

    def _hear_words(self, row: Entry, *, is_text: bool) -> None:
        for answer in reversed(self.answers):
            if answer.id == refs_of(row.event)[0]:
                answer.has_words = True
                if is_text and answer.audible_at is None:
                    answer.audible_at = row.t
                return

    def _finish(self, row: Entry) -> None:
        for answer in reversed(self.answers):
            if answer.id == refs_of(row.event)[0]:
                answer.done_at = row.t
                response = row.event.get("response")
                answer.status = str(response.get("status", "")) if isinstance(response, dict) else ""
                return

    def _end_answers(self, view: View, t: float) -> None:
        for answer in self.answers:
            if answer.ended_at is None and answer.done_at is not None and answer.is_answer:
                if t >= answer.done_at and view.reply.state not in UNDER_WAY:
                    answer.ended_at = t


def fits(row: Entry, wanted: EventPattern) -> bool:
    """Whether an event has the fields that are asked for."""
    if row.type != wanted.type:
        return False
    if not wanted.where:
        return True
    event = row.event
    return all(value_at(event, path) == value for path, value in wanted.where.items())


def value_at(event: object, path: str) -> object:
    """The value at `response.output.0.type`; None where there is none."""
    for part in path.split("."):
        if isinstance(event, dict):
            event = event.get(part)
        elif isinstance(event, list) and part.isdigit() and int(part) < len(event):
            event = event[int(part)]
        else:
            return None
    return event


def word_errors(said: str, heard: str) -> float:
    """Wrong words per word said. Case, punctuation and how numbers are written do not count; 0.0 is perfect."""
    wanted, got = plain_words(said), plain_words(heard)
    row = list(range(len(got) + 1))
    for i, want in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(got, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (want != word))
    return row[-1] / max(1, len(wanted))


def plain_words(text: str) -> list[str]:
    """The words without case and punctuation, numbers in digits."""
    bare = text.casefold().replace("’", "'").replace("'", "")
    return with_digits("".join(char if char.isalnum() else " " for char in bare).split())


EDGE = 0.3
"""Seconds before the beginning of a turn at which a voice or a cut still belongs to it."""
LONGEST_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """`open`: not yet, and it may still come; at the end of the patience that is a failure."""

    state: Literal["held", "open", "broken"]
    text: str = ""
    """What was found instead, or the figure that was measured."""


def judge(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    """`since`: session time from which on events count."""
    return JUDGES[expected.criterion](expected, seen, since)


def judge_sound(
    expected: SoundExpectation, heard: TurnTaking, found: Sequence[records.Finding]
) -> Iterator[tuple[str, Verdict]]:
    """(what was expected of the recording, whether it holds); `found`: what is wrong with its sound."""
    if expected.no_findings is not None:
        wrong = [one for one in found if not expected.no_findings or one.code in expected.no_findings]
        said = "; ".join(f"{one.code}: {one.title}" for one in wrong)
        yield f"no findings {', '.join(expected.no_findings)}".rstrip(), Verdict("broken" if wrong else "held", said)
    if expected.wait_below is not None:
        longest = max((one.seconds for one in heard.of("wait", "dead air")), default=None)
        text = "no answer was waited for" if longest is None else f"the longest took {longest:.2f} s"
        is_held = longest is not None and longest < expected.wait_below
        yield f"wait below {expected.wait_below:g} s", Verdict("held" if is_held else "broken", text)


def words_of(expected: Expectation, seen: TalkObserver, since: float) -> tuple[str | None, str]:
    """(the words, how they are called in a sentence); None: there are none yet."""
    match expected.source:
        case "you":
            turn = _newest(seen, since, lambda turn: turn.who == "you" and not turn.partial)
            return (turn.text if turn else None), "what you said"
        case "heard" | "unheard":
            turn = cut_answer(seen, since)
            if turn is None:
                return None, "an answer that was cut"
            return (turn.text if expected.source == "heard" else turn.rest), f"the {expected.source} part"
    turn = _newest(seen, since, lambda turn: turn.who == "assistant")
    return (turn.text + turn.rest if turn else None), "the answer"


def cut_answer(seen: TalkObserver, since: float) -> TurnView | None:
    """The newest answer that was cut since then; it may have begun earlier."""
    if not any(row.type == "answer.interrupted" for row in seen.since(since - EDGE)):
        return None
    return next((turn for turn in reversed(seen.turns) if turn.who == "assistant" and turn.cut_by), None)


def _newest(seen: TalkObserver, since: float, is_it: Callable[[TurnView], bool]) -> TurnView | None:
    return next((turn for turn in reversed(seen.turns_since(since)) if is_it(turn)), None)


def _shown(text: str) -> str:
    return json.dumps(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…", ensure_ascii=False)


def _text(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    words, name = words_of(expected, seen, since)
    if words is None:
        return Verdict(
            "open", f"there is no {name.removeprefix('the ')}" if name != "the answer" else "there is no answer"
        )
    found = f"{name} was {_shown(words)}"
    if expected.criterion in ("matches", "not_matches"):
        is_there = expected.value.search(words) is not None
    else:
        inside = [text.casefold() in words.casefold() for text in expected.value]
        is_there = all(inside) if expected.criterion == "contains" else any(inside)
    if expected.criterion.startswith("not_"):
        return Verdict("broken" if is_there else "held", found)
    return Verdict("held" if is_there else "open", found)


def _said(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    turns = [turn for turn in seen.turns_since(since) if turn.who == "you" and not turn.partial]
    heard = " ".join(turn.text for turn in turns)
    if not heard:
        return Verdict("open", "nothing was written down")
    wrong = word_errors(expected.value, heard)
    found = f"{wrong:.0%} of the words are wrong (allowed {expected.word_errors:.0%}): {_shown(heard)}"
    return Verdict("held" if wrong <= expected.word_errors else "open", found)


def _cut_by(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    turn = cut_answer(seen, since)
    if expected.value == "nobody":
        return Verdict("held", "nobody") if turn is None else Verdict("broken", f"it was cut by {turn.cut_by}")
    if turn is None:
        return Verdict("open", "no answer was cut")
    found = f"it was cut by {turn.cut_by} after {turn.cut_at:.2f} s"
    return Verdict("held" if turn.cut_by == expected.value else "open", found)


def _latency(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    seconds: float | None = None
    what = {
        "first_sound_below": "no answer was heard",
        "silent_in_below": "nothing was cut",
        "transcript_below": "nothing was written down",
    }[expected.criterion]
    for turn in reversed(seen.numbers):
        at = turn.began_at if turn.began_at is not None else turn.created_at
        if expected.criterion == "silent_in_below":
            at = None if turn.first_sound_at is None or turn.heard is None else turn.first_sound_at + turn.heard
            value = turn.silent_in
        else:
            value = turn.total if expected.criterion == "first_sound_below" else turn.transcript_in
        if value is not None and at is not None and at >= since - EDGE:
            seconds = value
            break
    if seconds is None:
        return Verdict("open", what)
    return Verdict("held" if seconds < expected.value else "broken", f"it took {seconds:.3f} s")


def _events(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    """In this order, with anything between them."""
    missing = list(expected.value)
    for row in seen.since(since):
        if missing and row.type == missing[0]:
            del missing[0]
    if not missing:
        return Verdict("held")
    before = list(expected.value)[: len(expected.value) - len(missing)]
    behind = f" behind {before[-1]}" if before else ""
    return Verdict("open", f"there was no {missing[0]}{behind}")


def _no_events(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    for row in seen.since(since):
        if row.type in expected.value:
            return Verdict("broken", f"{row.type} at {row.t:.3f} s: {summary_of(row)}")
    return Verdict("held")


def _findings(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    found = {finding.code for finding in seen.findings.values() if _is_since(finding.evidence, since)}
    missing = [code for code in expected.value if code not in found]
    return Verdict("open", f"{missing[0]} was not found") if missing else Verdict("held")


def _no_findings(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    for finding in seen.findings.values():
        is_asked = finding.code in expected.value if expected.value else finding.severity != "info"
        if is_asked and _is_since(finding.evidence, since):
            return Verdict("broken", f"{finding.code}: {finding.title}")
    return Verdict("held")


def _is_since(evidence: tuple[object, ...], since: float) -> bool:
    return not evidence or any(getattr(one, "t", 0.0) >= since for one in evidence)


def _tool(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    calls: list[str] = []
    for row in seen.since(since):
        item = row.event.get("item") if row.type == "response.output_item.done" else None
        if not isinstance(item, dict) or item.get("type") not in ("function_call", "mcp_call"):
            continue
        args = _arguments(item.get("arguments"))
        calls.append(f"{item.get('name')}({item.get('arguments')})")
        if item.get("name") == expected.value and all(args.get(key) == value for key, value in expected.args.items()):
            return Verdict("held", calls[-1])
    return Verdict("open", f"calls: {', '.join(calls)[:LONGEST_SHOWN]}" if calls else "no tool was called")


def _arguments(text: object) -> Mapping[str, object]:
    try:
        args = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return args if isinstance(args, dict) else {}


def _mic(expected: Expectation, seen: TalkObserver, since: float) -> Verdict:
    state = seen.view.mic.state if seen.view is not None else "no-line"
    return Verdict("held" if state == expected.value else "open", f"the microphone is {state}")


JUDGES: dict[Criterion, Callable[[Expectation, TalkObserver, float], Verdict]] = {
    "contains": _text,
    "contains_any": _text,
    "not_contains": _text,
    "matches": _text,
    "not_matches": _text,
    "said": _said,
    "cut_by": _cut_by,
    "first_sound_below": _latency,
    "silent_in_below": _latency,
    "transcript_below": _latency,
    "events": _events,
    "no_events": _no_events,
    "findings": _findings,
    "no_findings": _no_findings,
    "tool": _tool,
    "mic": _mic,
}


def expectation_text(expected: Expectation) -> str:
    """The expectation in a few words, as it stands in results."""
    whose = {"answer": "answer", "heard": "heard", "unheard": "unheard", "you": "you"}[expected.source]
    match expected.criterion:
        case "contains" | "contains_any" | "not_contains":
            return f"{whose} {expected.criterion.replace('_', ' ')} {', '.join(map(_shown, expected.value))}"
        case "matches" | "not_matches":
            return f"{whose} {expected.criterion.replace('_', ' ')} {_shown(expected.value.pattern)}"
        case "said":
            return f"said {_shown(expected.value)}"
        case "first_sound_below" | "silent_in_below" | "transcript_below":
            return f"{expected.criterion.replace('_', ' ')} {expected.value:g} s"
        case "tool":
            return f"tool {expected.value}" + (
                f" {json.dumps(dict(expected.args), default=str)}" if expected.args else ""
            )
        case "cut_by" | "mic":
            return f"{expected.criterion.replace('_', ' ')} {expected.value}"
    return f"{expected.criterion.replace('_', ' ')} {', '.join(expected.value)}".rstrip()

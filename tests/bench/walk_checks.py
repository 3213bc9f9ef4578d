"""What no part of the product can check alone: whether screen, loudspeaker and server agree.

Pure but for `findings_on`: observations with times of one clock go in, violations come out. `tolerance` is added to
every time limit: a loaded machine paints and plays late.
"""

from __future__ import annotations

import ast
import bisect
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args

from voicechat.core.view import CUT_WORDS, ConnectionView, MicState, MicView, ReplyState, ReplyView
from voicechat.insight.checks.refusals import Refused
from voicechat.insight.run import CHECKS
from voicechat.ui.wording import Scene, mic_words, reply_words

AGREE = 1.0
"""Seconds within which screen and sound agree."""
LOUD = 0.01
"""Peak (1.0 is full scale) of a sound that is heard: -40 dBFS. The noise of the walk's microphone is below it."""
AFTERMATH = 2.5
"""Seconds after a disturbance during which nothing is judged."""
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Violation:
    kind: str
    what: str
    at: float
    """`time.monotonic()`."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the deck said from `at` on; empty strings: it was not to be seen."""

    at: float
    badge: str = ""
    is_open: bool = False
    reply: str = ""
    """A `ReplyState`, as its words on the screen tell it."""
    deafened: bool = False


@dataclass
class Seen:
    """Everything observed in a walk; lists are in order of time."""

    looks: list[Look] = field(default_factory=list)
    speaker: list[tuple[float, float]] = field(default_factory=list)
    """When a piece of the loudspeaker's sound came, and its peak."""
    notes: list[list[Any]] = field(default_factory=list)
    """Of `walk_server`."""
    disturbed: list[Span] = field(default_factory=list)
    """When the sound server, the devices or the link did not work by a step of the walk."""
    meddled: list[Span] = field(default_factory=list)
    """When a step may have stopped or silenced an answer."""
    until: float = 0.0


@cache
def badges() -> dict[str, bool]:
    """Glyph and badge -> whether they say that the microphone is open."""
    found = {}
    for state in get_args(MicState):
        for is_open in (False, True):
            words = mic_words(Scene(MicView(state=state, is_on_air=is_open), ReplyView(), ConnectionView()))
            found[f"{words.glyph} {re.sub(r'[ ][0-9.]+ s', '', words.badge)}"] = words.live
    return found


@cache
def replies() -> dict[str, str]:
    """Glyph and first word -> state of the reply."""
    found: dict[str, str] = {}
    shown = [(state, "") for state in get_args(ReplyState)] + [("cut", detail) for detail in CUT_WORDS.values()]
    for mic in (MicView(), MicView(turn_mode="transcribe"), MicView(translates_to="es")):
        for phase in ("open", "connecting"):
            for state, detail in shown:
                words = reply_words(Scene(mic, ReplyView(state=state, detail=detail), ConnectionView(phase=phase)))
                found.setdefault(f"{words.glyph} {words.text.split()[0].strip(',:')}", state)
    return found


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    longest_first = sorted(badges(), key=len, reverse=True)
    badge = "|".join(re.escape(words) for words in longest_first)
    reply = "|".join(rf"{glyph} (?:[\w-]+ )?{re.escape(word)}" for glyph, word in (key.split() for key in replies()))
    return re.compile(badge), re.compile(f"(?:{reply})(?=[ ,:]|$)", re.MULTILINE)


def look_at(at: float, text: str) -> Look:
    """The deck on a screen: the lowest badge, and the words about the answer in the rows around it."""
    badge, reply = _patterns()
    rows = text.split("\n")
    place = next((y for y in reversed(range(len(rows))) if badge.search(rows[y])), -1)
    found = badge.search(rows[place])
    if found is None:
        return Look(at)
    words = reply.findall("\n".join(rows[max(0, place - 1) : place + 2]))
    glyph, word = (words[-1].split()[0], words[-1].split()[-1]) if words else ("", "")
    state = replies().get(f"{glyph} {word}", "")
    return Look(at, found[0], badges()[found[0]], state, "loudspeaker off" in text)


def state_spans(looks: Sequence[Look], until: float, is_so: Callable[[Look], bool]) -> list[Span]:
    """Longest spans during which the screen said so."""
    spans: list[Span] = []
    for index, look in enumerate(looks):
        end = looks[index + 1].at if index + 1 < len(looks) else until
        if is_so(look):
            joins = bool(spans) and spans[-1][1] >= look.at
            spans = [*spans[:-1], (spans[-1][0], end)] if joins else [*spans, (look.at, end)]
    return spans


def loud_spans(pieces: Iterable[tuple[float, float]], level: float = LOUD, gap: float = 0.3) -> list[Span]:
    """When something was heard; pauses shorter than `gap` seconds belong to it."""
    spans: list[Span] = []
    for at, peak in pieces:
        if peak >= level:
            if spans and at - spans[-1][1] <= gap:
                spans[-1] = (spans[-1][0], at)
            else:
                spans.append((at - 0.02, at))
    return spans


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of spans outside of others."""
    left = list(spans)
    for begin, end in taken:
        cut = [((a, min(b, begin)), (max(a, end), b)) for a, b in left]
        left = [(a, b) for pair in cut for a, b in pair if a < b]
    return left


def overlaps(span: Span, others: Iterable[Span]) -> bool:
    return any(begin < span[1] and end > span[0] for begin, end in others)


def check(seen: Seen, tolerance: float) -> list[Violation]:
    """Everything that can be said from the observations alone."""
    unjudged = [(begin - 0.5, end + AFTERMATH + tolerance) for begin, end in seen.disturbed]
    heard = loud_spans(seen.speaker)
    return [
        *_speaking_over_silence(seen, heard, unjudged, AGREE + tolerance),
        *_sound_without_a_word(seen, heard, unjudged, AGREE + tolerance),
        *_sent_while_closed(seen, unjudged, AGREE + tolerance),
        *_silent_answers(seen, heard, unjudged, tolerance),
    ]


def _speaking_over_silence(seen: Seen, heard: list[Span], unjudged: list[Span], limit: float) -> list[Violation]:
    speaking = state_spans(
        seen.looks, seen.until, lambda look: look.reply in ("speaking", "finishing") and not look.deafened
    )
    silent = without(without(speaking, heard), unjudged)
    return [
        Violation("speaking-over-silence", f"the deck said speaking over {end - begin:.1f} s of silence", begin)
        for begin, end in silent
        if end - begin > limit
    ]


def _sound_without_a_word(seen: Seen, heard: list[Span], unjudged: list[Span], limit: float) -> list[Violation]:
    other = state_spans(seen.looks, seen.until, lambda look: look.reply not in ("", "speaking", "finishing"))
    found = []
    for begin, end in without(heard, unjudged):
        for a, b in other:
            start, stop = max(a, begin), min(b, end)
            if stop - start > limit:
                word = _word_at(seen.looks, start)
                found.append(Violation("sound-unsaid", f"{stop - start:.1f} s of sound while it said {word}", start))
    return found


def _sent_while_closed(seen: Seen, unjudged: list[Span], limit: float) -> list[Violation]:
    closed = state_spans(seen.looks, seen.until, lambda look: bool(look.badge) and not look.is_open)
    sent = loud_spans([(float(note[1]), float(note[2])) for note in seen.notes if note[0] == "heard"], 0.03)
    found = []
    for begin, end in without(sent, unjudged):
        for a, b in closed:
            start, stop = max(a + limit, begin), min(b - 0.5, end)
            if stop > start:
                words = next(look.badge for look in reversed(seen.looks) if look.at <= start)
                found.append(Violation("sent-while-closed", f"{stop - start:.1f} s sent while it said {words}", start))
    return found


def _silent_answers(seen: Seen, heard: list[Span], unjudged: list[Span], tolerance: float) -> list[Violation]:
    """Answers with sound that the server finished and nothing cut, of which nothing came out."""
    found = []
    for id, (created, done) in spoken_responses(seen.notes).items():
        span = (created, done + 3.0 + tolerance)
        deaf = state_spans(seen.looks, seen.until, lambda look: look.deafened)
        barged = [
            (float(note[1]) - 0.1, float(note[1])) for note in seen.notes
            if note[0] == "server" and note[2] in ("input_audio_buffer.speech_started", "output_audio_buffer.cleared")
        ]  # fmt: skip
        if span[1] > seen.until or overlaps(span, [*unjudged, *seen.meddled, *deaf, *barged]):
            continue
        if sum(min(b, span[1]) - max(a, created) for a, b in heard if overlaps((a, b), [span])) < 0.2:
            found.append(Violation("silent-answer", f"{id} was complete and nothing of it was audible", created))
    return found


def spoken_responses(notes: Iterable[list[Any]]) -> dict[str, Span]:
    """Response -> created and done, of those that are complete and have sound."""
    begun: dict[str, float] = {}
    voiced: set[str] = set()
    found = {}
    for note in notes:
        if note[0] != "server" or not note[3]:
            continue
        _, at, kind, id, status = note
        if kind == "response.created":
            begun[id] = at
        elif "audio" in kind and kind.endswith(".done") and "transcript" not in kind:
            voiced.add(id)
        elif kind == "response.done" and status == "completed" and id in begun and id in voiced:
            found[id] = (begun[id], at)
    return found


def _word_at(looks: Sequence[Look], at: float) -> str:
    return looks[max(0, bisect.bisect_right([look.at for look in looks], at) - 1)].reply


# findings
ANY = frozenset({"*"})
_BROKEN_LINK = frozenset({"kill_server", "stall_server", "fault", "stall_sound", "kill_sound"})
_BY_HAND = frozenset({"key:c", "key:x", "key:a", "key:S", "key:X", "key:R", "key:delete", "key:r"})
CAUSES: dict[str, frozenset[str]] = {
    "connection-lost": _BROKEN_LINK | {"key:r"},
    "auth-failed": frozenset({"fault:unauthorised"}),
    "quota-or-billing": frozenset({"fault:quota"}),
    "rate-limited": frozenset({"fault:rate-limited"}),
    "session-expired": frozenset({"fault:expires-after"}),
    "response-failed": frozenset({"fault:fails-responses"}),
    "no-response": _BROKEN_LINK,
    "slow-first-sound": ANY,  # of a loaded machine it is true
    "unknown-session-field": frozenset({"fault:refuses-field"}),
    "config-too-late": frozenset({"fault:no-session-updated"}),
    "dialect-mismatch": frozenset({"fault:beta"}),
    "mic-silent": frozenset({"mic", "stall_sound", "kill_sound", "key:enter"}),
    "barge-in-too-eager": frozenset({"say", "hold", "key:space"}),
    "empty-transcript": frozenset({"say", "hold", "key:space", "key:f8", "key:ctrl+space", "key:ctrl+@"}),
    "segments-too-short": frozenset({"say", "hold", "key:space"}),
    "empty-commit": _BY_HAND,
    "active-response-conflict": _BY_HAND,
    "cancel-without-response": _BY_HAND,
    "cancelled-at-birth": frozenset({"say", "hold"}),
    "duplicate-create": _BY_HAND,
    "transcription-late": ANY,
    "transcription-off": frozenset({"key:enter"}),
    "response-incomplete": frozenset({"key:enter"}),
    "voice-locked": frozenset({"key:enter"}),
    "truncate-without-clear": _BY_HAND,
}
"""Code -> steps (kinds, `key:NAME`, `fault:NAME`) of which one has to be in a walk for the finding to be true. A code
that is not here is never true of a walk."""


@cache
def _literals() -> dict[str, list[str]]:
    """Code -> the beginnings of the sentences in its check."""
    found: dict[str, list[str]] = {}
    for check in CHECKS:
        if isinstance(check, Refused):
            found[check.code] = [squeezed(text)[:50] for text in (check.title, check.cause, check.cure)]
            continue
        tree = ast.parse(Path(inspect.getfile(check.look)).read_text())
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        names, strings = [check.look.__name__], []
        for name in names:
            for node in ast.walk(functions[name]):
                if isinstance(node, ast.Name) and node.id in functions and node.id not in names:
                    names.append(node.id)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    strings.append(node.value)
        found[check.code] = [squeezed(text)[:50] for text in strings if text.count(" ") > 4 and "\n" not in text]
    return found


def squeezed(text: str) -> str:
    """Letters and digits alone: independent of how the text is wrapped and framed."""
    return re.sub(r"[\W_]+", "", text)


def findings_on(pane: str) -> set[str]:
    """Codes of the findings whose words are on a screen."""
    shown = squeezed(pane)
    return {code for code, texts in _literals().items() if any(text and text in shown for text in texts)}


def untrue(codes: set[str], done: set[str]) -> set[str]:
    """Findings that nothing in the walk can have caused; `done` are its steps as `CAUSES` names them."""
    return {code for code in codes if (causes := CAUSES.get(code, frozenset())) != ANY and not causes & done}

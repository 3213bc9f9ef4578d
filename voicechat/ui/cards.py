"""The cards that stand where a transcript will be: welcome, connecting, no microphone, refused, engine died.

Facts in, lines of coloured words out. Each card says what is the case, and the next step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive

from voicechat.core.view import MicView, TurnView, View
from voicechat.engine.link import Meters
from voicechat.failures import as_sentence
from voicechat.ui.options import WelcomeFacts
from voicechat.ui.paint import LEVELS, Painted, Palette, Row, decibels
from voicechat.ui.widgets.boxes import Line, Word, paint_line
from voicechat.ui.wording import Keys, Release, assistant_name, language_words

CardName = Literal["", "welcome", "connecting", "no-microphone", "refused", "died"]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Everything a card may tell."""

    view: View = field(default_factory=View)
    meters: Meters = field(default_factory=Meters)
    welcome: WelcomeFacts = field(default_factory=WelcomeFacts)
    keys: Keys = field(default_factory=Keys)
    release: Release = "unknown"
    died: str | None = None
    """Why the engine ended."""
    may_restart: bool = True
    has_talk: bool = False
    notes: tuple[TurnView, ...] = ()
    """Warnings so far; a card must not hide them."""


def choose(facts: CardFacts) -> CardName:
    """Which card is due; empty: the transcript needs none."""
    phase = facts.view.connection.phase
    if facts.died is not None:
        return "died"
    if facts.welcome.instead:
        return "" if facts.has_talk or phase == "ended" else "welcome"
    if phase == "refused":
        return "refused"
    if facts.has_talk or phase in ("lost", "ended"):
        return ""
    if phase == "connecting":
        return "connecting"
    return "no-microphone" if facts.view.mic.state == "no-microphone" else "welcome"


def lines_of(name: CardName, facts: CardFacts, width: int) -> list[Line]:
    """The card's lines, none wider than `width`."""
    if name == "":
        return []
    lines = _MAKERS[name](facts, width)
    return lines + _notes(facts, width) if name != "died" else lines


def _text(text: str, color: str = "foreground", *, bold: bool = False) -> Line:
    return (Word(text, color, bold),)


def _wrapped(text: str, width: int, color: str = "foreground", *, bold: bool = False, first: str = "") -> list[Line]:
    """Outside text over as many lines as it takes; `first` stands before it, the rest is indented alike."""
    pieces = [line.plain.rstrip() for line in Content(text).wrap(max(10, width - len(first)))]
    heads = [first] + [" " * len(first)] * (len(pieces) - 1)
    return [(Word(h, color, bold), Word(t, color, bold, outside=True)) for h, t in zip(heads, pieces, strict=False)]


def _key(key: str, words: str, width: int = 6) -> Line:
    return (Word(key.ljust(width), "key", True), Word(words, "quiet"))


_WAVES = ("▁▂▄▃▆▇▅▆▃▄▂▁", "▁▃▂▅▄▇▆▅▇▄▂▃▁")


def _waves() -> list[Line]:
    """Two mirrored waves: yours and the assistant's."""
    down = ["".join(LEVELS[8 - LEVELS.index(c)] for c in wave) for wave in _WAVES]
    return [
        (Word(_WAVES[0], "you"), Word("   "), Word(_WAVES[1], "assistant")),
        (Word(down[0], "you", hangs=True), Word("   "), Word(down[1], "assistant", hangs=True)),
    ]


def _welcome(facts: CardFacts, width: int) -> list[Line]:
    if facts.welcome.instead:
        first, *rest = (facts.keys.fill(line) for line in facts.welcome.instead)
        told = [(Word(line[:width], "key" if line.startswith("  ") else "quiet", outside=True),) for line in rest]
        return [*_waves(), (), _text(first, bold=True), *told]
    if facts.view.mic.translates_to:
        return _welcome_translation(facts)
    keys, voice = facts.keys, assistant_name(facts.view.connection) if facts.view.connection.voice else "the assistant"
    hands_free = facts.view.mic.turn_mode != "push-to-talk"
    other_mode = "push-to-talk" if hands_free else "hands-free"
    if hands_free:
        start: list[Line] = [
            _text("Just say something.", bold=True),
            (Word(f"Stop, and {voice} answers. Talk over the answer to cut in.", "quiet", outside=True),),
        ]
        talk = _key(keys.of("ptt"), "pause and resume the microphone")
    else:
        start = [
            (Word("Hold "), Word(keys.of("ptt"), "key", True), Word(" and say something.")),
            (Word(f"Let go, and {voice} answers. Your first word is never cut off.", "quiet", outside=True),),
        ]
        talk = _key(keys.of("ptt"), "hold to talk; a short tap keeps the mic open")
    return [
        *_waves(),
        (),
        *start,
        (),
        talk,
        _key(keys.of("back"), "stop the answer"),
        (*_key(keys.of("mute"), "mute".ljust(12)), *_key(keys.of("turn_mode"), other_mode, 2)),
        _key(keys.of("type"), "type instead"),
        _key(keys.of("events"), "watch the events"),
        (),
        *_checks(facts),
        *_found_key(facts.welcome),
    ]


def _welcome_translation(facts: CardFacts) -> list[Line]:
    """A live translation has no turns and takes no typed text: nothing of either is offered."""
    keys, into = facts.keys, language_words(facts.view.mic.translates_to)
    return [
        *_waves(),
        (),
        _text("Just speak.", bold=True),
        (Word(f"What you say is spoken in {into} while you speak.", "quiet", outside=True),),
        (),
        _key(keys.of("back"), "drop what is still to be spoken"),
        _key(keys.of("mute"), "mute"),
        _key(keys.of("events"), "watch the events"),
        (),
        *_checks(facts),
        *_found_key(facts.welcome),
    ]


def _checks(facts: CardFacts) -> list[Line]:
    """Microphone, loudspeaker, keyboard: what is known of each."""
    mic = facts.view.mic
    lines: list[Line] = []
    if mic.name:
        level = facts.meters.input
        is_silent = level is None or level <= -60
        hears = " is silent so far" if level is None or is_silent else f" hears the room at {decibels(level)}"
        dot = Word("◉ ", "warning") if is_silent else Word("● ", "success")
        lines.append((dot, Word(mic.name, outside=True), Word(hears, "quiet")))
    if mic.speaker:
        echo = _echo_words(mic.echo)
        lines.append((Word("● ", "success"), Word(mic.speaker, outside=True), Word(f" · {echo}", "quiet")))
    if facts.release == "true":
        lines.append((Word("● ", "success"), Word(f"Your terminal reports when {facts.keys.of('ptt')} is released")))
    elif facts.release != "unknown":
        lines.append((Word("◉ ", "warning"), Word("Key release is guessed; hold the badge with the mouse to be exact")))
    return lines


def _echo_words(echo: str) -> str:
    """What the treatment of the echo means for whoever wants to talk over the assistant."""
    if "aec" in echo.lower():
        return "echo cancelling on, no headphones needed"
    if echo.startswith("headphones"):
        return "headphones, so there is no echo to cancel"
    return "echo is not cancelled: the mic shuts while it plays"


def _found_key(welcome: WelcomeFacts) -> list[Line]:
    if not welcome.key_found or welcome.provider.lower() == "openai":
        return []
    found = (
        Word("◆ ", "assistant"),
        Word(welcome.key_found, outside=True),
        Word(" is set, and not used here.", "quiet"),
    )
    return [(), found, (Word("  Talk to OpenAI with  ", "quiet"), Word("voicechat --provider openai", bold=True))]


_STEPS = (
    ("devices", "microphone and speaker ready"),
    ("signalling", "the service answered our offer"),
    ("ice", "finding a network path (ICE)"),
    ("dtls", "encrypted channel (DTLS)"),
    ("session", "the assistant is there"),
)
_STEP_COLUMN = 37


def _connecting(facts: CardFacts, width: int) -> list[Line]:
    connection = facts.view.connection
    took = dict(connection.steps)
    if "offer" in took:
        took["signalling"] = took.get("signalling", 0.0) + took["offer"] if "signalling" in took else took.pop("offer")
    if "channel" in took:
        took["dtls"] = took.get("dtls", 0.0) + took.pop("channel")
    if facts.view.mic.name:
        took.setdefault("devices", 0.0)
    if set(took) - {"devices", "offer"}:
        took.setdefault("devices", 0.0)
    now = next((name for name, _ in _STEPS if name not in took), "")
    who = connection.provider or facts.welcome.provider
    lines: list[Line] = [(Word("Calling ", bold=True), Word(who, bold=True, outside=True)), ()]
    for name, words in _STEPS:
        if name == "devices":
            words = _devices_words(facts.view.mic)
        lines.append(_step(words, took.get(name), name == now, connection.seconds - sum(took.values())))
    if connection.seconds > 3:
        lines += [(), _text("This takes longer than usual. What you say now is kept, up to 10 s.", "quiet")]
    return lines


def _devices_words(mic: MicView) -> str:
    """What there is to talk with; the deck below says why something is missing."""
    if mic.name == "none" or mic.state == "no-microphone":
        return "no microphone; type instead"
    if mic.state == "device-lost":
        return "a sound device is gone for now"
    return "microphone ready, no speaker" if mic.speaker == "none" else "microphone and speaker ready"


def _step(words: str, took: float | None, is_now: bool, waited: float) -> Line:
    padded = words.ljust(_STEP_COLUMN)
    if took is not None:
        figure = f"{took:.2f} s" if took > 0 else ""
        return (Word("● ", "success"), Word(padded), Word(figure, "quiet"))
    if is_now:
        return (Word("◌ ", "warning"), Word(padded, bold=True), Word(f"{max(0.0, waited):.2f} s"))
    return (Word("○ ", "quiet"), Word(words, "quiet"))


def _no_microphone(facts: CardFacts, width: int) -> list[Line]:
    mic, keys = facts.view.mic, facts.keys
    lines = _wrapped(f"No microphone: {mic.detail or 'no input device'}", width, "error", bold=True, first="✕ ")
    lines.append(())
    if mic.hint:
        lines += [*_wrapped(mic.hint, width), ()]
    voice = assistant_name(facts.view.connection) if facts.view.connection.voice else "the assistant"
    way = "aloud" if mic.speaker not in ("", "none") else "in writing"
    lines.append(
        (
            Word(f"Until then {voice} can read what you type (", "quiet"),
            *_inline(keys.of("type"), f") and answer {way}."),
        )
    )
    again = (Word("Plugged one in, or allowed access? ", "quiet"), *_inline(keys.of("again"), " tries again, "))
    lines.append((*again, *_inline(keys.of("devices"), " shows the devices.")))
    return lines


def _inline(key: str, after: str) -> Line:
    return (Word(key, "key", True), Word(after, "quiet"))


def _refused(facts: CardFacts, width: int) -> list[Line]:
    connection = facts.view.connection
    who = connection.provider or facts.welcome.provider or "the service"
    what = f"Refused by {who}" if connection.next_try_in is None else f"Not connected to {who} yet"
    lines = _wrapped(f"{what}: {connection.reason or 'no reason given'}", width, "error", bold=True, first="✕ ")
    lines.append(())
    if connection.hint:
        lines += [*_wrapped(as_sentence(connection.hint), width), ()]
    if connection.next_try_in is None:
        lines.append(_text("Not retrying: the same request would fail again.", "quiet"))
    else:
        when = f"Retrying in {connection.next_try_in:.0f} s (try {connection.attempts + 1})."
        lines.append(_text(when, "quiet"))
    lines.append((*_inline(facts.keys.of("again"), " tries once more   "), *_inline(facts.keys.of("quit"), " leaves")))
    return lines


def _died(facts: CardFacts, width: int) -> list[Line]:
    if facts.welcome.instead:
        lines = [_text("This talk has ended", bold=True), (), *_wrapped(facts.died or "", width), ()]
        lines.append(_text("What was said stays on this screen.", "quiet"))
    else:
        title = "The audio engine stopped. The call is over." if facts.has_talk else "Ended before anything was said."
        lines = [_text(f"✕ {title}", "error", bold=True), ()]
        lines += [*_wrapped(facts.died or "It gave no reason.", width), ()]
        lines.append(_text("The microphone is closed. What was said stays on this screen.", "quiet"))
    if facts.may_restart:
        words = " looks for it again   " if facts.welcome.instead else " starts it again, with the conversation   "
        lines.append((*_inline(facts.keys.of("fold"), words), *_inline(facts.keys.of("quit"), " leaves")))
    else:
        lines.append(
            (Word("It ended three times within a minute.  ", "warning"), *_inline(facts.keys.of("quit"), " leaves"))
        )
    return lines


def _notes(facts: CardFacts, width: int) -> list[Line]:
    """Not the one that says what the card says already."""
    lines: list[Line] = []
    reason = facts.view.connection.reason if choose(facts) == "refused" else ""
    for note in facts.notes:
        if reason and reason in note.text:
            continue
        glyph, color = ("✕ ", "error") if note.level == "error" else ("▲ ", "warning")
        times = f" ×{note.count}" if note.count > 1 else ""
        lines += [(), *_wrapped(note.text + times, width, color, first=glyph)]
    return lines


_MAKERS = {
    "welcome": _welcome,
    "connecting": _connecting,
    "no-microphone": _no_microphone,
    "refused": _refused,
    "died": _died,
}


WIDEST = 76
"""Cells a card's line has at most."""


class Card(Painted):
    """Chooses its card from the facts; centred when it has the place to itself.

    The facts change with every clock of the view, the card hardly ever: only another one is painted.
    """

    facts: reactive[CardFacts] = reactive(CardFacts(), repaint=False)
    _told: Sequence[Line] | None = None

    def watch_facts(self) -> None:
        """Paint what reads differently now."""
        lines = lines_of(self.name_now, self.facts, WIDEST) if self.display else None
        if lines != self._told:
            self._told = lines
            self.refresh()

    @property
    def name_now(self) -> CardName:
        return choose(self.facts)

    def rows_needed(self, width: int) -> int:
        return len(lines_of(self.name_now, self.facts, width - 4)) + 2

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        wide = min(WIDEST, width - 4)
        lines = (self._told if wide == WIDEST else None) or lines_of(self.name_now, self.facts, wide)
        widest = max((sum(cell_len(word.text) for word in line) for line in lines), default=0)
        left = max(1, (width - widest) // 2)
        blank = max(0, (height - len(lines)) // 2)
        return [Row(palette, width)] * blank + [paint_line(palette, width, line, left=left) for line in lines]

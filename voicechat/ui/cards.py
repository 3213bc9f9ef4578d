"""The cards that stand where a transcript will be: welcome, connecting, no microphone, refused, engine died.

Facts in, lines of words with their styles out. Each card says what is the case, and the next step.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from voicechat.core.view import MicView, TurnView, View
from voicechat.engine.link import Meters
from voicechat.failures import as_sentence
from voicechat.ui.options import WelcomeFacts
from voicechat.ui.paint import LEVELS, Backdrop, Line, decibels, hanging, palette_of, styled
from voicechat.ui.wording import Keys, Release, language_words

CardName = Literal["", "welcome", "connecting", "no-microphone", "refused", "died"]
WIDEST = 76
"""Columns a card has at most."""


class CardFacts(Struct, frozen=True):
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

    @property
    def voice(self) -> str:
        return self.view.connection.voice or "the assistant"


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


def lines_of(name: CardName, facts: CardFacts) -> list[Line]:
    match name:
        case "welcome":
            lines = _welcome(facts)
        case "connecting":
            lines = _connecting(facts)
        case "no-microphone":
            lines = _no_microphone(facts)
        case "refused":
            lines = _refused(facts)
        case "died":
            return _died(facts)
        case _:
            return []
    return lines + _notes(facts)


def _key(key: str, words: str, width: int = 6) -> Line:
    return ((key.ljust(width), "bold $key"), (words, "$quiet"))


def _waves() -> list[Line]:
    """Two mirrored waves: yours and the assistant's."""
    ups = (("▁▂▄▃▆▇▅▆▃▄▂▁", "$you"), ("▁▃▂▅▄▇▆▅▇▄▂▃▁", "$assistant"))
    downs = [("".join(LEVELS[8 - LEVELS.index(c)] for c in wave), f"$background on {color}") for wave, color in ups]
    return [(ups[0], "   ", ups[1]), (downs[0], "   ", downs[1])]


def _welcome(facts: CardFacts) -> list[Line]:
    keys, mic = facts.keys, facts.view.mic
    if facts.welcome.instead:
        first, *rest = (keys.fill(line) for line in facts.welcome.instead)
        told: list[Line] = [((line, "bold $key" if line.startswith("  ") else "$quiet"),) for line in rest]
        return [*_waves(), (), ((first, "bold"),), *told]
    events = _key(keys.of("events"), "see what happens: events, problems, timeline")
    if mic.translates_to:  # it has no turns and takes no typed text: nothing of either is offered
        start: list[Line] = [
            (("Just speak.", "bold"),),
            ((f"What you say is spoken in {language_words(mic.translates_to)} while you speak.", "$quiet"),),
        ]
        offered = [_key(keys.of("back"), "drop what is still to be spoken"), _key(keys.of("mute"), "mute"), events]
        return [*_waves(), (), *start, (), *offered, (), *_checks(facts), *_found_key(facts.welcome)]
    if hands_free := mic.turn_mode != "push-to-talk":
        closed = {"paused": ("ptt", "paused"), "muted": ("mute", "muted")}.get(mic.state)
        start = [
            ("You ", (closed[1], "bold"), " the microphone: press ", (keys.of(closed[0]), "bold $key"), " and speak.")
            if closed is not None
            else (("Just say something.", "bold"),),
            ((f"When you stop speaking, {facts.voice} answers. Talk over the answer to cut in.", "$quiet"),),
        ]
    else:
        start = [
            ("Hold ", (keys.of("ptt"), "bold $key"), " and say something."),
            ((f"Let go, and {facts.voice} answers. Your first word is never cut off.", "$quiet"),),
        ]
    talk = "pause and resume the microphone" if hands_free else "hold to talk; a short tap keeps the mic open"
    mode = _key(keys.of("turn_mode"), "push-to-talk" if hands_free else "open mic", 2)
    offered = [
        _key(keys.of("ptt"), talk),
        _key(keys.of("back"), "stop the answer"),
        (*_key(keys.of("mute"), "mute".ljust(12)), *mode),
        _key(keys.of("type"), "type instead"),
        events,
    ]
    return [*_waves(), (), *start, (), *offered, (), *_checks(facts), *_found_key(facts.welcome)]


def _checks(facts: CardFacts) -> list[Line]:
    """Microphone, loudspeaker, keyboard: what is known of each."""
    mic, level = facts.view.mic, facts.meters.input
    good, fair = ("● ", "$success"), ("◉ ", "$warning")
    lines: list[Line] = []
    if mic.name and (level is None or level <= -60):
        lines.append((fair, mic.name, (" is silent so far", "$quiet")))
    elif mic.name:
        lines.append((good, mic.name, (f" hears the room at {decibels(level)}", "$quiet")))
    if mic.speaker:
        lines.append((good, mic.speaker, (f" · {_echo_words(mic.echo)}", "$quiet")))
    if mic.turn_mode != "push-to-talk":
        return lines
    if facts.release == "true":
        lines.append((good, f"Your terminal reports when {facts.keys.of('ptt')} is released"))
    elif facts.release != "unknown":
        key = facts.keys.of("ptt")
        lines.append((fair, f"Release of {key} is noticed late; hold the badge with the mouse to be exact"))
    return lines


def _echo_words(echo: str) -> str:
    """What the treatment of the echo means for whoever wants to talk over the assistant."""
    if "aec" in echo.lower():
        return "echo cancelling on, no headphones needed"
    if echo.startswith("headphones"):
        return "headphones, so there is no echo to cancel"
    return "echo is not cancelled: the mic is off while the answer plays"


def _found_key(welcome: WelcomeFacts) -> list[Line]:
    if not welcome.key_found or welcome.provider.lower() == "openai":
        return []
    found = (("◆ ", "$assistant"), welcome.key_found, (" is set, and not used here.", "$quiet"))
    return [(), found, (("  Talk to OpenAI with  ", "$quiet"), ("voicechat --provider openai", "bold"))]


_STEPS = (
    ("devices", ""),
    ("signalling", "answer of the service"),
    ("ice", "network path (ICE)"),
    ("dtls", "encryption (DTLS)"),
    ("session", "session"),
)
_STEP_COLUMN = 37


def _connecting(facts: CardFacts) -> list[Line]:
    connection = facts.view.connection
    took = dict(connection.steps)
    if "offer" in took:
        took["signalling"] = took.get("signalling", 0.0) + took["offer"] if "signalling" in took else took.pop("offer")
    if "channel" in took:
        took["dtls"] = took.get("dtls", 0.0) + took.pop("channel")
    if facts.view.mic.name or set(took) - {"devices", "offer"}:
        took.setdefault("devices", 0.0)
    now = next((name for name, _ in _STEPS if name not in took), "")
    lines: list[Line] = [((f"Connecting to {_service(connection.provider or facts.welcome.provider)}", "bold"),), ()]
    for name, words in _STEPS:
        padded = (words or _devices_words(facts.view.mic)).ljust(_STEP_COLUMN)
        if name in took:
            lines.append((("● ", "$success"), padded, (f"{took[name]:.2f} s" if took[name] > 0 else "", "$quiet")))
        elif name == now:
            waited = max(0.0, connection.seconds - sum(took.values()))
            lines.append((("◌ ", "$warning"), (padded, "bold"), f"{waited:.2f} s"))
        else:
            lines.append((("○ ", "$quiet"), (padded, "$quiet")))
    if connection.seconds > 3:
        lines += [(), (("This takes longer than usual. What you say now is kept (10 s) and sent then.", "$quiet"),)]
    return lines


def _service(provider: str) -> str:
    return "the local server" if provider == "local" else provider


def _devices_words(mic: MicView) -> str:
    """What there is to talk with; the deck below says why something is missing."""
    if mic.name == "none" or mic.state == "no-microphone":
        return "no microphone; type instead"
    if mic.state == "device-lost":
        return "a sound device has disappeared"
    return "microphone ready, no speaker" if mic.speaker == "none" else "microphone and speaker ready"


def _no_microphone(facts: CardFacts) -> list[Line]:
    mic, keys = facts.view.mic, facts.keys
    way = "aloud" if mic.speaker not in ("", "none") else "in writing"
    until_then = (f"Until then {facts.voice} can read what you type (", "$quiet")
    again = (("Plugged one in, or allowed access? ", "$quiet"), *_key(keys.of("again"), " tries again, ", 0))
    return [
        *_error(f"No microphone: {mic.detail or 'no input device'}"),
        *([(mic.hint,), ()] if mic.hint else []),
        (until_then, *_key(keys.of("type"), f") and answer {way}.", 0)),
        (*again, *_key(keys.of("devices"), " shows the devices.", 0)),
    ]


def _error(text: str) -> list[Line]:
    return [(("✕ ", "bold $error"), (text, "bold $error")), ()]


def _refused(facts: CardFacts) -> list[Line]:
    connection, keys = facts.view.connection, facts.keys
    who = connection.provider or facts.welcome.provider or "the service"
    what = f"Refused by {who}" if connection.next_try_in is None else f"Not connected to {who} yet"
    when = "Not retrying: the same request would fail again."
    if connection.next_try_in is not None:
        when = f"Retrying in {connection.next_try_in:.0f} s (try {connection.attempts + 1})."
    return [
        *_error(f"{what}: {connection.reason or 'no reason given'}"),
        *([(as_sentence(connection.hint),), ()] if connection.hint else []),
        ((when, "$quiet"),),
        (*_key(keys.of("again"), " tries once more   ", 0), *_key(keys.of("quit"), " leaves", 0)),
    ]


def _died(facts: CardFacts) -> list[Line]:
    leaves, stays = _key(facts.keys.of("quit"), " leaves", 0), "What was said stays on this screen."
    if facts.welcome.instead:
        lines: list[Line] = [(("This talk has ended", "bold"),), (), (facts.died or "",), (), ((stays, "$quiet"),)]
        words = " looks for it again   "
    else:
        title = "The audio engine stopped. The call is over." if facts.has_talk else "Ended before anything was said."
        lines = [*_error(title), (facts.died or "It gave no reason.",), ()]
        lines.append(((f"The microphone is closed. {stays}", "$quiet"),))
        words = " starts it again, with the conversation   "
    if facts.may_restart:
        return [*lines, (*_key(facts.keys.of("fold"), words, 0), *leaves)]
    return [*lines, (("It ended three times within a minute.  ", "$warning"), *leaves)]


def _notes(facts: CardFacts) -> list[Line]:
    """Not the one that says what the card says already."""
    lines: list[Line] = []
    reason = facts.view.connection.reason if choose(facts) == "refused" else ""
    for note in facts.notes:
        if not (reason and reason in note.text):
            glyph, color = ("✕ ", "$error") if note.level == "error" else ("▲ ", "$warning")
            lines += [(), ((glyph, color), (f"{note.text}{f' ×{note.count}' if note.count > 1 else ''}", color))]
    return lines


class Card(Container, Backdrop):
    """Chooses its card from the facts; in the middle when it has the place to itself.

    The facts change with every clock of the view, the card hardly ever: only another one is painted.
    """

    facts: reactive[CardFacts] = reactive(CardFacts(), repaint=False)
    _told: object = None

    def compose(self) -> ComposeResult:
        yield Static()

    def watch_facts(self) -> None:
        """Paint what reads differently now."""
        width = min(WIDEST, (self.size.width or self.app.size.width) - 4)
        told = (lines_of(self.name_now, self.facts), width)
        if told != self._told and self.is_mounted:
            self._told, palette = told, palette_of(self.app)
            # A line that begins with a sign hangs behind it.
            lines = (
                hanging(styled(palette, *line[:1]), styled(palette, *line[1:]), width)
                if len(line) > 1 and isinstance(line[0], tuple) and len(line[0][0]) == 2
                else styled(palette, *line)
                for line in told[0]
            )
            self.query_one(Static).update(Content("\n").join(lines))

    on_show = on_resize = on_mount = watch_facts

    @property
    def name_now(self) -> CardName:
        return choose(self.facts)

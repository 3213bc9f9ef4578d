"""The talk screen: takes slices of the session and hands each to the widget that shows it.

It decides only what is visible: size class, which view, which card, who has the keyboard. It never talks to the engine.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from msgspec.structs import replace
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from voicechat.core.view import ConnectionView, MicView, ReplyView, TurnView, View, counts_anew
from voicechat.engine.link import Devices, Meters, Numbers, SessionShown, SoundFacts, TapeShown, Turns
from voicechat.insight.metrics.ledger import Figures
from voicechat.insight.records import Finding
from voicechat.ui.cards import Card, CardFacts
from voicechat.ui.messages import TOLD_BY_THE_TALK
from voicechat.ui.options import WelcomeFacts
from voicechat.ui.pace import settled, still_connection
from voicechat.ui.paint import SIZE_CLASSES, Area, Backdrop, SideBySide, SizeClass, palette_of, size_class
from voicechat.ui.screens.developer import DEVELOPER_CLASSES, Developer
from voicechat.ui.screens.overlays import Overlay
from voicechat.ui.widgets.composer import Composer
from voicechat.ui.widgets.consent import ConsentBox
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.footer import Foot
from voicechat.ui.widgets.glance import Glance
from voicechat.ui.widgets.header_line import HeaderLine
from voicechat.ui.widgets.transcript import Transcript
from voicechat.ui.widgets.turn import body_content
from voicechat.ui.wording import Keys, Release, assistant_name, with_hint

if TYPE_CHECKING:
    from voicechat.ui.widgets.numbers_view import NumbersView
    from voicechat.ui.widgets.problems_pane import ProblemsPane
    from voicechat.ui.widgets.timeline import Timeline


MANAGED = DEVELOPER_CLASSES | {"-talk-view", "-events-view", "-ribbon", *(f"-{name}" for name in SIZE_CLASSES)}
"""Classes that the arrangement sets; every other class is left alone."""


class TalkScreen(Screen[None], Backdrop):
    """One variable a slice, bound to the widgets that show it; equal slices repaint nothing."""

    ESCAPE_TO_MINIMIZE = False
    AUTO_FOCUS = "TurnList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_pane(1)", show=False),
        Binding("shift+tab", "next_pane(-1)", show=False),
        # The answers to a question, nearer than the app's own y, a and n; out of their way while nothing is asked.
        Binding("y", "app.consent('once')", "allow", show=False),
        Binding("a", "app.consent('always')", "always", show=False),
        Binding("n", "app.consent('no')", "no", show=False),
    ]

    # Slices of the session. They are `var`, not `reactive`: the screen itself has nothing to repaint, and would repaint
    # everything. Each value that a binding hands on costs as much as a painted row, and clocks run in most slices: the
    # `still_` ones are equal as long as no word would change.
    mic: var[MicView] = var(MicView())
    reply: var[ReplyView] = var(ReplyView())
    connection: var[ConnectionView] = var(ConnectionView())
    meters: var[Meters] = var(Meters())
    still_mic: var[MicView] = var(MicView())
    still_reply: var[ReplyView] = var(ReplyView())
    still_connection: var[ConnectionView] = var(ConnectionView())
    now: var[float] = var(0.0)
    """Whole seconds on the clock of talk and events."""
    has_state: var[bool] = var(False)
    """The engine has shown a state, so it takes commands."""

    release: var[Release] = var[Release]("unknown")
    keys: var[Keys] = var(Keys())
    keymap: var[dict[str, str]] = var[dict[str, str]]({})
    notice: var[str] = var("")
    label: var[str] = var("")
    tape: var[TapeShown] = var(TapeShown())
    """Whose talk this is, where the screen only shows it."""
    writes: var[bool] = var(False)
    read_only: var[bool] = var(False)
    """The screen of a read-only viewer."""
    hangs: var[bool] = var(False)
    """The engine does not respond."""
    calm: var[bool] = var(False)
    looked_at: var[bool] = var(True)
    place: var[str] = var("talk")
    turns_spoken: var[int] = var(0)
    facts: var[CardFacts] = var(CardFacts())
    troubles: var[tuple[TurnView, ...]] = var[tuple[TurnView, ...]](())
    voice: var[str] = var("assistant")
    figures: var[Meters] = var(Meters())
    rtt: var[float | None] = var[float | None](None)
    numbers: var[Numbers] = var(Numbers(0.0, Figures()))
    sound: var[SoundFacts] = var(SoundFacts())
    devices: var[Devices] = var(Devices())
    session: var[SessionShown] = var(SessionShown())
    is_line_up: var[bool] = var(False)
    findings: var[tuple[Finding, ...]] = var(())
    """Problems of this talk in the order they were first seen, each as it is now."""

    def __init__(self, welcome: WelcomeFacts, keys: Keys, keymap: dict[str, str], *, calm: bool) -> None:
        super().__init__()
        self.set_reactive(TalkScreen.keys, keys)
        self.set_reactive(TalkScreen.keymap, keymap)
        self.set_reactive(TalkScreen.calm, calm)
        first = View(mic=MicView(turn_mode=welcome.turn_mode), connection=ConnectionView(provider=welcome.provider))
        self.set_reactive(TalkScreen.mic, first.mic)
        self.set_reactive(TalkScreen.connection, first.connection)
        self.set_reactive(TalkScreen.facts, CardFacts(view=first, welcome=welcome, keys=keys))
        self._died: str | None = None
        self._may_restart = True
        self.last_setting = ""
        """Where the cursor of the settings was left."""
        self.developer = Developer(self)
        self.consent = ConsentBox()

    def compose(self) -> ComposeResult:
        """Header, main area, deck, composer, footer; boxes float above the main area only."""
        cls = TalkScreen
        self._classify()  # before there are children to style anew
        header = HeaderLine().data_bind(cls.connection, cls.now, cls.rtt, cls.numbers, cls.label, cls.writes)
        yield header.data_bind(cls.tape, cls.hangs)
        with Area(id="main"):
            with SideBySide(id="talk"):
                with Area(id="said"):
                    yield Transcript().data_bind(cls.voice)
                    yield Card(id="card").data_bind(cls.facts)
                glance = Glance().data_bind(cls.reply, cls.connection, cls.figures, cls.numbers)
                yield glance.data_bind(notes=cls.troubles)
        yield self.consent.data_bind(cls.place)
        yield Static("", id="last", markup=False)
        yield Static("Too small for the talk: needs 60x16", id="too-small", markup=False)
        still = {"mic": cls.still_mic, "reply": cls.still_reply, "connection": cls.still_connection}
        yield Deck().data_bind(
            *(cls.mic, cls.reply, cls.connection, cls.meters, cls.release, cls.keys, cls.notice, cls.calm, cls.sound),
            cls.read_only,
        )
        yield Composer().data_bind(cls.read_only)
        yield Foot().data_bind(cls.release, cls.keys, cls.place, cls.turns_spoken, cls.read_only, **still)

    def on_mount(self) -> None:
        self.rearrange()

    @cached_property
    def numbers_view(self) -> NumbersView:
        from voicechat.ui.widgets.numbers_view import NumbersView

        return NumbersView()

    def place_panes(self) -> None:
        """The panes that are not part of the first frame, each in its place."""
        cls = TalkScreen
        self.developer.problems.data_bind(cls.findings, cls.turns_spoken)
        self.query_one("#talk").mount(
            self.numbers_view.data_bind(cls.numbers, cls.connection, cls.figures), self.developer.inspector
        )
        drawn = (self.developer.timeline, self.developer.ribbon)
        self.mount(*(one.data_bind(cls.voice, cls.calm) for one in drawn), before=self.query_one(Deck))
        self.developer.timeline.hits = self.developer.inspector.hits

    # what the engine says
    def show_state(self, view: View, meters: Meters, sound: SoundFacts) -> None:
        self.sound, self.writes = sound, view.mic.turn_mode == "transcribe"
        self.hangs = view.mic.state == "unknown"
        self.has_state = True
        self.take_slices(view, meters)
        self.is_line_up = self.query_one(Composer).is_online = view.connection.phase == "open"
        self.consent.take(() if self.read_only else view.asked)
        self.voice, self.rtt = assistant_name(view.connection), None if meters.rtt is None else round(meters.rtt, 3)
        self.figures = structs.replace(
            meters, input=None, input_peak=None, clipped=0.0, output=None, threshold=None, rtt=self.rtt,
            received=settled(meters.received),
        )  # fmt: skip
        self._refresh_facts()
        self.developer.advance()

    def take_turns(self, turns: Turns) -> None:
        if not self.read_only:
            turns = structs.replace(turns, changed=tuple(with_hint(turn, self.keys) for turn in turns.changed))
        transcript = self.query_one(Transcript)
        before = {turn.key: transcript.records.get(turn.key) for turn in turns.changed}
        transcript.take(turns)
        if turns.order is not None or any(counts_anew(before[turn.key], turn) for turn in turns.changed):
            self._count_turns()
        elif self.size_class == "tiny":
            self.show_last()

    def _count_turns(self) -> None:
        transcript = self.query_one(Transcript)
        records = [transcript.records[key] for key in transcript.order if key in transcript.records]
        self.turns_spoken = sum(r.who == "you" and not r.typed and not r.partial for r in records)
        self.troubles = transcript.troubles(4)
        self._refresh_facts()
        if self.size_class == "tiny":
            self.show_last()

    def take_finding(self, finding: Finding) -> None:
        """A problem, or its new state. A new error is told once in the talk as well."""
        known = {one.id: one for one in self.findings}
        is_news = finding.id not in known and finding.code not in TOLD_BY_THE_TALK
        if finding.severity == "error" and not finding.resolved and is_news:
            self.query_one(Transcript).add_note(
                f"{finding.title} {self.keys.of('events')} shows why.", "error", here=True
            )
            self._count_turns()
        self.findings = tuple((known | {finding.id: finding}).values())

    def add_note(self, text: str, *, here: bool = False) -> None:
        self.query_one(Transcript).add_note(text, "info" if here else "warning", here=here)
        self._count_turns()

    def engine_died(self, cause: str | None, *, may_restart: bool = True) -> None:
        """The engine is gone (or, with None, there again)."""
        self._died, self._may_restart = cause, may_restart
        if cause is not None:
            self.close_composer()
            self.close_overlays()
            self.has_state = False
            self.developer.show(False)
        self._refresh_facts()
        self.refresh_place()

    def _refresh_facts(self) -> None:
        has_talk, level = self.query_one(Transcript).has_talk, self.meters.input
        waits = self.connection.phase in ("connecting", "refused")  # their cards show how long
        self.facts = CardFacts(
            view=View(self.still_mic, ReplyView(), self.connection if waits else self.still_connection),
            meters=Meters(input=None if has_talk or level is None else float(round(level))),
            welcome=self.facts.welcome,
            keys=self.keys,
            release=self.release,
            died=self._died,
            may_restart=self._may_restart,
            has_talk=has_talk,
            notes=()
            if self.size_class == "wide" and not self.developer.is_shown
            else self.troubles[-3:],  # Glance has them
        )
        self._arrange_card()

    # who sees what
    def on_resize(self, event: events.Resize) -> None:
        self.developer.fit_details()
        self.consent.fill()
        self.rearrange()

    def rearrange(self) -> None:
        self._refresh_facts()
        if self.size_class == "tiny":
            self.show_last()
        self.refresh_place()

    def _classify(self, *, shows_turns: bool = False) -> None:
        """All classes in one step: each step styles every widget anew."""
        size = self.size_class
        wanted = {f"-{size}", "-talk-view"}
        if self.developer.is_shown:
            wanted = {f"-{size}", "-events-view", *self.developer.classes()}
        if shows_turns and size in ("normal", "wide") and not self.developer.is_shown:
            wanted.add("-ribbon")
        if self.classes & MANAGED != wanted:
            self.set_classes((self.classes - MANAGED) | wanted)

    def _arrange_card(self) -> None:
        """A card has the place of the transcript while nothing was said, else it stands below it."""
        card, transcript = self.query_one(Card), self.query_one(Transcript)
        name = card.name_now
        beside = bool(name) and transcript.has_talk
        if card.display != bool(name):
            card.display = bool(name)
        if transcript.display != (not name or beside):
            transcript.display = not name or beside
        if beside or card.has_class("-beside"):
            card.set_class(beside, "-beside")
        self._classify(shows_turns=bool(transcript.display))
        if transcript.display and self.focused is None and not self.developer.is_shown:
            self.focus_transcript()
        transcript.pace = 0.05 if self.looked_at else 0.5

    def show_last(self) -> None:
        turn = self.query_one(Transcript).last
        if self.consent.asked:
            self.query_one("#last", Static).update(self.consent.in_one_line)
        elif turn is not None:
            self.query_one("#last", Static).update(body_content(turn, palette_of(self.app), self.keys, unfolded=False))

    def watch_release(self) -> None:
        if self.is_mounted:
            self._refresh_facts()

    # views, boxes and the keyboard
    def focus_main(self) -> None:
        self.developer.inspector.events.focus() if self.developer.is_shown else self.focus_transcript()

    def focus_transcript(self) -> None:
        """The keyboard's home. While a card hides it nobody has it."""
        turn_list = self.query_one(Transcript).turn_list
        self.set_focus(turn_list if self.query_one(Transcript).display else None)

    def open_composer(self) -> None:
        self.query_one(Composer).is_open = True
        self.refresh_place()

    def close_composer(self) -> bool:
        """False: it was not open."""
        composer = self.query_one(Composer)
        was_open, composer.is_open = composer.is_open, False
        if was_open:
            self.focus_main()
            self.refresh_place()
        return was_open

    def toggle_numbers(self) -> bool:
        """The numbers in place of the talk (beside it on a wide screen), or back. False: this screen is too small."""
        if self.size_class == "tiny":
            return False
        if not self.developer.is_built:
            self.developer.when_built(self.toggle_numbers)
        elif not self.close_numbers():
            if self.developer.is_shown:
                self.developer.show(False)
            self.add_class("-numbers")
            self.numbers_view.table.focus()
            self.refresh_place()
        return True

    def close_numbers(self) -> bool:
        if not self.shows_numbers:
            return False
        self.remove_class("-numbers")
        self.focus_transcript()
        self.refresh_place()
        return True

    @property
    def shows_numbers(self) -> bool:
        return self.has_class("-numbers") and not self.developer.is_shown

    def on_screen_resume(self) -> None:
        self.refresh_place()

    def close_overlays(self) -> None:
        while isinstance(self.app.screen, Overlay):
            self.app.pop_screen()

    def close_topmost(self) -> bool:
        """Close one thing; False: nothing was open."""
        if self.close_composer():
            return True
        if self.developer.is_shown:
            if not self.developer.close():
                self.developer.show(False)
            return True
        return self.close_numbers()

    def on_consent_box_changed(self) -> None:
        if self.size_class == "tiny":
            self.show_last()
        self.refresh_place()

    def on_transcript_selected(self) -> None:
        self.refresh_place()

    def refresh_place(self) -> None:
        if self._died is not None:
            self.place = "died"
        elif isinstance(self.app.screen, Overlay):
            self.place = self.app.screen.place
        elif self.query_one(Composer).is_open:
            self.place = "typing"
        elif self.consent.asked:
            self.place = "consent"
        elif self.developer.is_shown:
            is_typing, has_problems = (
                self.developer.inspector.filter.is_typing,
                self.developer.problems.listed.has_focus,
            )
            self.place = "filter" if is_typing else "problems" if has_problems else "events"
        elif self.shows_numbers:
            self.place = "numbers"
        else:
            self.place = "turn" if self.query_one(Transcript).selected else "talk"

    def take_slices(self, view: View, meters: Meters) -> None:
        if view.mic != self.mic:
            self.still_mic = replace(view.mic, seconds=0.0, remaining=None)
        if view.reply != self.reply:
            self.still_reply = replace(view.reply, seconds=0.0)
        if view.connection != self.connection:
            self.still_connection = still_connection(view.connection)
        self.mic, self.reply, self.connection, self.meters = view.mic, view.reply, view.connection, meters

    # what is shown
    @property
    def size_class(self) -> SizeClass:
        return size_class(*self.app.size)

    def on_event_list_selected(self) -> None:
        self.developer.mark_selected()

    # what the panes of the developer view say
    def action_next_pane(self, by: int) -> None:
        self.developer.next_pane(by)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.developer.pane_focused(event.widget)
        self.refresh_place()

    def on_events_pane_details_shown(self) -> None:
        self.developer.details_shown()

    def on_timeline_picked(self, message: Timeline.Picked) -> None:
        self.developer.inspector.select_time(message.t)
        self.developer.mark_selected()

    def on_timeline_span_chosen(self, message: Timeline.SpanChosen) -> None:
        self.developer.inspector.show_span(message.start, message.end)
        self.call_after_refresh(self.developer.mark_selected)

    def on_problems_pane_evidence_wanted(self, message: ProblemsPane.EvidenceWanted) -> None:
        self.developer.show_event(message.evidence.seq)

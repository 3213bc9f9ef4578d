"""The talk screen: takes slices of the session and hands each to the widget that shows it.

It decides only what is visible: size class, which view, which card, who has the keyboard. It never talks to the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from msgspec import structs
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from voicechat.core.user_events import DevicesAsked
from voicechat.core.view import ConnectionView, MicView, ReplyView, ToolAsk, TurnView, View, counts_anew
from voicechat.engine.link import (
    Batch,
    Devices,
    Finding,
    Jumped,
    Meters,
    Numbers,
    SessionShown,
    SoundFacts,
    TapeShown,
    Turns,
)
from voicechat.insight.metrics.ledger import Figures
from voicechat.ui.cards import CardFacts
from voicechat.ui.messages import TOLD_BY_THE_TALK, UserDid
from voicechat.ui.options import WelcomeFacts
from voicechat.ui.pace import settled, still_connection
from voicechat.ui.paint import SIZE_CLASSES, Area, Backdrop, SideBySide, SizeClass, palette_of, size_class
from voicechat.ui.sanitise import clean
from voicechat.ui.widgets.card import Card, ConsentBox, KeyCard, QuitBox
from voicechat.ui.widgets.composer import Composer
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.footer import Foot
from voicechat.ui.widgets.glance import Answers, Glance
from voicechat.ui.widgets.header_line import HeaderLine
from voicechat.ui.widgets.ribbon import Ribbon
from voicechat.ui.widgets.transcript import Transcript
from voicechat.ui.widgets.turn import body_content
from voicechat.ui.wording import Keys, Release, assistant_name, with_hint

if TYPE_CHECKING:
    from voicechat.ui.widgets.devices_pane import DevicesPane
    from voicechat.ui.widgets.events_pane import EventsPane
    from voicechat.ui.widgets.numbers_view import NumbersView
    from voicechat.ui.widgets.problems_pane import ProblemsPane
    from voicechat.ui.widgets.settings_pane import SettingsPane
    from voicechat.ui.widgets.timeline import Timeline


Face = Literal["transcript", "list", "details", "problems"]
FACES: tuple[Face, ...] = ("transcript", "list", "details", "problems")
DEVELOPER_CLASSES = frozenset({*(f"-face-{face}" for face in FACES), "-details"})
"""Classes of the screen that tell the style sheet what stands in a place that is shared."""
ARMED_AFTER = 0.5
"""Seconds for which a new question takes no answer: a key that was already on its way must not run code."""
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
    # `still_` ones are equal as long as no word would change, those of drawers stand still while none is open.
    mic: var[MicView] = var(MicView())
    reply: var[ReplyView] = var(ReplyView())
    connection: var[ConnectionView] = var(ConnectionView())
    meters: var[Meters] = var(Meters())
    still_mic: var[MicView] = var(MicView())
    still_reply: var[ReplyView] = var(ReplyView())
    still_connection: var[ConnectionView] = var(ConnectionView())
    drawer_mic: var[MicView] = var(MicView())
    drawer_meters: var[Meters] = var(Meters())
    asked: var[tuple[ToolAsk, ...]] = var[tuple[ToolAsk, ...]](())
    """Calls of tools that wait for the user's word."""
    armed: var[bool] = var(False)
    """The question has been on the screen for `ARMED_AFTER`, and a key answers it."""

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
    hand_place: var[str] = var("")
    """`sending` while the form for events is open, `turn` while a turn is selected."""
    turns_spoken: var[int] = var(0)
    facts: var[CardFacts] = var(CardFacts())
    answers: var[Answers] = var(Answers())
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
        self._has_state = False
        """The engine has shown a state, so it takes commands."""
        self.is_built = False
        """The panes that are not part of the first frame are there."""
        self._is_building = False
        self._early: list[Batch] = []
        """Events that came before the list was there."""
        self._when_built: list[Callable[[], object]] = []
        """Views that were asked for before they were there."""
        self.shows_events = False
        """The developer view has the main area."""
        self.face: Face = "list"
        self._tinted_for = ""
        """The filter whose hits the timeline shows."""
        self._details_come_with_size = False
        """The details are there because the screen is wide, not because they were opened."""
        self.clock: Callable[[], float] = time.monotonic
        self._shown_call = ""
        self.decided: set[str] = set()
        """Calls that were answered, which a state from before the answer may still ask about."""

    def compose(self) -> ComposeResult:
        """Header, main area, ribbon, deck, composer, footer; boxes float above the main area only."""
        cls = TalkScreen
        self._classify()  # before there are children to style anew
        yield HeaderLine().data_bind(cls.connection, cls.rtt, cls.numbers, cls.label, cls.writes, cls.tape, cls.hangs)
        with Area(id="main"):
            with SideBySide(id="talk"):
                with Area(id="said"):
                    yield Transcript().data_bind(cls.voice)
                    yield Card(id="card").data_bind(cls.facts)
                glance = Glance().data_bind(cls.reply, cls.connection, cls.answers, cls.figures, cls.numbers)
                yield glance.data_bind(notes=cls.troubles)
            yield KeyCard().data_bind(cls.keymap, cls.release, cls.keys, cls.read_only)
            yield QuitBox()
        yield ConsentBox().data_bind(cls.asked, cls.place, cls.armed)
        yield Static("", id="last", markup=False)
        yield Static("60x16 or more shows the talk", id="too-small", markup=False)
        still = {"mic": cls.still_mic, "reply": cls.still_reply, "connection": cls.still_connection}
        yield Ribbon().data_bind(cls.meters, cls.calm, cls.looked_at, **still)
        yield Deck().data_bind(
            *(cls.mic, cls.reply, cls.connection, cls.meters, cls.release, cls.keys, cls.notice, cls.calm, cls.sound),
            cls.read_only,
        )
        yield Composer().data_bind(cls.read_only)
        yield Foot().data_bind(cls.release, cls.keys, cls.place, cls.turns_spoken, cls.read_only, **still)

    def on_mount(self) -> None:
        """Start with the talk and whatever card is due."""
        self.rearrange()

    @cached_property
    def numbers_view(self) -> NumbersView:
        """What the talk costs in time and money."""
        from voicechat.ui.widgets.numbers_view import NumbersView

        return NumbersView()

    def place_panes(self) -> None:
        """The panes that are not part of the first frame, each in its place."""
        cls = TalkScreen
        self.problems.data_bind(cls.findings, cls.turns_spoken)
        self.query_one("#talk").mount(
            self.numbers_view.data_bind(cls.numbers, cls.connection, cls.figures), self.inspector
        )
        seen = {"mic": cls.drawer_mic, "meters": cls.drawer_meters}
        self.devices_pane.data_bind(cls.devices, cls.sound, **seen)
        settings = self.settings_pane.data_bind(cls.sound, cls.is_line_up, cls.calm, **seen)
        self.query_one("#main").mount(self.devices_pane, settings.data_bind(shown=cls.session), before=0)
        self.mount(self.timeline.data_bind(cls.voice, cls.calm), before=self.query_one(Ribbon))
        self.timeline.hits = self.inspector.hits

    # what the engine says
    def show_state(self, view: View, meters: Meters, sound: SoundFacts) -> None:
        """A new state of the session."""
        self.sound, self.writes = sound, view.mic.turn_mode == "transcribe"
        self.hangs = view.mic.state == "unknown"
        if not self._has_state:
            self._has_state = True
            self.ask_for_devices()
        self.take_slices(view, meters)
        self.is_line_up = self.query_one(Composer).is_online = view.connection.phase == "open"
        self.take_asked(() if self.read_only else view.asked)
        self.voice, self.rtt = assistant_name(view.connection), None if meters.rtt is None else round(meters.rtt, 3)
        self.figures = structs.replace(
            meters, input=None, input_peak=None, clipped=0.0, output=None, threshold=None, rtt=self.rtt,
            received=settled(meters.received),
        )  # fmt: skip
        self._refresh_facts()
        self.advance_timeline()

    def take_turns(self, turns: Turns) -> None:
        """Changed entries of the transcript."""
        if not self.read_only:
            turns = structs.replace(turns, changed=tuple(with_hint(turn, self.keys) for turn in turns.changed))
        transcript = self.query_one(Transcript)
        before = {turn.key: transcript.records.get(turn.key) for turn in turns.changed}
        transcript.take(turns)
        for turn in turns.changed:
            self._mark_voice(before[turn.key], turn)
        if turns.order is not None or any(counts_anew(before[turn.key], turn) for turn in turns.changed):
            self._count_turns()
        elif self.size_class == "tiny":
            self.show_last()

    def _mark_voice(self, before: TurnView | None, turn: TurnView) -> None:
        is_news = turn.vad == "started" if before is None else turn.vad != before.vad
        if turn.who == "you" and turn.vad and is_news:
            self.query_one(Ribbon).mark("◆" if turn.vad == "started" else "◇")

    def _count_turns(self) -> None:
        transcript = self.query_one(Transcript)
        records = [transcript.records[key] for key in transcript.order if key in transcript.records]
        self.turns_spoken = sum(r.who == "you" and not r.typed and not r.partial for r in records)
        times = (r.latency for r in records if r.who == "assistant")
        self.answers = Answers(tuple(t for t in times if t is not None))
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

    def add_note(self, text: str) -> None:
        """Something the screen itself has to say."""
        self.query_one(Transcript).add_note(text)
        self._count_turns()

    def engine_died(self, cause: str | None, *, may_restart: bool = True) -> None:
        """The engine is gone (or, with None, there again)."""
        self._died, self._may_restart = cause, may_restart
        if cause is not None:
            self.close_composer()
            self.close_drawers()
            self._has_state = False
            self.show_events(False)
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
            notes=() if self.size_class == "wide" and not self.shows_events else self.troubles[-3:],  # Glance has them
        )
        self._arrange_card()

    # who sees what
    def on_resize(self, event: events.Resize) -> None:
        """Another size class, the same focus."""
        self.fit_details()
        self.rearrange()

    def rearrange(self) -> None:
        """What is visible now."""
        self._refresh_facts()
        if self.size_class == "tiny":
            self.show_last()
        self.refresh_place()

    def _classify(self, *, shows_turns: bool = False) -> None:
        """All classes in one step: each step styles every widget anew."""
        size = self.size_class
        wanted = {f"-{size}", "-talk-view"}
        if self.shows_events:
            wanted = {f"-{size}", "-events-view", *self.developer_classes()}
        if shows_turns and size in ("normal", "wide") and not self.shows_events:
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
            card.styles.height = card.rows_needed(self.size.width) if beside else None
        self._classify(shows_turns=bool(transcript.display))
        if transcript.display and self.focused is None and not self.shows_events:
            self.focus_transcript()
        transcript.pace = 0.05 if self.looked_at else 0.5

    def show_last(self) -> None:
        """On a tiny screen the newest turn is all there is room for."""
        turn = self.query_one(Transcript).last
        if self.asked:
            self.query_one("#last", Static).update(self.question)
        elif turn is not None:
            self.query_one("#last", Static).update(body_content(turn, palette_of(self.app), self.keys, unfolded=False))

    def watch_release(self) -> None:
        """The welcome card tells how the keyboard is understood."""
        if self.is_mounted:
            self._refresh_facts()

    # views, boxes and the keyboard
    def focus_transcript(self) -> None:
        """The keyboard's home. While a card hides it nobody has it."""
        turn_list = self.query_one(Transcript).turn_list
        self.set_focus(turn_list if self.query_one(Transcript).display else None)

    def open_composer(self) -> None:
        """Write a message."""
        self.query_one(Composer).is_open = True
        self.refresh_place()

    def close_composer(self) -> bool:
        """False: it was not open."""
        composer = self.query_one(Composer)
        was_open, composer.is_open = composer.is_open, False
        if was_open:
            self.inspector.events.focus() if self.shows_events else self.focus_transcript()
            self.refresh_place()
        return was_open

    def toggle_numbers(self) -> bool:
        """The numbers in place of the talk (beside it on a wide screen), or back. False: this screen is too small."""
        if self.size_class == "tiny":
            return False
        if not self.is_built:
            self.when_built(self.toggle_numbers)
        elif not self.close_numbers():
            if self.shows_events:
                self.show_events(False)
            self.add_class("-numbers")
            self.numbers_view.focus()
            self.refresh_place()
        return True

    def close_numbers(self) -> bool:
        """False: they were not shown."""
        if not self.shows_numbers:
            return False
        self.remove_class("-numbers")
        self.focus_transcript()
        self.refresh_place()
        return True

    @property
    def shows_numbers(self) -> bool:
        """The numbers have the main area; events, when they are shown, come before them."""
        return self.has_class("-numbers") and not self.shows_events

    def toggle_keys(self) -> None:
        """The key card, or away with it."""
        card = self.query_one(KeyCard)
        card.developer = self.shows_events
        card.display = not card.display
        self.refresh_place()

    def ask_to_quit(self, wanted: bool) -> None:
        """The question of somebody who is on air; no drawer may cover it or take its Enter."""
        if wanted:
            self.close_drawers()
        self.query_one(QuitBox).display = wanted
        self.refresh_place()

    @property
    def is_asking(self) -> bool:
        """The question is open."""
        return bool(self.query_one(QuitBox).display)

    def close_topmost(self) -> bool:
        """Close one thing; False: nothing was open."""
        if self.is_asking:
            self.ask_to_quit(False)
            return True
        if self.close_composer():
            return True
        if self.query_one(KeyCard).display:
            self.toggle_keys()
            return True
        if self.close_drawer():
            return True
        if self.shows_events:
            if not self.close_developer():
                self.show_events(False)
            return True
        return self.close_numbers()

    def on_filter_line_toggled(self) -> None:
        """A filter is being typed, or no longer."""
        self.refresh_place()

    def watch_hand_place(self) -> None:
        """Other keys work now."""
        if self.is_mounted:
            self.refresh_place()

    def refresh_place(self) -> None:
        """What has the keyboard, for the footer."""
        if self._died is not None:
            self.place = "died"
        elif self.is_asking:
            self.place = "asking"
        elif self.hand_place == "sending":
            self.place = "sending"
        elif self.query_one(Composer).is_open:
            self.place = "typing"
        elif self.query_one(KeyCard).display:
            self.place = "help"
        elif self.drawer_place:
            self.place = self.drawer_place
        elif self.shows_events:
            self.place = "filter" if self.inspector.filter.is_typing else "events"
        elif self.shows_numbers:
            self.place = "numbers"
        else:
            self.place = self.hand_place or "talk"
        self.feed_drawers()

    def take_slices(self, view: View, meters: Meters) -> None:
        """A new state of the session."""
        if view.mic != self.mic:
            self.still_mic = replace(view.mic, seconds=0.0, remaining=None)
        if view.reply != self.reply:
            self.still_reply = replace(view.reply, seconds=0.0)
        if view.connection != self.connection:
            self.still_connection = still_connection(view.connection)
        self.mic, self.reply, self.connection, self.meters = view.mic, view.reply, view.connection, meters
        self.feed_drawers()

    def feed_drawers(self) -> None:
        """What a drawer shows of the session, while one is open."""
        if self.drawer_place:
            self.drawer_mic, self.drawer_meters = self.mic, self.meters

    @cached_property
    def problems(self) -> ProblemsPane:
        """What went wrong."""
        from voicechat.ui.widgets.problems_pane import ProblemsPane

        return ProblemsPane()

    @cached_property
    def inspector(self) -> EventsPane:
        """The events, and below them details and problems."""
        from voicechat.ui.widgets.events_pane import EventsPane

        return EventsPane(self.problems)

    @cached_property
    def timeline(self) -> Timeline:
        """The lanes above the deck."""
        from voicechat.ui.widgets.timeline import Timeline

        return Timeline()

    def build(self) -> None:
        """Make the panes that are not part of the first frame, once."""
        if not self._is_building:
            self._is_building = True
            self.place_panes()
            self.call_after_refresh(self._begin_panes)

    def when_built(self, action: Callable[[], object]) -> None:
        """Do this as soon as the panes are there."""
        self._when_built.append(action)
        self.call_later(self.build)

    def _begin_panes(self) -> None:
        """They are mounted, children and all: from here on they are told what happens."""
        self.is_built = True
        early, self._early = self._early, []
        for batch in early:
            self.take_batch(batch)
        self.fit_details()
        self.rearrange()
        waiting, self._when_built = self._when_built, []
        for action in waiting:
            action()

    # what comes in
    def take_state(self, t: float, mic: MicView, meters: Meters) -> None:
        """Every report of the engine, also those that the screen does not show for lack of time."""
        if self.is_built:
            self.timeline.take_state(t, mic, meters)

    def take_batch(self, batch: Batch) -> None:
        """New events."""
        if not self.is_built:
            self._early.append(batch)
            return
        self.inspector.take(batch)
        self.timeline.take_rows(batch.rows)

    def jump_panes(self, jumped: Jumped) -> None:
        """The list forgets what is void; the timeline is told of the stretch that nobody watched."""
        if not self.is_built:
            if jumped.anew:
                self._early.clear()
            self.when_built(lambda: self.timeline.jump(jumped))
            return
        if jumped.anew:
            self.inspector.begin_anew()
        self.timeline.jump(jumped)

    def advance_timeline(self) -> None:
        """With each state that is shown: one frame for deck and timeline."""
        if self.is_built:
            self._mark_selected()
            self.timeline.advance()

    def _mark_selected(self) -> None:
        """While the list follows nothing is selected: the newest event is where now is."""
        listed = self.inspector.events
        entry = None if listed.follow else listed.current_entry
        self.timeline.selected = entry.t if entry is not None else None
        if self._tinted_for != self.inspector.filter.applied:
            self._tinted_for = self.inspector.filter.applied
            self.timeline.refresh()

    # what is shown
    @property
    def size_class(self) -> SizeClass:
        """Of the whole screen."""
        return size_class(*self.app.size)

    def developer_classes(self) -> set[str]:
        """For the style sheet, while this view is shown."""
        return {f"-face-{self.face}", *(["-details"] if self.inspector.detail.display else [])}

    def show_events(self, wanted: bool) -> None:
        """The developer view, or back to the talk."""
        if not self.is_built:
            if wanted:
                self.when_built(lambda: self.show_events(True))
            return
        self.shows_events = wanted
        self.face = "list"
        if wanted:
            self.inspector.flush()
            self.fit_details()
        self.rearrange()
        if wanted:
            self.inspector.events.focus()
        else:
            self.focus_transcript()

    def fit_details(self) -> None:
        """Wide screens have room for the details at all times; elsewhere they are there when they were asked for."""
        if not self.is_built:
            return
        detail, is_wide = self.inspector.detail, self.size_class == "wide"
        if is_wide and self.shows_events and not detail.display:
            self._details_come_with_size = True
            self.inspector.show_details(True)
        elif not is_wide and self._details_come_with_size:
            self._details_come_with_size = False
            if not detail.text.has_focus:
                self.inspector.show_details(False)

    def close_developer(self) -> bool:
        """Close one thing of this view; False: nothing but the view itself is left."""
        if self.timeline.release():
            self.inspector.release_span()
        elif self.size_class == "compact" and self.face in ("transcript", "problems"):
            self.turn_to(self.inspector.events)
        elif self.size_class == "wide" and self.inspector.detail.text.has_focus:
            self.inspector.events.focus()
        elif self.size_class == "wide" and self.inspector.filter.is_default and not self.inspector.filter.is_typing:
            return False
        else:
            return self.inspector.close_one(keep_details=self.size_class == "wide")
        return True

    # the keyboard
    def stops(self) -> list[Widget]:
        """Where Tab goes: transcript, events, filter, details, problems, timeline, drawer."""
        pane, transcript = self.inspector, self.query_one(Transcript)
        wanted: list[Widget] = [transcript.turn_list] if transcript.display else []
        wanted += [pane.events, pane.filter.field]
        wanted += [pane.detail.text] if pane.detail.display else []
        if self.size_class != "normal" or not pane.detail.display:
            wanted.append(self.problems)
        return [*wanted, self.timeline, *self._drawers()]

    def _drawers(self) -> list[Widget]:
        """What is open above the main area and takes keys."""
        boxes = [child for child in self.query_one("#main").children if child.id != "talk" and child.display]
        able = [[part for part in box.query("*").results(Widget) if part.can_focus and part.display] for box in boxes]
        return [
            box if box.can_focus else parts[0] for box, parts in zip(boxes, able, strict=True) if box.can_focus or parts
        ]

    def action_next_pane(self, by: int) -> None:
        """The keyboard to the next pane; outside the developer view, to the next widget."""
        stops = self.stops() if self.shows_events else []
        here = next((place for place, stop in enumerate(stops) if stop is self.focused), None)
        if here is None:
            self.focus_next() if by > 0 else self.focus_previous()
        else:
            self.turn_to(stops[(here + by) % len(stops)])

    def turn_to(self, pane: Widget) -> None:
        """Show a pane and give it the keyboard."""
        self._turn_face(pane)
        self.call_after_refresh(self.set_focus, pane)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The pane with the keyboard is the one a compact screen shows."""
        if self.shows_events:
            self._turn_face(event.widget)

    def _turn_face(self, widget: Widget) -> None:
        face = self._face_of(widget)
        if face is not None and face != self.face:
            self.face = face
            self.rearrange()

    def _face_of(self, widget: Widget) -> Face | None:
        from voicechat.ui.widgets.event_list import EventList
        from voicechat.ui.widgets.events_pane import DetailPane
        from voicechat.ui.widgets.filter_line import FilterLine
        from voicechat.ui.widgets.problems_pane import ProblemsPane

        for ancestor in widget.ancestors_with_self:
            match ancestor:
                case Transcript():
                    return "transcript"
                case EventList() | FilterLine():
                    return "list"
                case DetailPane():
                    return "details"
                case ProblemsPane():
                    return "problems"
                case _:
                    pass
        return None

    # what the panes say
    def on_events_pane_details_shown(self) -> None:
        """They came or went: on a compact screen in place of the list, on a normal one in place of the problems."""
        shown = bool(self.inspector.detail.display)
        if self.size_class == "compact" and self.shows_events and (shown or self.face == "details"):
            self.turn_to(self.inspector.detail.text if shown else self.inspector.events)
        self.rearrange()

    def on_event_list_selected(self) -> None:
        """The mark on the timeline goes along."""
        self._mark_selected()

    def on_timeline_picked(self, message: Timeline.Picked) -> None:
        """The event nearest to a moment."""
        self.inspector.select_time(message.t)
        self._mark_selected()

    def on_timeline_span_chosen(self, message: Timeline.SpanChosen) -> None:
        """Only what happened there."""
        self.inspector.show_span(message.start, message.end)
        self.call_after_refresh(self._mark_selected)

    def on_problems_pane_evidence_wanted(self, message: ProblemsPane.EvidenceWanted) -> None:
        """To the event that shows a problem, and what it says."""
        if not self.shows_events:
            self.show_events(True)
        if not self.inspector.select_seq(message.evidence.seq):
            return
        if message.evidence.t is not None:
            self.timeline.show_moment(message.evidence.t)
        self.inspector.show_details(True)
        self._mark_selected()
        if self.size_class != "wide":  # the details stand where the problems stood
            self.turn_to(self.inspector.detail.text if self.size_class == "compact" else self.inspector.events)

    # keys that work anywhere in this view
    def zoom(self, by: int) -> None:
        """The timeline, closer (1) or wider (-1)."""
        if self.shows_events:
            self.timeline.zoom(by)

    def next_problem(self, by: int) -> None:
        """The next (1) or previous (-1) problem; in sight on every size."""
        if self.shows_events and self.problems.move(by):
            if self.size_class == "normal" and self.inspector.detail.display:
                self.inspector.show_details(False)
            self.turn_to(self.problems)

    @cached_property
    def devices_pane(self) -> DevicesPane:
        """The drawer of microphones and loudspeakers."""
        from voicechat.ui.widgets.devices_pane import DevicesPane

        return DevicesPane()

    @cached_property
    def settings_pane(self) -> SettingsPane:
        """The drawer of the session's settings."""
        from voicechat.ui.widgets.settings_pane import SettingsPane

        return SettingsPane()

    @property
    def drawer_place(self) -> str:
        """The drawer or the question that has the keyboard; empty: there is none."""
        if self.is_built and self.devices_pane.display:
            return "devices"
        if self.is_built and self.settings_pane.display:
            return "setting" if self.settings_pane.is_editing else "settings"
        return "consent" if self.asked else ""

    def close_drawer(self) -> bool:
        """One thing at a time: the text that is being typed, then the drawer. False: none was open."""
        return self.is_built and (self.settings_pane.close_field() or self.close_drawers())

    def close_drawers(self) -> bool:
        """False: none was open."""
        if not self.is_built:
            return False
        devices, settings = self.devices_pane, self.settings_pane
        if not devices.display and not settings.display:
            return False
        if devices.display:
            self.post_message(UserDid(DevicesAsked(False)))
        settings.close_field()
        devices.display = settings.display = False
        self.remove_class("-settings")
        self.inspector.events.focus() if self.shows_events else self.focus_transcript()
        self.refresh_place()
        return True

    def toggle_devices(self) -> bool:
        """The drawer of devices, or away with it. False: this screen is too small for it."""
        if self.size_class == "tiny":
            return False
        if not self.is_built:
            self.when_built(self.toggle_devices)
            return True
        pane = self.devices_pane
        was_open = bool(pane.display)
        self.close_drawers()
        if not was_open:
            pane.cursor, pane.display = "", True
            pane.focus()
            self.ask_for_devices()
            self.refresh_place()
        return True

    def toggle_settings(self) -> bool:
        """The drawer of settings, or away with it. False: this screen is too small for it."""
        if self.size_class == "tiny":
            return False
        if not self.is_built:
            self.when_built(self.toggle_settings)
            return True
        pane = self.settings_pane
        was_open = bool(pane.display)
        self.close_drawers()
        if not was_open:
            self.add_class("-settings")  # the talk makes room for it
            pane.open()
            self.refresh_place()
        return True

    def ask_for_devices(self) -> None:
        """An engine that has not shown a state yet takes no wishes; the first state asks again."""
        if self._has_state and self.is_built and self.devices_pane.display:
            self.post_message(UserDid(DevicesAsked(True)))

    def on_settings_pane_editing(self) -> None:
        """The footer tells which keys a text field leaves."""
        self.refresh_place()

    def take_asked(self, asked: tuple[ToolAsk, ...]) -> None:
        """What the engine asks now."""
        self.decided &= {ask.call_id for ask in asked}
        self.asked = tuple(ask for ask in asked if ask.call_id not in self.decided)

    @property
    def question(self) -> str:
        """The oldest one in a line, for a screen that has room for no more."""
        if not self.asked:
            return ""
        keys = "y allow · a always · n no" if self.armed else "…"
        return f"May {clean(self.asked[0].name, one_line=True)} run? {keys}"

    def watch_asked(self) -> None:
        """Other keys work while a tool waits for its word."""
        call = self.asked[0].call_id if self.asked else ""
        if call != self._shown_call:
            self._shown_call, self.armed = call, False
            self.call_after_refresh(self._arm_at, call, None)
        if self.is_mounted:
            if self.size_class == "tiny":
                self.show_last()
            self.refresh_place()

    def watch_armed(self) -> None:
        """A tiny screen says so too."""
        if self.is_mounted and self.size_class == "tiny":
            self.show_last()

    def _arm_at(self, call: str, due: float | None) -> None:
        """Arm the question about `call` at `due`; None: `ARMED_AFTER` from now on, when it has just been painted."""
        if not call or call != self._shown_call:
            return
        now = self.clock()
        due = now + ARMED_AFTER if due is None else due
        self.armed = now >= due
        if not self.armed:
            self.set_timer(max(0.01, due - now), lambda: self._arm_at(call, due))

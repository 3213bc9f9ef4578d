"""The talk screen: takes slices of the session and hands each to the widget that shows it.

It decides only what is visible: size class, which view, which card, who has the keyboard. It never talks to the engine.
"""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Static

from voicechat.core.view import ConnectionView, MicView, ReplyView, TurnView, View
from voicechat.engine.link import Batch, Meters, Turns
from voicechat.ui.cards import CardFacts
from voicechat.ui.options import WelcomeFacts
from voicechat.ui.paint import palette_of
from voicechat.ui.sizes import SIZE_CLASSES, SizeClass, size_class
from voicechat.ui.widgets.card import Card, KeyCard, QuitBox
from voicechat.ui.widgets.composer import Composer
from voicechat.ui.widgets.deck import Deck
from voicechat.ui.widgets.events_pane import EventsPane
from voicechat.ui.widgets.footer import Foot
from voicechat.ui.widgets.glance import Answers, Glance
from voicechat.ui.widgets.header_line import HeaderLine
from voicechat.ui.widgets.ribbon import Ribbon
from voicechat.ui.widgets.transcript import Transcript
from voicechat.ui.widgets.turn import body_content
from voicechat.ui.wording import Keys, Release, assistant_name

MANAGED = frozenset({f"-{name}" for name in SIZE_CLASSES} | {"-talk-view", "-events-view", "-ribbon"})
"""Classes that the arrangement sets; every other class is left alone."""


class TalkScreen(Screen[None]):
    """One variable a slice, bound to the widgets that show it; equal slices repaint nothing.

    They are `var`, not `reactive`: the screen itself has nothing to repaint, and would repaint everything.
    """

    ESCAPE_TO_MINIMIZE = False
    AUTO_FOCUS = "TurnList"

    mic: var[MicView] = var(MicView())
    reply: var[ReplyView] = var(ReplyView())
    connection: var[ConnectionView] = var(ConnectionView())
    meters: var[Meters] = var(Meters())
    release: var[Release] = var[Release]("unknown")
    keys: var[Keys] = var(Keys())
    keymap: var[dict[str, str]] = var[dict[str, str]]({})
    notice: var[str] = var("")
    calm: var[bool] = var(False)
    looked_at: var[bool] = var(True)
    place: var[str] = var("talk")
    turns_spoken: var[int] = var(0)
    facts: var[CardFacts] = var(CardFacts())
    answers: var[Answers] = var(Answers())
    troubles: var[tuple[TurnView, ...]] = var[tuple[TurnView, ...]](())
    voice: var[str] = var("assistant")
    figures: var[Meters] = var(Meters())
    rtt: var[float | None] = var[float | None](None)

    def __init__(self, welcome: WelcomeFacts, keys: Keys, keymap: dict[str, str], *, calm: bool) -> None:
        super().__init__()
        self.set_reactive(TalkScreen.keys, keys)
        self.set_reactive(TalkScreen.keymap, keymap)
        self.set_reactive(TalkScreen.calm, calm)
        first = View(mic=MicView(turn_mode=welcome.turn_mode), connection=ConnectionView(provider=welcome.provider))
        self.set_reactive(TalkScreen.mic, first.mic)
        self.set_reactive(TalkScreen.connection, first.connection)
        self.set_reactive(TalkScreen.facts, CardFacts(view=first, welcome=welcome, keys=keys))
        self.shows_events = False
        """The list of events has the main area."""
        self._died: str | None = None
        self._may_restart = True

    def compose(self) -> ComposeResult:
        """Header, main area, ribbon, deck, composer, footer; boxes float above the main area only."""
        cls = TalkScreen
        self._classify()  # before there are children to style anew
        yield HeaderLine().data_bind(cls.connection, cls.rtt)
        with Container(id="main"):
            with Horizontal(id="talk"):
                with Container(id="said"):
                    yield Transcript().data_bind(cls.voice)
                    yield Card(id="card").data_bind(cls.facts)
                yield Glance().data_bind(cls.reply, cls.connection, cls.answers, cls.figures, notes=cls.troubles)
            yield EventsPane()
            yield KeyCard().data_bind(cls.keymap, cls.release, cls.keys)
            yield QuitBox()
        yield Static("", id="last", markup=False)
        yield Static("60x16 or more shows the talk", id="too-small", markup=False)
        yield Ribbon().data_bind(cls.mic, cls.reply, cls.connection, cls.meters, cls.calm, cls.looked_at)
        yield Deck().data_bind(
            cls.mic, cls.reply, cls.connection, cls.meters, cls.release, cls.keys, cls.notice, cls.calm
        )
        yield Composer()
        yield Foot().data_bind(cls.mic, cls.reply, cls.connection, cls.release, cls.keys, cls.place, cls.turns_spoken)

    def on_mount(self) -> None:
        """Start with the talk and whatever card is due."""
        self.query_one(Composer).key = self.keys.type
        self._arrange()

    # what the engine says
    def show_state(self, view: View, meters: Meters) -> None:
        """A new state of the session."""
        self.mic, self.reply, self.connection, self.meters = view.mic, view.reply, view.connection, meters
        self.voice = assistant_name(view.connection)
        self.rtt = None if meters.rtt is None else round(meters.rtt, 3)
        self.figures = Meters(
            rtt=self.rtt, loss=meters.loss, buffer=meters.buffer, concealed=meters.concealed,
            underruns=meters.underruns, late=meters.late, restarts=meters.restarts,
        )  # fmt: skip
        self.query_one(Composer).is_online = view.connection.phase == "open"
        self._refresh_facts()

    def take_turns(self, turns: Turns) -> None:
        """Changed entries of the transcript."""
        transcript = self.query_one(Transcript)
        before = {turn.key: transcript.records.get(turn.key) for turn in turns.changed}
        transcript.take(turns)
        for turn in turns.changed:
            self._mark_voice(before[turn.key], turn)
        self._count_turns()

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
        if self._size_class == "tiny":
            self._show_last()

    def take_batch(self, batch: Batch) -> None:
        """New events for the list."""
        self.query_one(EventsPane).take(batch)

    def add_note(self, text: str) -> None:
        """Something the screen itself has to say."""
        self.query_one(Transcript).add_note(text)
        self._count_turns()

    def engine_died(self, cause: str | None, *, may_restart: bool = True) -> None:
        """The engine is gone (or, with None, there again)."""
        self._died, self._may_restart = cause, may_restart
        if cause is not None:
            self.close_composer()
            self.show_events(False)
        self._refresh_facts()
        self._refresh_place()

    def _refresh_facts(self) -> None:
        self.facts = CardFacts(
            view=View(self.mic, ReplyView(), self.connection),
            meters=Meters(input=self.meters.input),
            welcome=self.facts.welcome,
            keys=self.keys,
            release=self.release,
            died=self._died,
            may_restart=self._may_restart,
            has_talk=self.query_one(Transcript).has_talk,
            notes=self.query_one(Transcript).troubles(3),
        )
        self._arrange_card()

    # who sees what
    def on_resize(self, event: events.Resize) -> None:
        """Another size class, the same focus."""
        self._arrange()

    def _arrange(self) -> None:
        self._arrange_card()
        if self._size_class == "tiny":
            self._show_last()

    @property
    def _size_class(self) -> SizeClass:
        return size_class(*self.app.size)

    def _classify(self, *, shows_turns: bool = False) -> None:
        """All classes in one step: each step styles every widget anew."""
        size = self._size_class
        wanted = {f"-{size}", "-events-view" if self.shows_events else "-talk-view"}
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

    def _show_last(self) -> None:
        """On a tiny screen the newest turn is all there is room for."""
        turn = self.query_one(Transcript).last
        if turn is not None:
            self.query_one("#last", Static).update(body_content(turn, palette_of(self.app), unfolded=False))

    def watch_release(self) -> None:
        """The welcome card tells how the keyboard is understood."""
        if self.is_mounted:
            self._refresh_facts()

    # views, boxes and the keyboard
    def show_events(self, wanted: bool) -> None:
        """The list of events, or back to the talk."""
        self.shows_events = wanted
        pane = self.query_one(EventsPane)
        self._arrange_card()
        if wanted:
            pane.events.flush()
            pane.events.focus()
        else:
            self.focus_transcript()
        self._refresh_place()

    def focus_transcript(self) -> None:
        """The keyboard's home. While a card hides it nobody has it."""
        turn_list = self.query_one(Transcript).turn_list
        self.set_focus(turn_list if self.query_one(Transcript).display else None)

    def open_composer(self) -> None:
        """Write a message."""
        self.query_one(Composer).is_open = True
        self._refresh_place()

    def close_composer(self) -> bool:
        """False: it was not open."""
        composer = self.query_one(Composer)
        was_open, composer.is_open = composer.is_open, False
        if was_open:
            self.query_one(EventsPane).events.focus() if self.shows_events else self.focus_transcript()
            self._refresh_place()
        return was_open

    def toggle_keys(self) -> None:
        """The key card, or away with it."""
        card = self.query_one(KeyCard)
        card.display = not card.display
        self._refresh_place()

    def ask_to_quit(self, wanted: bool) -> None:
        """The question of somebody who is on air."""
        self.query_one(QuitBox).display = wanted
        self._refresh_place()

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
        if self.shows_events:
            if not self.query_one(EventsPane).close_payload():
                self.show_events(False)
            else:
                self.query_one(EventsPane).events.focus()
            return True
        return False

    def _refresh_place(self) -> None:
        """What has the keyboard, for the footer."""
        if self._died is not None:
            self.place = "died"
        elif self.is_asking:
            self.place = "asking"
        elif self.query_one(Composer).is_open:
            self.place = "typing"
        elif self.query_one(KeyCard).display:
            self.place = "help"
        else:
            self.place = "events" if self.shows_events else "talk"

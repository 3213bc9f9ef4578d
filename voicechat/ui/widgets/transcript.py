"""The transcript: one widget a turn, anchored to the newest, painted at most 20 times a second.

It takes `Turns` messages as they come and applies what has changed at its own pace, so that a burst of deltas costs one
layout. A turn's widget takes 40 KB and layout cost grows with their number, so only the newest `KEEP` are mounted;
whoever scrolls up gets `KEEP` more at a time, up to `MOST`. The memory of the screen ends at `RECORDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Static

from voicechat.core.view import TurnView, still_wrong
from voicechat.engine.link import Turns
from voicechat.ui.paint import Backdrop, keys_of_app, palette_of
from voicechat.ui.widgets.turn import Turn, plain_text

KEEP = 60
MOST = 300
RECORDS = 1_000
"""Turns whose text the screen keeps; a tape has those before them."""
PAINT_EVERY = 0.05


class TurnList(VerticalScroll, Backdrop):
    """The scrolling part. Starts with the keyboard and gives it back to nobody unasked."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "select_turn(-1)", show=False),
        Binding("down", "select_turn(1)", show=False),
    ]
    on_scrolled: Callable[[], None] | None = None
    on_selected: Callable[[int], None] | None = None

    def action_select_turn(self, by: int) -> None:
        if self.on_selected is not None:
            self.on_selected(by)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell the container, which shows how much is below."""
        super().watch_scroll_y(old_value, new_value)
        if self.on_scrolled is not None:
            self.on_scrolled()

    @property
    def is_following(self) -> bool:
        return self.scroll_y >= self.max_scroll_y - 1


class Transcript(Vertical, Backdrop):
    """The turns, and the line that says how many are below."""

    voice: reactive[str] = reactive("assistant")
    selected: reactive[str] = reactive("")
    """Key of the turn that the mark is on; empty: none."""
    question: reactive[str] = reactive("")
    """Key of the turn that asks whether it is to be deleted."""

    class Selected(Message):
        """The mark moved, came or went."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.turn_list = TurnList()
        self._newer = Static("", id="newer", markup=False)
        self._engine_order: tuple[str, ...] = ()
        self._own_order: tuple[str, ...] = ()
        self._notes_after: dict[str, str] = {}
        """Notes of the screen's own, each with the turn it stands after (empty: before every turn)."""
        self.records: dict[str, TurnView] = {}
        self._shown: dict[str, Turn] = {}
        self._dirty: set[str] = set()
        self._order_changed = False
        self._seen = 0
        self._window = KEEP
        """Turns that are mounted at most."""
        self._stays: tuple[float, float] | None = None
        """The furthest scroll before earlier turns were mounted, and the rows below; None: none are coming."""
        self._timer: Timer | None = None
        self.pace = PAINT_EVERY
        """Seconds between two paintings; the screen makes it longer while nobody looks."""

    def compose(self) -> ComposeResult:
        yield self.turn_list
        yield self._newer

    def on_mount(self) -> None:
        self.turn_list.on_scrolled = self._scrolled
        self.turn_list.on_selected = self.move_selection
        self.turn_list.anchor()
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda screen: self._laid_out())

    def watch_voice(self, voice: str) -> None:
        for turn in self._shown.values():
            turn.voice = voice

    # new records
    def take(self, turns: Turns) -> None:
        for record in turns.changed:
            if self.records.get(record.key) != record:
                self.records[record.key] = record
                self._dirty.add(record.key)
        if turns.order is not None and turns.order != self._engine_order:
            self._engine_order = turns.order
            self._order_changed = True
            known = [key for key in self.order if key in self.records]
            self.records = {key: self.records[key] for key in known[-RECORDS:]}
            self._dirty &= self.records.keys()
        self._paint_soon()

    def add_note(
        self, text: str, level: Literal["info", "warning", "error"] = "warning", *, here: bool = False
    ) -> None:
        """A note of the screen's own. They stand first; `here`: after what has been said so far."""
        key = f"screen-{len(self._own_order) + len(self._notes_after)}"
        self.records[key] = TurnView(key, "note", text=text, level=level)
        if here:
            self._notes_after[key] = self._engine_order[-1] if self._engine_order else ""
        else:
            self._own_order += (key,)
        self._order_changed = True
        self._paint_soon()

    def begin_anew(self) -> None:
        """What was said is said again; notes that stood between it go."""
        for key in self._notes_after:
            self.records.pop(key, None)
        self._notes_after.clear()
        self._order_changed = True
        self._paint_soon()

    @property
    def order(self) -> tuple[str, ...]:
        if not self._notes_after:
            return self._own_order + self._engine_order
        notes: dict[str, list[str]] = {}
        for key, before in self._notes_after.items():
            notes.setdefault(before, []).append(key)
        merged = [*self._own_order, *notes.pop("", ())]
        for key in self._engine_order:
            merged += [key, *notes.pop(key, ())]
        return (*merged, *(key for rest in notes.values() for key in rest))

    @property
    def has_talk(self) -> bool:
        return any(record.who != "note" for record in self.records.values())

    def troubles(self, count: int) -> tuple[TurnView, ...]:
        """The newest notes that are more than information, without those of troubles that are over."""
        return tuple(still_wrong([self.records[key] for key in self.order if key in self.records])[-count:])

    def _paint_soon(self) -> None:
        """The first change at once, in one frame with the rest of the screen; those that follow it when it is time."""
        if self._timer is None and (self._dirty or self._order_changed):
            self._timer = self.set_timer(self.pace, self._pace_is_over)
            self._apply()

    def _pace_is_over(self) -> None:
        self._timer = None
        self._paint_soon()

    def _apply(self) -> None:
        if not self.turn_list.is_attached:
            return  # the screen is being taken down
        with self.app.batch_update():
            if self._order_changed:
                self._reorder()
            for key in self._dirty & self._shown.keys():
                self._shown[key].turn = self.records[key]
            if self._order_changed or any(self.records[key].cut_by for key in self._dirty):
                self._mark_explained()
            if self.selected and self.selected not in self._shown:
                self.selected = ""
        self._dirty.clear()
        self._order_changed = False

    def _mark_explained(self) -> None:
        explained = self.explained
        for key, turn in self._shown.items():
            turn.is_explained = explained is not None and key == explained.key

    def _reorder(self) -> None:
        wanted = self._wanted()
        for key in [key for key in self._shown if key not in set(wanted)]:
            self._shown.pop(key).remove()
        previous: Turn | None = None
        for key in wanted:
            turn = self._shown.get(key)
            if turn is None:
                turn = self._shown[key] = Turn(self.records[key], self.voice)
                first = next(iter(self.turn_list.children), None)
                if previous is not None:
                    self.turn_list.mount(turn, after=previous)
                else:
                    self.turn_list.mount(turn, before=first) if first is not None else self.turn_list.mount(turn)
            elif previous is not None and not self._follows(turn, previous):
                self.turn_list.move_child(turn, after=previous)
            previous = turn

    def _wanted(self) -> list[str]:
        """Keys of the turns to mount: nothing that is being read goes, and those before it only at the end."""
        keys = [key for key in self.order if key in self.records]
        if self.turn_list.is_following and not self.selected:
            self._window = KEEP
        else:
            oldest = next((place for place, key in enumerate(keys) if key in self._shown), len(keys))
            self._window = min(MOST, max(self._window, len(keys) - oldest))
        return keys[-self._window :]

    def _scrolled(self) -> None:
        self._show_newer()
        if self.turn_list.scroll_y <= 0 and self.turn_list.max_scroll_y > 0:
            self._mount_earlier()

    def _mount_earlier(self) -> None:
        """Turns before the oldest mounted one; what is in sight stays where it is."""
        if self._window >= MOST or self._window > len(self._shown):
            return
        shown, below = len(self._shown), self.turn_list.max_scroll_y - self.turn_list.scroll_y
        self._window = min(MOST, self._window + KEEP)
        self.turn_list.release_anchor()
        self._reorder()
        if len(self._shown) > shown:
            self._stays = (self.turn_list.max_scroll_y, below)

    def _laid_out(self) -> None:
        """Keep in sight what was there before earlier turns came above it."""
        if self._stays is not None and self.turn_list.max_scroll_y > self._stays[0]:
            (_, below), self._stays = self._stays, None
            if marked := self._shown.get(self.selected):
                self.turn_list.scroll_to_widget(marked, animate=False)
            else:
                y = self.turn_list.max_scroll_y - below
                self.turn_list.scroll_to(y=y, animate=False, force=True, immediate=True)
        self._show_newer()

    def _follows(self, turn: Turn, previous: Turn) -> bool:
        children = self.turn_list.children
        return children.index(turn) == children.index(previous) + 1

    # position
    def follow(self) -> None:
        self.turn_list.anchor()
        self._show_newer()

    def _show_newer(self) -> None:
        total, following = len(self.order), self.turn_list.is_following
        if following:
            self._seen = total
        newer = total - self._seen
        line = self._newer
        end = keys_of_app(self.app).of("follow")
        text = palette_of(self.app).glyphs(f"▾ {newer} newer · {end}" if newer else f"▾ {end} follows the newest")
        if line.display == following:
            line.display = not following
        if not following and line.content != text:
            line.update(text)

    # the selected turn
    @property
    def all_turns(self) -> tuple[TurnView, ...]:
        return tuple(self.records[key] for key in self.order if key in self.records)

    @property
    def selected_turn(self) -> TurnView | None:
        return self.records.get(self.selected)

    @property
    def explained(self) -> TurnView | None:
        """The turn whose events are one key away: the selected one, else the last answer if it was cut short."""
        if self.selected:
            turn = self.selected_turn
        else:
            known = (self.records[key] for key in reversed(self.order) if key in self.records)
            turn = next((one for one in known if one.who == "assistant"), None)
        return turn if turn is not None and turn.item_id and (self.selected or turn.cut_by) else None

    def move_selection(self, by: int) -> None:
        """Up from the newest turn in sight; down beyond the last one follows the newest again."""
        keys = [key for key in self.order if key in self._shown]
        if not keys or (by > 0 and not self.selected):
            self.follow()
            return
        if by < 0 and self.selected == keys[0]:
            self._mount_earlier()
            keys = [key for key in self.order if key in self._shown]
        if not self.selected:
            in_sight = [turn.turn.key for turn in self.visible_turns()]
            self.selected = in_sight[-1] if in_sight else keys[-1]
            return
        place = keys.index(self.selected) + by if self.selected in keys else len(keys) - 1
        if place >= len(keys):
            self.selected = ""
            self.follow()
        else:
            self.selected = keys[max(0, place)]

    def watch_selected(self, before: str, now: str) -> None:
        """Move the mark, keep it in sight, and take back what was asked about another turn."""
        self.question = ""
        self.post_message(self.Selected())
        if before in self._shown:
            self._shown[before].is_selected = False
        if now in self._shown:
            self.turn_list.release_anchor()
            self._shown[now].is_selected = True
            self.turn_list.scroll_to_widget(self._shown[now], animate=False)
        self._mark_explained()

    def watch_question(self, before: str, now: str) -> None:
        for key, asks in ((before, False), (now, True)):
            if key in self._shown:
                self._shown[key].asks = asks
        if now in self._shown:
            self.call_after_refresh(self.turn_list.scroll_to_widget, self._shown[now], animate=False)

    # what keys do
    def visible_turns(self) -> list[Turn]:
        window = self.turn_list.scrollable_content_region
        return [turn for turn in self.turn_list.query(Turn) if turn.region.overlaps(window)]

    def toggle_fold(self) -> bool:
        """Unfold or fold the selected turn, else the newest foldable one in sight; False: there is none."""
        marked = self._shown.get(self.selected)
        for turn in (marked,) if marked is not None else reversed(self.visible_turns()):
            if turn.is_foldable:
                turn.unfolded = not turn.unfolded
                return True
        return False

    def newest_text(self) -> str:
        """The selected turn, else the newest in sight that somebody said, for the clipboard."""
        if self.selected_turn is not None:
            return plain_text(self.selected_turn)
        for turn in reversed(self.visible_turns()):
            if turn.turn.who != "note":
                return plain_text(turn.turn)
        return ""

    def whole_text(self) -> str:
        """Everything that is kept, one paragraph a turn, and how many turns came before it."""
        gone = len(self.order) - len(self.records)
        before = f"({gone} earlier turns are not kept on the screen)\n\n" if gone > 0 else ""
        return before + "\n\n".join(plain_text(self.records[key]) for key in self.order if key in self.records)

    @property
    def last(self) -> TurnView | None:
        """The newest turn that somebody said."""
        said = (self.records[key] for key in reversed(self.order) if key in self.records)
        return next((turn for turn in said if turn.who != "note"), None)

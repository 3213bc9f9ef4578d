"""One row to write a message. Closed it is a hint; open it is a text field that no talk key is read from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.widgets import Input, Static

from voicechat.core.user_events import ItemRole, ItemTextEntered, TextEntered
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import Backdrop, keys_of_app, palette_of
from voicechat.ui.sanitise import clean, safe

BREAK = "↵"
"""Stands for a line break in the field; becomes one again when sent."""
LONGEST = 8_000


ROLES: tuple[ItemRole, ...] = ("user", "assistant", "system")


@dataclass(frozen=True, slots=True)
class Insertion:
    """The text is no message: it is put into the conversation as it is, and asks for no answer."""

    role: ItemRole = "user"
    after: str = ""
    """Key of the turn it comes behind; empty for the end."""


class MessageField(Input):
    """The field. Breaks in a paste stay visible, controls in it go."""

    def _on_paste(self, event: events.Paste) -> None:
        text = clean(event.text.replace("\r\n", "\n").replace("\r", "\n")).strip("\n")
        self.insert_text_at_cursor(text.replace("\n", BREAK).replace("\t", " "))
        event.stop()
        event.prevent_default()


class Composer(Horizontal, Backdrop):
    """Prompt, field, and what Enter does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+t", "next_role", show=False)]

    is_open: reactive[bool] = reactive(False)
    insertion: reactive[Insertion | None] = reactive[Insertion | None](None)
    is_online: reactive[bool] = reactive(True)
    read_only: reactive[bool] = reactive(False)
    """Nothing can be written on this screen."""

    def compose(self) -> ComposeResult:
        yield Static("", id="prompt", markup=False)
        yield Static("", id="hint", markup=False)
        yield MessageField(id="field", max_length=LONGEST, select_on_focus=False)
        yield Static("", id="how", markup=False)

    def on_mount(self) -> None:
        self.query_one("#prompt", Static).update(palette_of(self.app).glyphs(" › "))
        self._arrange()

    def _arrange(self) -> None:
        field = self.query_one(MessageField)
        field.display = self.query_one("#how").display = self.is_open
        hint = self.query_one("#hint", Static)
        hint.display = not self.is_open
        words = "read-only" if self.read_only else f"{keys_of_app(self.app).of('type')} to type a message"
        hint.update(safe(words))
        how = (
            f"Enter sends · {keys_of_app(self.app).of('back')} back "
            if self.is_online
            else "kept, sent when connected "
        )
        if self.insertion is not None:
            where = "after the turn" if self.insertion.after else "at the end"
            how = f"{self.insertion.role} · Ctrl+T role · Enter inserts it {where} "
        self.query_one("#how", Static).update(palette_of(self.app).glyphs(how))
        self.set_class(self.is_open, "-open")

    def watch_is_open(self) -> None:
        if self.is_mounted:
            self._arrange()
            if self.is_open:
                self.screen.set_focus(self.query_one(MessageField))  # at once: `focus` waits, and keys may follow
            elif self.insertion is not None:
                self.query_one(MessageField).clear()
                self.insertion = None

    def _changed(self) -> None:
        if self.is_mounted:
            self._arrange()

    watch_insertion = watch_read_only = watch_is_online = _changed

    def action_next_role(self) -> None:
        if self.insertion is not None:
            role = ROLES[(ROLES.index(self.insertion.role) + 1) % len(ROLES)]
            self.insertion = replace(self.insertion, role=role)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send what is there; an empty line is not a message."""
        event.stop()
        text = clean(event.value).replace(BREAK, "\n").strip()
        if text and self.insertion is not None:
            self.post_message(UserDid(ItemTextEntered(text, self.insertion.role, self.insertion.after)))
        elif text:
            self.post_message(UserDid(TextEntered(text)))
            event.input.clear()

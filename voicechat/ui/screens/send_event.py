"""`c`: write a client event by hand, see at once what the service would say to it, and send it.

The text stays when the form closes. What comes in from elsewhere (a paste, an event of the list) may hold control
characters: they are written as JSON escapes, so nothing hostile reaches the terminal and nothing of it is lost.
"""

from __future__ import annotations

import re
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static, TextArea

from voicechat.core.user_events import RawEventEntered
from voicechat.protocol.completing import Completion, complete
from voicechat.protocol.hand_written import LONGEST
from voicechat.protocol.judging import Level, Situation, Verdict, judge
from voicechat.protocol.templates import ANY_ITEM, templates
from voicechat.ui.messages import UserDid
from voicechat.ui.paint import keys_of_app, palette_of, styled
from voicechat.ui.sanitise import escaped, show
from voicechat.ui.screens.overlays import Overlay
from voicechat.ui.widgets.pane import PaneTitle

GLYPHS: dict[Level, tuple[str, str]] = {
    "good": ("●", "$success"),
    "doubt": ("▲", "$warning"),
    "wrong": ("✕", "$error"),
    "unreadable": ("✕", "$error"),
}
AGAIN = "Ctrl+S again sends it all the same"
TWICE = "Ctrl+S twice sends it all the same"
"""People test servers; what is wrong may leave, but never by one slip."""
LONG_TEXT = 8_000
"""Characters from which a text is judged when typing pauses, not at every key."""
PAUSE = 0.15
MOST_WORDS = 12
_KEY = re.compile(r'("(?:[^"\\]|\\.)*+"?)(\s*:)?')
_NUMBER = re.compile(r"(?<![\w\"])-?\d+(?:\.\d+)?(?![\w\"])")


class EventEditor(TextArea):
    """JSON over several lines, with names and numbers in the colours of the detail pane."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False)]

    class CompletionAsked(Message):
        """Tab."""

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        palette = palette_of(self.app)
        for match in _NUMBER.finditer(line.plain):
            line.stylize(palette.hex("you"), *match.span())
        for match in _KEY.finditer(line.plain):
            if match[2]:
                line.stylize(palette.hex("assistant"), *match.span(1))
        return line

    def action_complete(self) -> None:
        self.post_message(self.CompletionAsked())

    async def _on_paste(self, event: events.Paste) -> None:
        room = max(0, LONGEST - len(self.text))
        event.stop()
        event.prevent_default()
        self.replace(escaped(event.text.replace("\r\n", "\n").replace("\r", "\n"))[:room], *self.selection)

    @property
    def cursor_index(self) -> int:
        row, column = self.cursor_location
        return sum(len(line) + 1 for line in self.document.lines[:row]) + column


class SendEventScreen(Overlay):
    """Judges while you type and posts what Ctrl+S sends. The screen is kept when it is closed, and so is the text."""

    place = "sending"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "send", show=False),
        Binding("ctrl+t", "next_template", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.item_id = ""
        """What a template about an item begins with: the selected turn's, else the newest."""
        self.verdict = Verdict("unreadable", "")
        self._confirming = ""
        """The text for which Ctrl+S was pressed although it is wrong."""
        self._sent = ""
        self._timer: Timer | None = None
        self._cycle: tuple[Completion, int, int] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="send-event"):
            title = PaneTitle()
            title.left, title.focused_pane = ("SEND EVENT", ""), True
            title.right = f"Tab completes · Ctrl+S sends · {keys_of_app(self.app).of('back')} closes"
            yield title
            yield Static(id="template")
            yield EventEditor(id="event-editor", soft_wrap=True, tab_behavior="focus", show_line_numbers=False)
            yield Static(id="choices")
            yield Static(id="verdict")

    def on_mount(self) -> None:
        """Judge anew when the line or the answer changes: what is right now may be refused in a second."""
        self.watch(self.talk, "connection", lambda: self._judge(), init=False)
        self.watch(self.talk, "reply", lambda: self._judge(), init=False)

    def begin(self, item_id: str, prefill: str) -> None:
        """Take the keyboard: with another text, the one that was left here, or the first template."""
        self.item_id = item_id
        if prefill:
            self.fill(prefill)
        elif not self.editor.text:
            self.use_template(0)
        self.editor.focus()

    @property
    def editor(self) -> EventEditor:
        return self.query_one(EventEditor)

    @property
    def situation(self) -> Situation:
        line, answering = self.talk.connection, self.talk.reply.state in ("thinking", "speaking")
        is_websocket = line.transport.startswith("WebSocket")
        return Situation(
            line.dialect, "WebSocket" if is_websocket else "WebRTC", line.phase == "open", is_answering=answering
        )

    # the text
    def fill(self, text: str) -> None:
        """Another text in the form; Ctrl+Z brings the old one back."""
        editor = self.editor
        editor.replace(escaped(text)[:LONGEST], (0, 0), editor.document.end)
        editor.move_cursor((0, 0))

    def use_template(self, place: int) -> None:
        known = templates(self.situation.dialect)
        self.fill(known[place % len(known)].text.replace(ANY_ITEM, self.item_id or ANY_ITEM))

    def action_next_template(self) -> None:
        types = [template.type for template in templates(self.situation.dialect)]
        now = self.verdict.type
        self.use_template(types.index(now) + 1 if now in types else 0)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._sent = ""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if len(self.editor.text) > LONG_TEXT:
            self._timer = self.set_timer(PAUSE, self._judge)
        else:
            self._judge()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        if self._cycle is not None and self.editor.cursor_index != self._cycle[2]:
            self._cycle = None
            self._show_choices(())

    # the verdict
    def _judge(self) -> None:
        if not self.is_mounted:
            return
        now = self.situation
        self.verdict = judge(self.editor.text, now)
        if self._confirming != self.editor.text:
            self._confirming = ""
        types = [template.type for template in templates(now.dialect)]
        name = self.verdict.type
        place = f"  {types.index(name) + 1} of {len(types)}" if name in types else ""
        words = (("template ", "$quiet"), (show(name) or "none of them", "bold"))
        rest = (f"{place}  {now.dialect.upper()}  Ctrl+T next", "$quiet")
        self.query_one("#template", Static).update(styled(palette_of(self.app), *words, rest))
        self._show_verdict()

    def _show_verdict(self) -> None:
        (glyph, color), words = GLYPHS[self.verdict.level], self.verdict.words
        if self._confirming or self.verdict.level == "wrong":
            words = f"{words} · {AGAIN if self._confirming else TWICE}"
        if self._sent:
            glyph, color, words = ("↑", "$success", "sent") if self._sent == "sent" else ("✕", "$error", self._sent)
        sign = styled(palette_of(self.app), (f"{glyph} ", f"bold {color}"))
        self.query_one("#verdict", Static).update(sign + Content.styled(show(words), color))

    def action_send(self) -> None:
        """Send it. What is no event cannot leave; what is wrong needs a second press, what may be refused does not."""
        text = self.editor.text
        self._judge()
        if self.verdict.level == "unreadable":
            return
        if self.verdict.level == "wrong" and self._confirming != text:
            self._confirming = text
            self._show_verdict()
            return
        self._confirming, self._sent = "", "sent"
        self.post_message(UserDid(RawEventEntered(text)))
        self._show_verdict()

    def refused(self, words: str) -> None:
        self._sent = words
        self._show_verdict()

    # completion
    def on_event_editor_completion_asked(self, event: EventEditor.CompletionAsked) -> None:
        """One word is put in; of several the first, and Tab again takes the next."""
        event.stop()
        editor = self.editor
        if self._cycle is not None and self._cycle[2] == editor.cursor_index:
            found, place, cursor = self._cycle
            place = (place + 1) % len(found.words)
            start, end = found.place.start, cursor
        else:
            found = complete(editor.text, editor.cursor_index, self.situation.dialect)
            place, start, end = 0, found.place.start, editor.cursor_index
        if not found.words:
            self._show_choices(("nothing is known to stand here",))
            return
        text = editor.text
        word, more = found.spelled(found.words[place], text[end:])
        editor.replace(word, _location(text, start), _location(text, end + more))
        editor.move_cursor(_location(editor.text, start + len(word)))
        self._cycle = (found, place, start + len(word)) if len(found.words) > 1 else None
        self._show_choices(found.words, place)

    def _show_choices(self, words: tuple[str, ...], place: int = -1) -> None:
        begin = max(0, min(place - MOST_WORDS // 2, len(words) - MOST_WORDS))
        shown = enumerate(words[begin : begin + MOST_WORDS], begin)
        parts = [(f"{word}  ", "bold" if at == place else "$quiet") for at, word in shown]
        self.query_one("#choices", Static).update(Content.assemble(*parts))


def _location(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n"), index - (before.rfind("\n") + 1)

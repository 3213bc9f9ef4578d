"""What the user does to the conversation by hand: raw events, and turns deleted, cut, fetched or put in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from textual.app import App
from textual.css.query import NoMatches

from voicechat.core import user_events as did
from voicechat.core.view import TurnView
from voicechat.engine.link import Batch, Goodbye, Turns
from voicechat.ui.screens.talk import TalkScreen
from voicechat.ui.widgets.composer import Composer, Insertion
from voicechat.ui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from voicechat.ui.widgets.send_event import SendEvent

REFUSED = "hand_refused"
"""The code of the core's notes about what was done by hand."""
RETRIEVED = "conversation.item.retrieved"


class HandActions(App[int]):
    """The form for events and the actions on the selected turn."""

    talk: TalkScreen
    died: Goodbye | None
    _retrieving = ""
    """The item whose details are awaited."""

    def tell(self, *user_events: did.UserAct) -> None:
        """To the engine."""
        raise NotImplementedError

    def notice(self, words: str) -> None:
        """Say what has just been done."""
        raise NotImplementedError

    # the form
    @property
    def send_form(self) -> SendEvent | None:
        """The form, once it was opened. Its class is named here, not asked for: asking would load it."""
        try:
            return self.talk.query_one("#send-event")  # type: ignore[return-value]  # the id is given in one place
        except NoMatches:
            return None

    def action_send_event(self) -> None:
        """Open the form, or close it."""
        form = self.send_form
        if form is not None and form.display:
            self.close_send_event()
        else:
            self.open_send_event()

    def action_resend(self) -> None:
        """The event under the cursor in the form; Ctrl+S is still the user's to press."""
        if not self.talk.shows_events or (entry := self.talk.inspector.events.current_entry) is None:
            return
        if entry.kind.dir == "local":
            self.notice("ours: no service knows this event")
        else:
            self.open_send_event(self.talk.inspector.copied("json"))

    def action_template(self, name: str) -> None:
        """Open the form with the template of one event."""
        from voicechat.protocol.templates import ANY_ITEM, templates

        found = next((one.text for one in templates(self.talk.connection.dialect) if one.type == name), "")
        self.open_send_event(found.replace(ANY_ITEM, self._item_id or ANY_ITEM))

    def open_send_event(self, prefill: str = "") -> None:
        """Show the form, with another text in it if one is given; nothing is sent by that."""
        if self.talk.size_class == "tiny" or self.died is not None:
            self.notice("60x16 or more shows the form" if self.died is None else "the engine has ended")
            return
        form = self.send_form
        if form is None:
            # Made at the first use: the editor and the whole table of the protocol cost the start 50 ms.
            from voicechat.ui.widgets.send_event import SendEvent

            form = SendEvent()
            form.item_id = self._item_id
            self.talk.query_one("#main").mount(form)
        form.item_id = self._item_id
        form.display = True
        self.talk.hand_place = "sending"
        form.call_later(self._form_ready, form, prefill)  # its own queue: behind its first composition

    def _form_ready(self, form: SendEvent, prefill: str) -> None:
        if prefill:
            form.fill(readable(prefill))
        form.editor.focus()

    def close_send_event(self) -> bool:
        """Hide the form, its text stays; False: it was not open."""
        form = self.send_form
        if form is None or not form.display:
            return False
        form.display = False
        self.on_transcript_selected()
        self.talk.inspector.events.focus() if self.talk.shows_events else self.talk.focus_transcript()
        return True

    def on_send_event_closed(self) -> None:
        """Esc in the form."""
        self.close_send_event()

    # the selected turn
    def on_transcript_selected(self) -> None:
        """The keys for a turn work, or no longer."""
        form = self.send_form
        is_sending = form is not None and form.display
        self.talk.hand_place = "sending" if is_sending else "turn" if self._transcript.selected else ""

    @property
    def _transcript(self) -> Transcript:
        return self.talk.query_one(Transcript)

    @property
    def _item_id(self) -> str:
        """The item an event about an item is most likely meant for."""
        turns = [self._transcript.selected_turn, *reversed(self._transcript.all_turns)]
        return next((turn.item_id for turn in turns if turn is not None and turn.item_id), "")

    def _chosen(self) -> TurnView | None:
        turn = self._transcript.selected_turn
        if turn is None:
            self.notice("↑ selects a turn first")
        elif not turn.item_id:
            self.notice("the service has no item for this turn")
            return None
        return turn

    def action_delete_turn(self) -> None:
        """Ask once, in the turn itself; then take it out of the conversation."""
        turn = self._chosen()
        if turn is None:
            return
        if self._transcript.question != turn.key:
            self._transcript.question = turn.key
            return
        self._transcript.question = ""
        self.tell(did.ItemDeletionAsked(turn.key))
        self.notice("deleting it")

    def action_truncate_turn(self) -> None:
        """The service forgets what was not heard of it."""
        turn = self._chosen()
        if turn is None:
            return
        if turn.who != "assistant" or not (turn.cut_by or turn.partial):
            self.notice("only an answer that was cut, or sounds")
            return
        self.tell(did.ItemTruncationAsked(turn.key))
        self.notice("cutting it where it was heard")

    def action_retrieve_turn(self) -> None:
        """Show what the service keeps of it."""
        turn = self._chosen()
        if turn is not None:
            self._retrieving = turn.item_id
            self.tell(did.ItemRetrievalAsked(turn.key))
            self.notice("asking for the item")

    def action_insert_after(self) -> None:
        """Put a text behind it."""
        turn = self._chosen()
        if turn is not None:
            self._write(Insertion("user", turn.key))

    def action_system_text(self) -> None:
        """A text of the system at the end of the conversation."""
        self._write(Insertion("system"))

    def _write(self, insertion: Insertion) -> None:
        if self.died is None:
            self.talk.query_one(Composer).insertion = insertion
            self.talk.open_composer()

    def on_composer_inserted(self, message: Composer.Inserted) -> None:
        """Written: put it in, and back to the transcript."""
        message.stop()
        self.tell(message.event)
        self.talk.close_composer()

    def close_hands(self) -> bool:
        """Esc: the form, a question, then the selection; False: there was none of them."""
        transcript = self._transcript
        if self.close_send_event():
            return True
        if self.talk.query_one(Composer).is_open:
            return False
        if transcript.question:
            transcript.question = ""
            return True
        if transcript.selected and not self.talk.shows_events:
            transcript.selected = ""
            return True
        return False

    # what comes back
    def hands_heard(self, turns: Turns) -> None:
        """A refusal belongs into the form that hides the transcript."""
        refused = [turn.text for turn in turns.changed if turn.who == "note" and turn.detail == REFUSED]
        form = self.send_form if refused else None  # looking for it costs, and turns change many times a second
        if form is not None and form.display:
            for text in refused:
                form.refused(text)

    def hands_saw(self, batch: Batch) -> None:
        """The item that was asked for is here: show its JSON."""
        if not self._retrieving:
            return
        for row in batch.rows:
            if row.dir == "in" and row.type == RETRIEVED and row.refs[1] == self._retrieving:
                self._retrieving = ""
                self.call_after_refresh(self._show_event, row.seq)

    def _show_event(self, seq: int) -> None:
        self.talk.show_events(True)
        inspector = self.talk.inspector
        inspector.flush()
        inspector.set_filter("")
        if inspector.select_seq(seq):
            inspector.show_details(True)


def readable(payload: str) -> str:
    """An event of the list as a text to change: over several lines, and without the id it had."""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return payload
    if not isinstance(event, dict):
        return payload
    event.pop("event_id", None)
    return json.dumps(event, indent=2, ensure_ascii=False)

"""What is done to the conversation by hand: raw events, and turns deleted, truncated, retrieved or inserted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from voicechat.core import user_events as did
from voicechat.core.view import TurnView
from voicechat.engine.link import Batch, Turns
from voicechat.journal.entry import refs_of
from voicechat.ui.widgets.composer import Composer, Insertion

if TYPE_CHECKING:
    from voicechat.ui.app import VoiceChatApp
    from voicechat.ui.screens.send_event import SendEventScreen

REFUSED = "hand_refused"
"""The code of the core's notes about what was done by hand."""
SENDING = "send-event"
RETRIEVED = "conversation.item.retrieved"


class Manual:
    """The form for events and the actions on the selected turn."""

    def __init__(self, app: VoiceChatApp) -> None:
        self.app = app
        self._retrieving = ""
        """The item whose details are awaited."""

    # the form
    @property
    def form(self) -> SendEventScreen | None:
        """The form where it is open."""
        from voicechat.ui.screens.send_event import SendEventScreen

        return self.app.screen if isinstance(self.app.screen, SendEventScreen) else None

    def send_event(self) -> None:
        if self.form is not None:
            self.app.talk.close_overlays()
        else:
            self.open_form()

    def open_form(self, prefill: str = "") -> None:
        """Show the form, with another text in it if one is given; nothing is sent by that."""
        if self.app.talk.size_class == "tiny" or self.app.died is not None:
            too_small = "this needs a terminal of 60x16 or more"
            self.app.notice(too_small if self.app.died is None else "the audio engine has stopped")
            return
        from voicechat.ui.screens.send_event import SendEventScreen

        if not self.app.is_screen_installed(SENDING):
            self.app.install_screen(SendEventScreen(), SENDING)
        screen = self.app.get_screen(SENDING, SendEventScreen)
        if self.app.screen is not screen:
            self.app.talk.close_overlays()
            self.app.push_screen(screen)
        # Its own queue: behind its first composition.
        screen.call_later(lambda: screen.begin(self._item_id, readable(prefill) if prefill else ""))

    def resend(self) -> None:
        """The event under the cursor in the form; Ctrl+S is still the user's to press."""
        if (
            not self.app.talk.developer.is_shown
            or (entry := self.app.talk.developer.inspector.events.current_entry) is None
        ):
            return
        if entry.kind.dir == "local":
            self.app.notice("local event: cannot be sent")
        else:
            self.open_form(self.app.talk.developer.inspector.copied("json"))

    def template(self, name: str) -> None:
        from voicechat.protocol.templates import ANY_ITEM, templates

        found = next((one.text for one in templates(self.app.talk.connection.dialect) if one.type == name), "")
        self.open_form(found.replace(ANY_ITEM, self._item_id or ANY_ITEM))

    @property
    def _item_id(self) -> str:
        """The item an event about an item is most likely meant for."""
        turns = [self.app.transcript.selected_turn, *reversed(self.app.transcript.all_turns)]
        return next((turn.item_id for turn in turns if turn is not None and turn.item_id), "")

    def _chosen(self) -> TurnView | None:
        turn = self.app.transcript.selected_turn
        if turn is None:
            self.app.notice("↑ selects a turn first")
        elif not turn.item_id:
            self.app.notice("the service has no item for this turn")
            return None
        return turn

    def delete_turn(self) -> None:
        """Ask once, in the turn itself; then take it out of the conversation."""
        turn = self._chosen()
        if turn is None:
            return
        if self.app.transcript.question != turn.key:
            self.app.transcript.question = turn.key
            return
        self.app.transcript.question = ""
        self.app.tell(did.ItemDeletionAsked(turn.key))
        self.app.notice("deleting it")

    def truncate_turn(self) -> None:
        """The service forgets what was not heard of it."""
        turn = self._chosen()
        if turn is None:
            return
        if turn.who != "assistant" or not (turn.cut_by or turn.partial):
            self.app.notice("heard to its end: nothing to truncate")
            return
        self.app.tell(did.ItemTruncationAsked(turn.key))
        self.app.notice("cutting it where it was heard")

    def retrieve_turn(self) -> None:
        """Show what the service keeps of it."""
        turn = self._chosen()
        if turn is not None:
            self._retrieving = turn.item_id
            self.app.tell(did.ItemRetrievalAsked(turn.key))
            self.app.notice("asking for the item")

    def insert_after(self) -> None:
        turn = self._chosen()
        if turn is not None:
            self._write(Insertion("user", turn.key))

    def system_text(self) -> None:
        self._write(Insertion("system"))

    def _write(self, insertion: Insertion) -> None:
        if self.app.died is None:
            self.app.talk.query_one(Composer).insertion = insertion
            self.app.talk.open_composer()

    def close(self) -> bool:
        """Esc: the form, a question, then the selection; False: there was none of them."""
        transcript = self.app.transcript
        if self.app.talk.query_one(Composer).is_open:
            return False
        if transcript.question:
            transcript.question = ""
            return True
        if transcript.selected and not self.app.talk.developer.is_shown:
            transcript.selected = ""
            return True
        return False

    # what comes back
    def take_turns(self, turns: Turns) -> None:
        """A refusal belongs into the form that hides the transcript."""
        refused = [turn.text for turn in turns.changed if turn.who == "note" and turn.detail == REFUSED]
        form = self.form if refused else None
        if form is not None:
            for text in refused:
                form.refused(text)

    def take_batch(self, batch: Batch) -> None:
        """The item that was asked for is here: show its JSON."""
        if not self._retrieving:
            return
        for row in batch.rows:
            if row.dir == "in" and row.type == RETRIEVED and refs_of(row.event)[1] == self._retrieving:
                self._retrieving = ""
                self.app.call_after_refresh(self.app.talk.developer.show_event, row.seq)


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

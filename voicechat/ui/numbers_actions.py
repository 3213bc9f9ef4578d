"""What the keys of the numbers do, and the way on when the budget is spent."""

from __future__ import annotations

import os
import time
from pathlib import Path

from textual.app import App

from voicechat.config.locations import state_dir
from voicechat.core.user_events import GoOnChosen, UserAct
from voicechat.core.view import View
from voicechat.ui import messages
from voicechat.ui.sanitise import cleaned
from voicechat.ui.screens.talk import TalkScreen


class NumbersActions(App[int]):
    """The actions of the numbers view."""

    talk: TalkScreen
    view: View

    @property
    def is_shown(self) -> bool:
        """The screen is whole."""
        raise NotImplementedError

    def tell(self, *user_events: UserAct) -> None:
        """To the engine."""
        raise NotImplementedError

    def notice(self, words: str) -> None:
        """Say what has just been done."""
        raise NotImplementedError

    def on_numbers_arrived(self, message: messages.NumbersArrived) -> None:
        """New figures; names of models and limits come from outside."""
        if self.is_shown:
            self.talk.numbers = cleaned(message.numbers)

    def action_numbers(self) -> None:
        """The numbers, and back."""
        if not self.talk.toggle_numbers():
            self.notice("60x16 or more shows the numbers")

    def action_go_on(self) -> None:
        """Talk on beyond the budget."""
        if self.view.spent_budget is None:
            self.notice("no budget is spent")
        else:
            self.tell(GoOnChosen())

    def action_export_numbers(self) -> None:
        """Write the turns to a file of the user's own, and say where it is."""
        text = self.talk.numbers_view.csv()
        if not text:
            self.notice("numbers start with the first answer")
            return
        try:
            path = write_private(state_dir(), text, time.strftime("%Y%m%d-%H%M%S"))
        except OSError as error:
            self.talk.add_note(f"The numbers could not be written: {error.strerror or error}.")
        else:
            self.talk.add_note(f"Numbers written to {path}")
            self.talk.numbers_view.written = str(path)
            self.notice("numbers written")


def write_private(folder: Path, text: str, stamp: str) -> Path:
    """A new file that only the user may read; never over another. Raises OSError."""
    for number in range(100):
        path = folder / f"numbers-{stamp}{f'-{number}' if number else ''}.csv"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        return path
    raise FileExistsError(17, "too many files of this second")

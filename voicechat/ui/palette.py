"""The palette: every action of the app by its name, its words or its id, and what only a palette can offer.

Textual's own search looks at titles alone; here all words of the query have to be somewhere in title, words, id or key,
so that `loud`, `vc.deafen` and `f9` find what they mean.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList

from voicechat.core import user_events as did
from voicechat.protocol.event_shapes import client_types
from voicechat.ui.bindings import ACTIONS, Action, keys_of, spoken
from voicechat.ui.sanitise import clean

if TYPE_CHECKING:
    from voicechat.ui.app import VoiceChatApp

SYSTEM = "system:"
BY_TITLE, BY_WORDS = 1.0, 0.5


@dataclass(frozen=True, slots=True)
class Command:
    title: str
    words: str
    run: Callable[[], object]
    key: str = ""
    """How its key is called now."""
    also: str = ""
    """Further words it is found by: its id, its key."""
    is_listed: bool = True
    """Stands in the palette before anything is typed."""

    @property
    def line(self) -> Content:
        """What stands in the palette, in one row: the title, its key and, where it says more, what it does."""
        more = self.words if self.words.lower() not in self.title.lower() else ""
        key = (f"  {self.key}", "bold") if self.key else ""
        return Content.assemble(self.title, key, (f"  {more}", "dim") if more else "")

    def score(self, query: str) -> float:
        """How well it fits, 0 for not at all. Every word of the query has to be there."""
        wanted = query.lower().split()
        title, all_of_it = self.title.lower(), f"{self.title} {self.words} {self.key} {self.also}".lower()
        if not wanted or not all(word in all_of_it for word in wanted):
            return 0.0
        in_title = sum(word in title for word in wanted) / len(wanted)
        starts = 0.2 if title.startswith(wanted[0]) else 0.0
        return BY_WORDS + (BY_TITLE - BY_WORDS) * in_title + starts


def title_of(action: Action) -> str:
    """What an action is called; without a name of its own, what it does."""
    return action.command or action.words[:1].upper() + action.words[1:]


def commands(app: VoiceChatApp) -> Iterator[Command]:
    """Every action with the key it has now, then templates, themes and devices by name."""
    for action in ACTIONS:
        keys = keys_of(action.id, app.keymap)
        also = f"{action.id} {keys.replace(',', ' ')}"
        run = partial(app.run_action, "record(True)" if action.id == "vc.record" else action.action)
        yield Command(title_of(action), action.words, run, spoken(keys) if keys else "", also)
    for kind in client_types(app.talk.connection.dialect):
        fill = partial(app.run_action, f"manual('template', {kind!r})")
        yield Command(f"Send event: {kind}", "open the form with it", fill, is_listed=False)
    yield Command("Theme", "choose the colours", app.action_change_theme)
    for name in sorted(app.available_themes):
        use = partial(setattr, app, "theme", name)
        yield Command(f"Theme: {name}", "use these colours", use, also="theme colours", is_listed=False)
    for title, field, side in (
        ("Microphone", "mic", app.talk.devices.mics),
        ("Loudspeaker", "speaker", app.talk.devices.speakers),
    ):
        for name in ("default", "none", *(row.name for row in side.rows)):  # the drawer makes the list
            shown = {"default": "follow the system", "none": "none at all"}.get(name, clean(name, one_line=True))
            use = partial(app.tell, did.DevicesChosen(**{field: name}))
            yield Command(f"{title}: {shown}", "use this device", use, also="device", is_listed=False)


class PaletteScreen(CommandPalette):
    """Textual's palette, but a choice counts once.

    Textual closes it again, and runs the command again, for an Enter that came before the first one closed it; with the
    talk's screen alone on the stack that ends the app.
    """

    async def _on_message(self, message: Message) -> None:
        if self.is_current or not isinstance(message, Input.Submitted | OptionList.OptionSelected):
            await super()._on_message(message)


class Palette(Provider):
    @property
    def _app(self) -> VoiceChatApp:
        return cast("VoiceChatApp", self.app)

    async def discover(self) -> Hits:
        for command in commands(self._app):
            if command.is_listed:
                yield DiscoveryHit(command.line, command.run, text=command.title)

    async def search(self, query: str) -> Hits:
        """What fits; `system: …` is a command by itself."""
        async for hit in self._system(query):
            yield hit
        for command in commands(self._app):
            score = command.score(query)
            if score > 0:
                yield Hit(score, command.line, command.run, text=command.title)

    async def _system(self, query: str) -> AsyncIterator[Hit]:
        if query.lower().startswith(SYSTEM) and (text := query[len(SYSTEM) :].strip()):
            run = partial(self._app.tell, did.ItemTextEntered(clean(text), "system"))
            yield Hit(BY_TITLE + 1, f"system: {clean(text, one_line=True)}", run, help="tell the model this, no answer")

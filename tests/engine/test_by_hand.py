"""A session and the real local server over real sockets: what is done by hand happens at the service too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from tests.support.local_server import local_server
from tests.support.peers import silence
from voicechat.core import effects as do, events as on
from voicechat.core.effects import AudioEffect
from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, Turn, Wishes
from voicechat.engine.ports import Line, LineListener, Tell
from voicechat.engine.session import Session
from voicechat.journal.entry import Happening
from voicechat.transports.target import LineTarget
from voicechat.transports.webrtc import WebRtcLine

PATIENCE = 30.0


class NoSound:
    """An audio port that plays nothing."""

    def perform(self, effect: AudioEffect) -> None:
        """Nothing to do."""


class Talk:
    """One session on one server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.happened: list[Happening] = []
        self.session = Session(
            Wishes(session={"type": "realtime", "instructions": "old"}),
            Choices(turn_mode="push-to-talk"),
            TurnPolicy(),
            audio=NoSound(),
            open_line=self.open_line,
            clock=asyncio.get_running_loop().time,
            watch=self.happened.append,
        )

    async def open_line(self, wish: do.Connect, listener: LineListener, tell: Tell) -> tuple[Line, on.LineOpened]:
        line = WebRtcLine(uplink=silence, heard=listener)
        await line.open(LineTarget(base_url=self.url, key="", model="m", session=wish.session))
        return line, on.LineOpened(wish.connection)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                changed = asyncio.Event()
                self.session.on_change = changed.set
                if not true():
                    await changed.wait()

    @property
    def turns(self) -> tuple[Turn, ...]:
        return self.session.state.conversation.turns

    @property
    def words(self) -> list[str]:
        return [turn.text for turn in self.turns]

    def key(self, words: str) -> str:
        return next(turn.key for turn in self.turns if turn.text == words and turn.item_id)

    def saw(self, kind: str) -> list[dict[str, object]]:
        return [one.event for one in self.happened if one.dir == "in" and one.event["type"] == kind]


async def test_items_are_put_in_fetched_and_deleted_and_a_raw_update_is_in_force() -> None:
    async with local_server() as server:
        talk = Talk(server.base_url)
        talk.session.start()
        await talk.until(lambda: talk.session.state.configuration.in_force_at is not None)
        talk.session.tell(on.ItemTextEntered("first"))
        talk.session.tell(on.ItemTextEntered("last"))
        await talk.until(lambda: talk.words == ["first", "last"])
        talk.session.tell(on.ItemTextEntered("between", "assistant", talk.key("first")))
        talk.session.tell(on.ItemTextEntered("be brief", "system"))
        await talk.until(lambda: talk.words == ["first", "between", "last", "system: be brief"])
        talk.session.tell(on.ItemRetrievalAsked(talk.key("between")))
        await talk.until(lambda: bool(talk.saw("conversation.item.retrieved")))
        talk.session.tell(on.ItemDeletionAsked(talk.key("first")))
        await talk.until(lambda: talk.words == ["between", "last", "system: be brief"])

        update = {"type": "session.update", "session": {"type": "realtime", "instructions": "new"}}
        talk.session.tell(on.RawEventEntered(json.dumps(update)))
        await talk.until(lambda: talk.session.state.configuration.effective.get("instructions") == "new")
        talk.session.tell(on.RawEventEntered('{"type": "conversation.item.delete", "item_id": "nobody"}'))
        await talk.until(lambda: "refused your conversation.item.delete" in talk.words[-1])
        assert talk.saw("response.created") == []
        mine = [one.event["type"] for one in talk.happened if "mine" in one.tags]
        assert mine.count("conversation.item.create") == 4
        assert mine[-2:] == ["session.update", "conversation.item.delete"]
        await talk.session.close()


async def test_an_answer_asked_for_by_hand_is_the_only_one() -> None:
    async with local_server() as server:
        talk = Talk(server.base_url)
        talk.session.start()
        await talk.until(lambda: talk.session.state.configuration.in_force_at is not None)
        talk.session.tell(on.ItemTextEntered("What is twelve times seven?"))
        talk.session.tell(on.RawEventEntered('{"type": "response.create"}'))
        await talk.until(lambda: bool(talk.session.state.responses.last_id))
        assert len(talk.saw("response.created")) == 1
        assert talk.saw("error") == []
        assert any("84" in words or "eighty" in words for words in talk.words)
        await talk.session.close()

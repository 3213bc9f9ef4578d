"""A session and the real local server over real sockets: what is done by hand happens at the service too."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.engine.caller import Caller, calling
from tests.support.local_server import local_server
from voicechat.core import events as on


@asynccontextmanager
async def talking(folder: Path) -> AsyncIterator[Caller]:
    async with local_server() as server, calling(server.base_url, folder, turn_mode="push-to-talk") as caller:
        await caller.configured()
        yield caller


def words(talk: Caller) -> list[str]:
    return [turn.text for turn in talk.session.state.conversation.turns]


def saw(talk: Caller, kind: str) -> list[dict[str, object]]:
    return [one.event for one in talk.happened if one.dir == "in" and one.event["type"] == kind]


async def test_items_are_put_in_fetched_and_deleted_and_a_raw_update_is_in_force(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        tell = talk.session.tell

        def key(text: str) -> str:
            turns = talk.session.state.conversation.turns
            return next(turn.key for turn in turns if turn.text == text and turn.item_id)

        tell(on.ItemTextEntered("first"))
        tell(on.ItemTextEntered("last"))
        await talk.until(lambda: words(talk) == ["first", "last"])
        tell(on.ItemTextEntered("between", "assistant", key("first")))
        tell(on.ItemTextEntered("be brief", "system"))
        await talk.until(lambda: words(talk) == ["first", "between", "last", "system: be brief"])
        tell(on.ItemRetrievalAsked(key("between")))
        await talk.until(lambda: saw(talk, "conversation.item.retrieved"))
        tell(on.ItemDeletionAsked(key("first")))
        await talk.until(lambda: words(talk) == ["between", "last", "system: be brief"])

        update = {"type": "session.update", "session": {"type": "realtime", "instructions": "new"}}
        tell(on.RawEventEntered(json.dumps(update)))
        await talk.until(lambda: talk.session.state.configuration.effective.get("instructions") == "new")
        tell(on.RawEventEntered('{"type": "conversation.item.delete", "item_id": "nobody"}'))
        await talk.until(lambda: "refused your conversation.item.delete" in words(talk)[-1])
        assert saw(talk, "response.created") == []
        mine = [one.event["type"] for one in talk.happened if "mine" in one.tags]
        assert mine.count("conversation.item.create") == 4
        assert mine[-2:] == ["session.update", "conversation.item.delete"]


async def test_an_answer_asked_for_by_hand_is_the_only_one(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        talk.session.tell(on.ItemTextEntered("What is twelve times seven?"))
        talk.session.tell(on.RawEventEntered('{"type": "response.create"}'))
        await talk.until(lambda: talk.session.state.responses.last_id)
        assert len(saw(talk, "response.created")) == 1
        assert saw(talk, "error") == []
        assert any("84" in text or "eighty" in text for text in words(talk))

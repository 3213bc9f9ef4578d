"""The key begins and ends tapes while the talk goes on; what goes wrong with a tape is told and harms nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conversing import conversing, settings_for
from tests.support.local_server import local_server
from tests.support.peers import eventually
from voicechat.api import Conversation, Settings
from voicechat.engine.audience import Audience
from voicechat.engine.link import FromEngine, TapeShown
from voicechat.engine.taping import Taping
from voicechat.errors import TapeError
from voicechat.journal.rerun import check, last_state
from voicechat.journal.tape import Tape, read_tape
from voicechat.journal.tapes import listed


class Desk:
    """A talk that runs, its tapes, and what the screen is told of them."""

    def __init__(self, talk: Conversation, folder: Path) -> None:
        self.talk = talk
        self.folder = folder
        self.shown: list[TapeShown] = []
        self.taping = Taping(talk._live(), self.shown.append)
        talk._live().observers.add("second recording", self.taping.watch)
        talk._taping = self.taping

    def notes(self) -> list[str]:
        return [turn.text for turn in self.talk.transcript() if turn.who == "note"]

    async def noted(self, words: str) -> None:
        await eventually(lambda: any(words in note for note in self.notes()))

    def tapes(self) -> list[Tape]:
        """Those whose first line is written; the writer has a thread of its own."""
        tapes = []
        for folder in sorted(self.folder.iterdir()):
            with suppress(TapeError):
                tapes.append(read_tape(folder))
        return tapes


@asynccontextmanager
async def desk(folder: Path, **chosen: Any) -> AsyncIterator[Desk]:
    tapes = folder / "tapes"
    async with local_server() as server, conversing(server.base_url, folder, transport="websocket") as talk:
        talk._live().settings = settings_for(server.base_url, record=str(tapes), **chosen)
        yield Desk(talk, tapes)


async def test_the_key_makes_a_tape_of_the_rest_of_the_talk_and_ends_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        await one.talk.say("What is two plus two?")
        assert one.taping.toggle() == ""
        await one.noted("This talk is recorded from here on, in ")
        await one.talk.say("And three plus three?")
        assert one.taping.toggle() == "" and one.taping.folder is None
        await one.noted("Recording saved in ")
        await eventually(lambda: listed(one.tapes()[0].folder).state == "whole")
        await one.talk.say("And what is four plus four?")
    (tape,) = one.tapes()
    assert [bool(shown.folder) for shown in one.shown] == [True, False]
    text = tape.events_file.read_text()
    assert "three plus three" in text and "four plus four" not in text
    with pytest.raises(TapeError, match="begins in the middle of its talk"):
        check(tape)
    past = last_state(tape)
    assert past is not None and "6" in past.state.conversation.turns[-1].text
    assert not listed(tape.folder).can_run


async def test_a_tape_that_is_full_ends_with_a_note_and_the_talk_goes_on(tmp_path: Path) -> None:
    async with desk(tmp_path, tape_gb=20e-6) as one:
        assert one.taping.toggle() == ""
        await one.noted("The tape has ended, the talk goes on: it has reached its full size.")
        assert one.taping.folder is None and one.shown[-1] == TapeShown()
        assert "4" in (await one.talk.say("What is two plus two?")).text
        session = one.talk._live().session
        assert session.record is None and one.talk._live().path.played is None


async def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "tapes").write_text("a file where the folder should be")
    async with desk(tmp_path) as one:
        assert "no tape can be made" in one.taping.toggle()
        await one.noted("Nothing is recorded: no tape can be made")
        assert one.taping.folder is None
    with pytest.raises(TapeError):
        async with Conversation(Settings(mic="none", speaker="none", record=str(tmp_path / "tapes"))):
            await asyncio.sleep(0)


async def test_two_tapes_of_one_talk_lie_beside_each_other(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        for _ in range(4):
            assert one.taping.toggle() == ""
        await eventually(lambda: [listed(tape.folder).state for tape in one.tapes()] == ["whole", "whole"])


def test_whoever_looks_on_later_sees_that_the_talk_is_recorded() -> None:
    told: list[FromEngine] = []
    audience = Audience(told.append)
    audience.post(TapeShown("/somewhere"))
    assert audience._newest[TapeShown] == TapeShown("/somewhere")

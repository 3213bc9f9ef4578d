"""R24: what works beside the talk adds words to the transcript, and is nobody's cue."""

from __future__ import annotations

from pathlib import Path

from tests.support.each import each
from tests.support.script import answered, asked, connected, transcribed
from voicechat.core.events import SideNoted, TurnTranslated
from voicechat.core.rules import conversation

RULES = Path(conversation.__file__).parent


def test_a_translation_stands_beneath_its_turn() -> None:
    talk = answered(asked(connected())).hear(transcribed("u1", "Hello?"))
    yours = talk.views[0]
    assert yours.translation is None
    talk.tell(TurnTranslated(yours.key, "Hallo?"))
    assert [turn.translation for turn in talk.views] == ["Hallo?", None]
    assert talk.views[0].text == "Hello?"


def test_a_newer_translation_takes_the_place_of_the_older_one() -> None:
    talk = asked(connected()).hear(transcribed("u1", "Hello?"))
    key = talk.views[0].key
    talk.tell(TurnTranslated(key, "Hallo"), TurnTranslated(key, "Hallo?"))
    assert talk.views[0].translation == "Hallo?"


def test_that_there_will_be_none_is_known_apart_from_not_yet() -> None:
    talk = asked(connected()).hear(transcribed("u1", "Hallo?"))
    talk.tell(TurnTranslated(talk.views[0].key, "", "same"))
    assert talk.views[0].translation == ""


def test_a_translation_of_a_turn_that_is_gone_changes_nothing() -> None:
    talk = asked(connected()).hear(transcribed("u1", "Hello?"))
    before = talk.state
    assert talk.tell(TurnTranslated("t99", "Hallo?")).state is before


def test_trouble_with_it_is_a_note() -> None:
    talk = asked(connected()).tell(SideNoted("Translation: it is busy.", "translation_wait"))
    note = talk.views[-1]
    assert (note.who, note.text, note.level) == ("note", "Translation: it is busy.", "warning")


@each("name", ["TurnTranslated", "SideNoted"])
def test_only_the_transcript_knows_of_side_work(name: str) -> None:
    knowing = {path.name for path in RULES.parent.rglob("*.py") if name in path.read_text(encoding="utf-8")}
    assert knowing == {"conversation.py", "side_events.py", "events.py"}

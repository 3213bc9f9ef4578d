"""The guide's help names the keys that the screen really has."""

from __future__ import annotations

import pytest

from tests.local_server.guide_talk import Talk
from voicechat.ui.bindings import BY_ID

QUESTIONS = {
    "vc.mute": ("how do I mute", "Press M "),
    "vc.turn_mode": ("how do I switch to hands free", "Press O "),
    "vc.barge_in": ("what is barge-in", " B turns it"),
    "vc.type": ("how do I type a message", "Press I,"),
    "vc.again": ("how do I reconnect", "Press R "),
    "vc.copy": ("how do I copy text to the clipboard", "Press Y "),
    "vc.events": ("how do I see the events", "F2, or E,"),
    "vc.stop": ("how do I stop you from talking", "F9"),
    "vc.ptt": ("how do I talk", "Space"),
    "vc.deafen": ("how do I turn the loudspeaker off", "capital D "),
    "vc.volume": ("how do I make you louder", "equals key"),
    "vc.volume_down": ("how do I make you quieter", "minus key"),
    "vc.quit_letter": ("how do I quit", "Q twice"),
    "vc.follow": ("how do I follow the newest", "End or capital G"),
}
SPOKEN = {"minus": "minus", "equals_sign": "equals", "space": "space", "end": "end"}


@pytest.mark.parametrize("id", QUESTIONS)
async def test_help_says_the_key_that_the_screen_uses(id: str) -> None:
    question, words = QUESTIONS[id]
    answer = await Talk().ask(question)
    key = BY_ID[id].keys.partition(",")[0]
    assert words in answer
    assert SPOKEN.get(key, key).lower() in words.lower()

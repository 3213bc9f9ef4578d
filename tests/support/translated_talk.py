"""A talk whose lines are translated beneath, and what that used."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from tests.support.numbers_talk import METERS, numbers
from tests.support.scene import Scene
from tests.support.talk_views import FREE, LISTENING, TALK, view
from voicechat.core.view import TurnView
from voicechat.numbers.ledger import SideWork
from voicechat.numbers.prices import Cost
from voicechat.numbers.usage import Tokens, Usage

GERMAN = {
    "u1": "Hallo? Kannst du mich hören?",
    "a1": "Laut und deutlich. Was kann ich für dich tun?",
    "u2": "Hi. Ich fliege diese Woche nach Tokio, und mein Japanisch ist eingerostet.",
    "a2": "Wie schön. Sag mir, wann du landest und was du üben möchtest, und wir halten es kurz. Wenn du magst, fangen"
    " wir mit dem an, was du am Flughafen brauchst.",
    "u3": "Ich lande heute Abend um neun in Haneda. Brauche ich morgen einen Regenschirm?",
    "a4": "夜の七時ごろから小雨が降るでしょう。",
}
_BUSY = TurnView(
    "n8",
    "note",
    230,
    "Translation: 127.0.0.1:11434 wants fewer requests (429). It is asked less often.",
    level="warning",
)


def translated_scenes() -> dict[str, Scene]:
    """The transcript, and the numbers."""
    turns = tuple(replace(turn, translation=GERMAN.get(turn.key)) for turn in TALK)
    talk = view(FREE, LISTENING)
    told = numbers()
    used = SideWork(58, Usage(Tokens(6_412), Tokens(2_048), Tokens(913)), Cost(0.0019), "gpt-4.1-mini")
    counted = msgspec.structs.replace(told, figures=replace(told.figures, side=used))
    return {
        "translated": Scene(talk, (*turns, _BUSY)),
        "numbers-translated": Scene(talk, TALK, METERS, keys=("f7",), numbers=counted),
    }

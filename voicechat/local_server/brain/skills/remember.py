"""Remembers, within the session: the user's name, and notes. Nothing is written to disk, and it says so."""

from __future__ import annotations

import re

from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.words import Heard, counted

_LONGEST_NOTE = 300
_MOST_NOTES = 50
_NAME = (
    r"\b(?:my name is|my name's|call me|you can call me"
    r"|people call me)\s+([^\W\d_][\w'’\-]*(?:\s+[A-Z][\w'’\-]*)?)"
)
_NOTE = (
    r"\b(?:remember(?: (?:that|this))?|make a note(?: that| of)?|take a note(?: that| of)?"
    r"|note(?: down)?(?: that)?|write down(?: that)?"
    r"|note to self|do ?n[o']t forget(?: that)?)[\s:,;.]+(.+?)\s*$"
)
_NOTES = (
    r"\b(?:what|which|read|tell me|list|show|any|repeat)\b.*\b(?:notes?|remember|remembered|write down"
    r"|noted)\b|^(?:my )?notes$"
    r"|\bwhat did i (?:tell|ask) you to (?:remember|note)\b|\bdo you remember (?:anything|what)\b"
)
_FORGET = r"\b(?:forget|delete|clear|erase|remove)\b.*\b(?:notes?|everything|all|what i (?:said|told you)|my name)\b"
_ABOUT_ME = r"^(?:what|who|where|when|which|how (?:old|many|much))\b.*\b(?:my|mine)\b"
_LITTLE = frozenset("what who where when which how is are was were do does did my mine the a an i called of to".split())
"""Words that a question and any note share."""
_NOT_NAMES = frozenset("a an the not when if back later what is in on".split())


def remember(ask: Ask) -> Reply | None:
    """Keep or tell names and notes."""
    return _forget(ask) or _ask_name(ask) or _learn_name(ask) or _read_notes(ask) or _take_note(ask) or _tell_note(ask)


def relearn(ask: Ask) -> None:
    """A line of the user out of a conversation that was told anew (a client reconnected): keep what it says to keep."""
    if not ask.heard.plain:
        return
    _forget(ask) or _learn_name(ask) or _take_note(ask)


def _learn_name(ask: Ask) -> Reply | None:
    name = ask.heard.original(_NAME).strip(".,!? ")
    if not name or name.split()[0].lower() in _NOT_NAMES:
        return None
    ask.memory.name = " ".join(part[:1].upper() + part[1:] for part in name.split())[:60]
    return say(f"Nice to meet you, {ask.memory.name}. I will remember your name until this session ends.")


def _ask_name(ask: Ask) -> Reply | None:
    if not ask.heard.find(
        r"\b(?:what is|do you (?:know|remember)|remember|say|tell me) my name\b|\bwho am i\b|\bmy name is what\b"
    ):
        return None
    if ask.memory.name:
        return say(f"Your name is {ask.memory.name}.")
    return say("You have not told me your name yet. Say: my name is, and your name.")


def _take_note(ask: Ask) -> Reply | None:
    if ask.heard.find(r"\bremember\?*$|\bdo you remember\b|\bremember me\b"):
        return None
    if not ask.heard.find(r"^(?:also |please )*(?:remember|note|make|take|write|do not forget|jot)\b"):
        return None
    note = ask.heard.original(_NOTE).strip(" .,!")
    if not note:
        return None
    if len(ask.memory.notes) >= _MOST_NOTES:
        return say(f"I keep at most {_MOST_NOTES} notes. Say: forget my notes.")
    ask.memory.notes.append(note[:_LONGEST_NOTE])
    return say(f"Noted: {_turned(ask.memory.notes[-1])}. I keep it until this session ends.")


def _read_notes(ask: Ask) -> Reply | None:
    if not ask.heard.find(_NOTES) or ask.heard.find(r"\bremember that\b"):
        return None
    notes = ask.memory.notes
    if not notes:
        return say("I have no notes. Say for example: remember that the key is under the mat.")
    lines = [f"{_turned(note)[:1].upper()}{_turned(note)[1:]}." for note in notes]
    return say(f"You asked me to remember {counted(len(notes), 'thing')}.", *lines)


def _tell_note(ask: Ask) -> Reply | None:
    """`What is my cat called?`: the note that shares the most words with the question, if the question is about me."""
    if not ask.memory.notes or not ask.heard.find(_ABOUT_ME):
        return None
    asked = set(ask.heard.words) - _LITTLE
    shared, note = max((len(asked & set(Heard(note).words)), note) for note in ask.memory.notes)
    return say(f"You told me: {_turned(note)}.") if shared else None


def _forget(ask: Ask) -> Reply | None:
    if not ask.heard.find(_FORGET) or ask.heard.find(r"\b(?:do not|never) forget\b"):
        return None
    ask.memory.notes.clear()
    ask.memory.name = ""
    return say("Forgotten: your notes and your name.")


def _turned(note: str) -> str:
    """ "my car is red" becomes "your car is red", so that the note is read from the listener's side."""
    for pattern, word in (
        (r"\bmy\b", "your"),
        (r"\bI am\b|\bI'm\b", "you are"),
        (r"\bI\b", "you"),
        (r"\bmine\b", "yours"),
    ):
        note = re.sub(pattern, word, note, flags=0 if "I" in pattern else re.IGNORECASE)
    return note

"""Every key of the screen in one table, and the check of what a user wrote under `[keys]`.

Textual accepts unknown binding ids, nonsense key names and clashes in silence, so the check is ours. Bad entries are
values with a reason; the default stays.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace

from msgspec import Struct
from textual.binding import Binding
from textual.keys import Keys as TextualKeys, _character_to_key, format_key

from voicechat.ui.wording import NO_KEY, Keys

RESERVED = frozenset({"ctrl+c", "ctrl+q"})
"""Copying and leaving must work whatever a configuration says."""
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMED = {str(key.value) for key in TextualKeys if "<" not in str(key.value)}


class Action(Struct, frozen=True):
    """One thing a key can do. `id` is what `[keys]` calls it."""

    id: str
    keys: str
    action: str
    words: str
    """What the palette and the key card say; at most 30 columns."""
    group: str = ""
    """Block of the key card: TALK, WRITE, LOOK or LEAVE; empty: not on the card."""
    command: str = ""
    """Name in the palette; empty: the words."""
    everywhere: bool = False
    """Works while typing too."""


ACTIONS: tuple[Action, ...] = (
    Action("vc.ptt", "space", "talk", "hold or tap to talk, or pause", "TALK", "Talk"),
    Action("vc.ptt_any", "f8,ctrl+space,ctrl+@", "talk", "talk, even while typing", "TALK", everywhere=True),
    Action("vc.mute", "m", "switch('mute')", "mute, and unmute", "TALK", "Mute"),
    Action("vc.turn_mode", "o", "switch('turn_mode')", "open mic / push-to-talk", "TALK", "Turn mode"),
    Action("vc.back", "escape", "back", "back, or stop the answer", "TALK", "Back"),
    Action("vc.stop", "f9", "tell('stop')", "stop the answer, anywhere", "TALK", "Stop the answer", everywhere=True),
    Action("vc.barge_in", "b", "switch('barge_in')", "barge-in on / off", "TALK", "Barge-in"),
    Action("vc.type", "i", "type", "type a message", "WRITE"),
    Action("vc.events", "f2,e", "events", "events, problems, timeline", "LOOK", "Events"),
    Action("vc.numbers", "f7,t", "numbers", "latency, tokens, cost", "LOOK", "Numbers"),
    Action("vc.export_recording", "", "export_recording", "export the recording as a page"),
    Action("vc.export_numbers", "", "export_numbers", "export the numbers as CSV"),
    Action("vc.go_on", "", "go_on", "go on although it is spent", command="continue: talk beyond the budget"),
    Action("vc.find", "slash", "view('find')", "filter the events", "EVENTS"),
    Action("vc.freeze", "f", "listed('toggle_freeze')", "freeze, and follow again", "EVENTS"),
    Action("vc.local", "l", "pane('toggle_local')", "local events: show, hide", "EVENTS"),
    Action("vc.zoom_out", "left_square_bracket", "view('zoom', -1)", "zoom the timeline out"),
    Action("vc.zoom", "right_square_bracket", "view('zoom', 1)", "zoom the timeline in"),
    Action("vc.problem", "n", "view('next_problem', 1)", "next problem"),
    Action("vc.problem_back", "N", "view('next_problem', -1)", "previous problem"),
    Action("vc.mark", "M", "listed('toggle_mark')", "mark the event", "EVENTS"),
    Action("vc.reference", "T", "listed('toggle_reference')", "count times from this event", "EVENTS"),
    Action("vc.gaps", "g", "listed('toggle_gaps')", "time since the line above", "EVENTS"),
    Action("vc.same_id", "asterisk", "pane('same_id')", "only events with its ids", "EVENTS"),
    Action("vc.copy_python", "P", "copy_event('python')", "copy the event as Python", "EVENTS"),
    Action("vc.copy_event", "", "copy_event('json')", "copy the event as JSON"),
    Action("vc.copy_tape", "", "copy_tape", "copy the events as a tape"),
    Action("vc.step_back", "less_than_sign", "pane('step', -1)", "previous of its response", "EVENTS"),
    Action("vc.step", "greater_than_sign", "pane('step', 1)", "next of its response", "EVENTS"),
    Action("vc.jump_back", "backspace", "pane('jump_back')", "back from a link", "EVENTS"),
    *(
        Action(f"vc.link_{n}", f"{n}", f"pane('follow_link', {n})", f"open link {n} in the details")
        for n in range(1, 7)
    ),
    Action("vc.send_event", "c", "manual('send_event')", "send an event", "EVENTS"),
    Action("vc.resend", "x", "manual('resend')", "send the event again", "EVENTS"),
    Action("vc.delete_turn", "delete", "manual('delete_turn')", "delete the selected turn"),
    Action("vc.truncate_turn", "X", "manual('truncate_turn')", "truncate the selected answer"),
    Action("vc.retrieve_turn", "R", "manual('retrieve_turn')", "retrieve the selected turn"),
    Action("vc.insert_after", "a", "manual('insert_after')", "insert a text after the turn"),
    Action("vc.system_text", "S", "manual('system_text')", "write a system message"),
    Action("vc.fold", "enter", "fold", "unfold, fold", command="Unfold"),
    Action("vc.copy", "y", "copy", "copy this turn", "LOOK"),
    Action("vc.copy_all", "Y", "copy_all", "copy everything"),
    Action("vc.follow", "end,G", "follow", "follow the newest", "LOOK"),
    Action("vc.help", "question_mark", "help", "every key", command="Keys"),
    Action("vc.commands", "colon", "command_palette", "every command by name", command="Commands: this list"),
    Action("vc.volume_down", "minus", "switch('volume', -0.1)", "quieter"),
    Action("vc.volume", "equals_sign,plus", "switch('volume', 0.1)", "louder, - quieter", "HEAR", "Louder"),
    Action("vc.deafen", "D", "switch('deafen')", "loudspeaker off / on", "HEAR", "Loudspeaker off or on"),
    Action("vc.devices", "d", "devices", "microphone, loudspeaker", "TALK", "Devices"),
    Action("vc.settings", "f4,comma", "settings", "voice, turns, sound, theme", "LOOK", "Settings"),
    Action("vc.keep_waiting", "k", "switch('keep_waiting')", "keep waiting for a lost device"),
    Action("vc.record", "w", "record", "start or stop recording", "WRITE", "Record"),
    Action("vc.echo", "", "switch('echo', 'on')", "cancel the loudspeaker's echo", command="Echo cancelling"),
    Action("vc.headphones", "", "switch('echo', 'headphones')", "headphones: no echo to cancel"),
    Action("vc.half_duplex", "", "switch('echo', 'off')", "half duplex: the mic is off while the assistant speaks"),
    Action("vc.noise", "", "switch('noise')", "noise suppression on or off"),
    Action("vc.gain", "", "switch('gain')", "gain control on or off"),
    Action("vc.allow", "", "consent('once')", "let the tool run", command="allow: this call of a tool"),
    Action("vc.allow_always", "", "consent('always')", "let it run every time", command="allow always: this tool"),
    Action("vc.deny", "", "consent('no')", "do not let the tool run", command="deny: this call of a tool"),
    Action("vc.again", "r", "tell('again')", "reconnect, or ask again", "LEAVE", "Again"),
    Action("vc.end", "", "tell('end')", "end the session", command="end: end the session"),
    Action("vc.new", "", "tell('new')", "ends this one, clears the talk", command="new: start another session"),
    Action("vc.quit_letter", "q", "quit_letter", "twice within 2 s: quit", command="q twice: quit"),
    Action("vc.interrupt", "ctrl+c", "interrupt", "copy; twice within 2 s: quit", everywhere=True),
    Action("vc.quit", "ctrl+q", "quit", "quit", "LEAVE", "quit: leave voicechat", everywhere=True),
)
_OF_A_PART = re.compile(r"(?:app\.)?(?:switch|tell|view|pane|listed|manual)\(+'(\w+)'")


def name_of(action: str) -> str:
    """What an action does: `mute` for `switch('mute')`, `zoom` for `view('zoom', 1)`, `talk` for `app.talk`."""
    part = _OF_A_PART.match(action)
    return part[1] if part else action.partition("(")[0].removeprefix("app.")


ACTING = frozenset(
    {"mute", "turn_mode", "barge_in", "volume", "deafen", "keep_waiting", "echo", "noise", "gain", "stop", "consent"}
    | {"again", "end", "new", "type", "go_on", "send_event", "resend", "template", "delete_turn", "truncate_turn"}
    | {"retrieve_turn", "insert_after", "system_text", "record"}
)
"""Actions that would change a talk, or begin to."""
CHANGING = frozenset(
    action.id for action in ACTIONS if name_of(action.action) in ACTING | {"talk", "devices", "settings"}
)
"""Bindings that a read-only viewer has no use for."""
LEFT_GROUPS, RIGHT_GROUPS = ("TALK", "WRITE"), ("LOOK", "HEAR", "LEAVE")
BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}
UNCHANGEABLE = frozenset({"vc.quit", "vc.interrupt"})


class KeyProblem(Struct, frozen=True):
    """An entry of `[keys]` that was not taken, and why."""

    id: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"[keys] {self.id} = {self.value!r}: {self.reason}; the default stays"


def default_bindings() -> list[Binding]:
    """The app's bindings with their ids. An empty default still has an id, so that a user may give it a key.

    The key that opens the message field takes effect before the next key is read: what is typed behind it is text.
    """
    return [
        replace(binding, priority=action.everywhere or action.id == "vc.type", system=True)
        for action in ACTIONS
        for binding in Binding.make_bindings(
            [Binding(action.keys or f"<{action.id}>", action.action, action.words, show=False, id=action.id)]
        )
    ]


def check_keys(wanted: Mapping[str, str]) -> tuple[dict[str, str], tuple[KeyProblem, ...]]:
    """The entries that can be used, as a Textual keymap, and those that cannot.

    Two entries that ask for one key: the first keeps it. An entry may take the default key of another binding only if
    that one is given a new key too.
    """
    good: dict[str, str] = {}
    problems: list[KeyProblem] = []
    for id, value in wanted.items():
        reason = _refusal(id, value)
        if reason:
            problems.append(KeyProblem(id, value, reason))
        else:
            good[id] = ",".join(key_name(key) for key in value.split(","))
    for id in list(good):
        if other := _clash(id, good):
            problems.append(KeyProblem(id, wanted[id], f"{other} has that key"))
            del good[id]
    return good, tuple(problems)


def _refusal(id: str, value: str) -> str:
    if id not in BY_ID:
        near = difflib.get_close_matches(id, BY_ID, n=1, cutoff=0.5)
        return f"no such binding{f', did you mean {near[0]}?' if near else ''}"
    if id in UNCHANGEABLE:
        return "this key cannot be changed"
    for key in value.split(","):
        name = key_name(key)
        if not _is_key(name):
            return f"{key.strip()!r} is not a key"
        if name in RESERVED:
            return f"{name} is reserved"
    return ""


def _clash(id: str, chosen: Mapping[str, str]) -> str:
    """The binding that already has one of `id`'s keys: one chosen earlier, or one that keeps its default."""
    mine = set(chosen[id].split(","))
    earlier = list(chosen)[: list(chosen).index(id)]
    for other, action in BY_ID.items():
        if other == id or (other in chosen and other not in earlier):
            continue
        keys = chosen[other] if other in chosen else action.keys
        if mine & {key_name(key) for key in keys.split(",") if key}:
            return other
    return ""


def key_name(key: str) -> str:
    """The name Textual gives a key: `?` -> `question_mark`, `Ctrl+T` -> `ctrl+t`; unknown text comes back as it is."""
    key = key.strip()
    *modifiers, last = [key] if key in ("+", "") else key.split("+")
    if len(last) == 1 and last != "@":
        last = _character_to_key(last)
    if len(last) > 1 or modifiers:
        last = last.lower()
    return "+".join([*(m.lower() for m in modifiers), last])


def _is_key(name: str) -> bool:
    *modifiers, last = name.split("+")
    is_known = len(last) == 1 or name in _NAMED or last in _NAMED or format_key(last) != last
    return is_known and all(m in _MODIFIERS for m in modifiers)


def spoken(keys: str) -> str:
    """How the first of some keys is written for a person: `escape` -> `Esc`, `ctrl+t` -> `Ctrl+T`."""
    *modifiers, last = keys.split(",")[0].split("+")
    sign = format_key(last)
    if len(last) > 1 and len(sign) == 1 and sign.isascii():
        named = sign
    elif len(last) > 1 or modifiers:
        named = {"escape": "Esc"}.get(last, last.capitalize())
    else:
        named = last
    return "+".join([*(m.capitalize() for m in modifiers), named])


def keys_of(id: str, keymap: Mapping[str, str]) -> str:
    return keymap.get(id) or BY_ID[id].keys


def spoken_keys(keymap: Mapping[str, str]) -> Keys:
    return Keys({id.removeprefix("vc."): spoken(keys) for id in BY_ID if (keys := keys_of(id, keymap))})


def viewer_keys(keys: Keys) -> Keys:
    """The same for the deck of a read-only viewer, where a part of a sentence that names a useless key is left out."""
    hidden = {id.removeprefix("vc.") for id in CHANGING} | {"back"}
    return Keys({name: NO_KEY if name in hidden else key for name, key in keys.names.items()})

"""The keys that work now, at most seven, and at the right how the end of a hold is known."""

from __future__ import annotations

from textual.reactive import reactive

from voicechat.core.view import ConnectionView, MicView, ReplyView
from voicechat.ui.bindings import CHANGING
from voicechat.ui.paint import Painted, Palette, Row
from voicechat.ui.wording import Keys, Release, assistant_name, release_words

Hint = tuple[str, str]
"""A binding id or a fixed key, and what it does."""
MOUSE_HINT = "hold the badge with the mouse for a true hold"


def hints(now: Foot) -> list[Hint]:
    """The keys worth naming, most important first, as they are bound; a read-only viewer's change nothing."""
    found = _of_replay(now) if now.replay else _of_talk(now)
    if now.read_only and not now.replay:
        found = [one for one in found if one[0] not in CHANGING and not one[1].startswith("stop")]
    return [(key, words) for name, words in found if (key := _key_of(name, now.keys))]


def _key_of(name: str, keys: Keys) -> str:
    return keys.of(name.removeprefix("vc.")) if name.startswith("vc.") else name


def _of_replay(now: Foot) -> list[Hint]:
    """Nothing can be said or stopped here; the talk key goes through time."""
    word = "pause" if now.replay == "playing" else "go on"
    if now.place in ("talk", "turn"):
        moves = [("←→", "5 s"), (", .", "event"), (_speed_keys(now.keys), "speed"), ("Home End", "ends")]
        return [("vc.ptt", word), *moves, EVENTS, HELP, QUIT]
    told = [(key, "back" if text.startswith("stop") else text) for key, text in _of_talk(now) if text != "stop"]
    return [(key, word if text in ("talk", "open mic", "pause mic") else text) for key, text in told]


def _speed_keys(keys: Keys) -> str:
    return f"{keys.of('volume_down').replace('-', '−')} {keys.of('volume').replace('=', '+')}"


EVENTS, HELP, QUIT = ("vc.events", "events"), ("vc.help", "help"), ("vc.quit", "quit")
ALSO_TYPING = [("vc.ptt_any", "talk"), ("vc.stop", "stop")]
"""Keys that work while a text is written."""


def _of_talk(now: Foot) -> list[Hint]:
    talk = ("vc.ptt", _talk_word(now))
    match now.place:
        case "typing":
            return [("Enter", "send"), ("vc.back", "back"), *ALSO_TYPING]
        case "sending":
            form = [("Ctrl+S", "send"), ("Ctrl+T", "template"), ("Tab", "complete")]
            return [*form, ("vc.back", "back"), ALSO_TYPING[0]]
        case "turn":
            changes = [("vc.insert_after", "insert after"), ("vc.delete_turn", "delete")]
            changes += [("vc.retrieve_turn", "retrieve"), ("vc.truncate_turn", "cut here")]
            return [("↑↓", "turn"), ("vc.copy", "copy"), *changes, ("vc.back", "back")]
        case "consent":
            answers = [("y", "allow"), ("a", "always in this talk"), ("n", "no")]
            return [talk, *answers, ("vc.back", "no"), ("vc.type", "type")]
        case "asking":
            return [("vc.fold", "quit"), ("vc.back", "stay")]
        case "died":
            return [("vc.fold", "look again" if now.read_only else "start it again"), QUIT]
        case "help":
            return [("vc.back", "close"), ("vc.ptt", "talk"), ("vc.commands", "commands"), QUIT]
        case "settings":
            moves = [("↑↓", "move"), ("←→", "change"), ("u", "undo"), ("Enter", "edit"), ("vc.back", "close")]
            return [talk, *moves]
        case "setting":
            return [("Enter", "set"), ("vc.back", "leave it"), *ALSO_TYPING]
        case "devices":
            chosen = [("↑↓", "move"), ("Enter", "choose"), ("vc.back", "close")]
            return [talk, *chosen, ("vc.mute", "unmute" if now.mic.muted else "mute")]
        case "numbers":
            return [talk, EVENTS, ("x", "export CSV"), ("vc.numbers", "back to talk"), HELP]
        case "filter":
            return [("Enter", "done"), ("↑", "earlier"), ("vc.back", "clear"), *ALSO_TYPING]
        case "events":
            listed = [("vc.find", "filter"), ("vc.fold", "details"), ("vc.freeze", "freeze")]
            listed += [("vc.events", "back to talk"), HELP, ("vc.problem", "next problem")]
            zoom = f"{now.keys.of('zoom_out')} {now.keys.of('zoom')}"
            return [talk, *listed, (zoom, "zoom"), ("Tab", "next pane")]
    return _talk_hints(now)


def _talk_hints(now: Foot) -> list[Hint]:
    phase = now.connection.phase
    type_, again = ("vc.type", "type"), ("vc.again", "retry now")
    rest: list[Hint] = [type_, EVENTS, HELP]
    if now.read_only:
        return [EVENTS, ("vc.numbers", "numbers"), ("↑↓", "turn"), ("vc.copy", "copy"), HELP, QUIT]
    if now.mic.state == "unknown":
        return [*([("vc.fold", "restart the engine")] if now.mic.hint else []), EVENTS, HELP, QUIT]
    if phase == "ended":
        return [("vc.commands", "commands"), EVENTS, HELP, QUIT]
    if now.mic.state == "budget-spent":
        return [("vc.commands", "continue"), *rest, ("vc.numbers", "numbers"), QUIT]
    if phase in ("lost", "refused"):
        return [again, *rest, QUIT]
    if now.mic.state == "no-microphone":
        cures = [("vc.type", "type instead"), ("vc.devices", "devices"), ("vc.again", "retry")]
        return [*cures, *rest[1:], QUIT]
    if now.mic.state == "device-lost":
        return [("vc.devices", "choose a device"), *rest, QUIT]
    mute = ("vc.mute", "unmute" if now.mic.muted else "mute")
    if now.mic.translates_to:  # it knows no turns and no typed text
        return [mute, *([("vc.back", "stop")] if _may_stop(now) else []), *rest[1:], QUIT]
    row: list[Hint] = [] if now.mic.muted else [("vc.ptt", _talk_word(now))]
    row.append(mute)
    if _may_stop(now):
        keys = now.keys
        stop = f"{keys.of('back')}/{keys.of('stop')}" if now.release in ("guessed", "remote", "tap") else "vc.back"
        row.append((stop, f"stop {assistant_name(now.connection)}"))
    if now.reply.state == "no-answer":
        row.append(("vc.again", "ask again"))
    return [*row, ("vc.barge_in", "barge-in"), *rest][:7]


def _talk_word(now: Foot) -> str:
    if now.mic.turn_mode == "push-to-talk" or now.connection.phase != "open":
        return "talk"
    return "open mic" if now.mic.state == "paused" else "pause mic"


def _may_stop(now: Foot) -> bool:
    return now.reply.state in ("thinking", "speaking", "finishing", "waiting")


class Foot(Painted):
    """Takes the slices that decide which keys work."""

    mic: reactive[MicView] = reactive(MicView())
    reply: reactive[ReplyView] = reactive(ReplyView(), repaint=False)
    connection: reactive[ConnectionView] = reactive(ConnectionView())
    release: reactive[Release] = reactive[Release]("unknown")
    keys: reactive[Keys] = reactive(Keys())
    place: reactive[str] = reactive("talk")
    """`talk`, `typing`, `events`, `devices`, `help`, `died` or `asking`: what has the keyboard."""
    turns_spoken: reactive[int] = reactive(0)
    replay: reactive[str] = reactive("")
    """`playing` or `paused`, where the talk comes from a tape."""
    read_only: reactive[bool] = reactive(False)
    """The screen of a read-only viewer."""

    def watch_reply(self, old: ReplyView, new: ReplyView) -> None:
        """Its clock runs ten times a second; the keys depend on its state."""
        if old.state != new.state:
            self.refresh()

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        row = Row(palette, width, "surface").own(" ")
        right = row.part()
        talks = self.place == "talk" and not self.replay and not self.read_only
        if width >= 110 and talks and (words := self._right_words()):
            right.own(f"{words} ", "quiet")
        for key, word in hints(self):
            hint = row.part().own(key, "key", bold=True).own(f" {word}", "quiet")
            if row.cells + hint.cells + (3 if right.cells else 1) > width - right.cells:
                break
            row.join(hint).own("  " if width < 100 else "   ")
        return [row.end_with(right)]

    def _right_words(self) -> str:
        if self.release in ("guessed", "remote", "tap") and self.turns_spoken < 3:
            return MOUSE_HINT
        return release_words(self.release, self.keys.of("ptt"))

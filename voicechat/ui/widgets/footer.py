"""The keys that work now, at most seven, and at the right how the end of a hold is known."""

from __future__ import annotations

from dataclasses import dataclass

from textual.reactive import reactive

from voicechat.core.view import ConnectionView, MicView, ReplyView
from voicechat.ui.paint import Painted, Palette, Row
from voicechat.ui.wording import Keys, Release, assistant_name, release_words

Hint = tuple[str, str]
"""A key and what it does."""
MOUSE_HINT = "hold the badge with the mouse for a true hold"


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which keys work."""

    mic: MicView
    reply: ReplyView
    connection: ConnectionView
    keys: Keys
    place: str = "talk"
    """`talk`, `typing`, `events`, `devices`, `help`, `died` or `asking`: what has the keyboard."""
    lone_escape_is_slow: bool = False
    replay: str = ""
    """`playing` or `paused`, where the talk comes from a tape."""


def hints(now: Situation) -> list[Hint]:
    """The keys worth naming, most important first."""
    return _of_replay(now) if now.replay else _of_talk(now)


def _of_replay(now: Situation) -> list[Hint]:
    """Nothing can be said or stopped here; the talk key goes through time."""
    word = "pause" if now.replay == "playing" else "go on"
    if now.place in ("talk", "turn"):
        moves = [("←→", "5 s"), (", .", "event"), ("− +", "speed"), ("Home End", "ends")]
        return [(now.keys.talk, word), *moves, ("F2", "events"), ("?", "help"), ("Ctrl+Q", "quit")]
    told = [(key, "back" if text.startswith("stop") else text) for key, text in _of_talk(now) if text != "stop"]
    return [(key, word if text in ("talk", "open mic", "pause mic") else text) for key, text in told]


def _of_talk(now: Situation) -> list[Hint]:
    keys = now.keys
    match now.place:
        case "typing":
            return [("Enter", "send"), (keys.stop, "back"), ("F8", "talk"), ("F9", "stop")]
        case "sending":
            form = [("Ctrl+S", "send"), ("Ctrl+T", "template"), ("Tab", "complete")]
            return [*form, (keys.stop, "back"), ("F8", "talk")]
        case "turn":
            changes = [("a", "insert after"), ("Delete", "delete"), ("R", "retrieve"), ("X", "cut here")]
            return [("↑↓", "turn"), ("y", "copy"), *changes, (keys.stop, "back")]
        case "consent":
            answers = [("y", "allow"), ("a", "always in this talk"), ("n", "no")]
            return [(keys.talk, _talk_word(now)), *answers, (keys.stop, "no"), (keys.type, "type")]
        case "asking":
            return [("Enter", "quit"), (keys.stop, "stay")]
        case "died":
            return [("Enter", "start it again"), ("Ctrl+Q", "quit")]
        case "help":
            return [(keys.stop, "close"), (keys.talk, "talk"), (":", "commands"), ("Ctrl+Q", "quit")]
        case "settings":
            moves = [("↑↓", "move"), ("←→", "change"), ("u", "undo"), ("Enter", "edit"), (keys.stop, "close")]
            return [(keys.talk, _talk_word(now)), *moves]
        case "setting":
            return [("Enter", "set"), (keys.stop, "leave it"), ("F8", "talk"), ("F9", "stop")]
        case "devices":
            chosen = [("↑↓", "move"), ("Enter", "choose"), (keys.stop, "close")]
            return [(keys.talk, _talk_word(now)), *chosen, (keys.mute, "unmute" if now.mic.muted else "mute")]
        case "numbers":
            listed = [("e", "events"), ("x", "export CSV"), ("F7", "back to talk"), ("?", "help")]
            return [(keys.talk, _talk_word(now)), *listed]
        case "filter":
            return [("Enter", "done"), ("↑", "earlier"), (keys.stop, "clear"), ("F8", "talk"), ("F9", "stop")]
        case "events":
            listed = [("/", "filter"), ("Enter", "details"), ("f", "freeze"), ("F2", "back to talk"), ("?", "help")]
            more = [("n", "next problem"), ("[ ]", "zoom"), ("Tab", "next pane")]
            return [(keys.talk, _talk_word(now)), *listed, *more]
    return _talk_hints(now)


def _talk_hints(now: Situation) -> list[Hint]:
    keys, phase = now.keys, now.connection.phase
    rest = [(keys.type, "type"), ("F2", "events"), ("?", "help")]
    if phase == "ended":
        return [(":", "commands"), ("F2", "events"), ("?", "help"), ("Ctrl+Q", "quit")]
    if phase in ("lost", "refused"):
        return [(keys.again, "retry now"), *rest, ("Ctrl+Q", "quit")]
    if now.mic.state == "no-microphone":
        cures = [(keys.type, "type instead"), (keys.devices, "devices"), (keys.again, "retry")]
        return [*cures, *rest[1:], ("Ctrl+Q", "quit")]
    if now.mic.state == "budget-spent":
        return [(":", "continue"), *rest, ("F7", "numbers"), ("Ctrl+Q", "quit")]
    if now.mic.state == "device-lost":
        return [(keys.devices, "choose a device"), *rest, ("Ctrl+Q", "quit")]
    if now.mic.translates_to:  # it knows no turns and no typed text
        stops = [(keys.stop, "stop")] if _may_stop(now) else []
        return [(keys.mute, "unmute" if now.mic.muted else "mute"), *stops, *rest[1:], ("Ctrl+Q", "quit")]
    row: list[Hint] = [] if now.mic.muted else [(keys.talk, _talk_word(now))]
    row.append((keys.mute, "unmute" if now.mic.muted else "mute"))
    if _may_stop(now):
        stop = f"{keys.stop}/F9" if now.lone_escape_is_slow else keys.stop
        row.append((stop, f"stop {assistant_name(now.connection)}"))
    if now.reply.state == "no-answer":
        row.append((keys.again, "ask again"))
    return [*row, (keys.barge_in, "barge-in"), *rest][:7]


def _talk_word(now: Situation) -> str:
    if now.mic.turn_mode == "push-to-talk" or now.connection.phase != "open":
        return "talk"
    return "open mic" if now.mic.state == "paused" else "pause mic"


def _may_stop(now: Situation) -> bool:
    return now.reply.state in ("thinking", "speaking", "finishing", "waiting")


class Foot(Painted):
    """Takes the slices that decide which keys work."""

    mic: reactive[MicView] = reactive(MicView())
    reply: reactive[ReplyView] = reactive(ReplyView(), repaint=False)
    connection: reactive[ConnectionView] = reactive(ConnectionView())
    release: reactive[Release] = reactive[Release]("unknown")
    keys: reactive[Keys] = reactive(Keys())
    place: reactive[str] = reactive("talk")
    turns_spoken: reactive[int] = reactive(0)
    replay: reactive[str] = reactive("")
    """`playing` or `paused`, where the talk comes from a tape."""

    def watch_reply(self, old: ReplyView, new: ReplyView) -> None:
        """Its clock runs ten times a second; the keys depend on its state."""
        if old.state != new.state:
            self.refresh()

    def paint(self, palette: Palette, width: int, height: int) -> list[Row]:
        """One row."""
        row = Row(palette, width, "surface").own(" ")
        right = row.part()
        if width >= 110 and self.place == "talk" and not self.replay and (words := self._right_words()):
            right.own(f"{words} ", "quiet")
        slow = self.release in ("guessed", "remote", "tap")
        now = Situation(self.mic, self.reply, self.connection, self.keys, self.place, slow, self.replay)
        for key, word in hints(now):
            hint = row.part().own(key, "key", bold=True).own(f" {word}", "quiet")
            if row.cells + hint.cells + (3 if right.cells else 1) > width - right.cells:
                break
            row.join(hint).own("  " if width < 100 else "   ")
        return [row.end_with(right)]

    def _right_words(self) -> str:
        if self.release in ("guessed", "remote", "tap") and self.turns_spoken < 3:
            return MOUSE_HINT
        return release_words(self.release, self.keys.talk)

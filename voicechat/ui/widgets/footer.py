"""The keys that work now, and in push-to-talk how the end of a hold is known. A click on a key does the same."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widgets import Static

from voicechat.core.view import ConnectionView, MicView, ReplyView
from voicechat.ui.bindings import BY_ID, CHANGING
from voicechat.ui.paint import palette_of, styled
from voicechat.ui.wording import Keys, Release, assistant_name, release_words

Hint = tuple[str, str]
"""A binding id or a fixed key, and what it does."""
MOUSE_HINT = "or hold the badge with the mouse"


def hints(now: Foot) -> list[Hint]:
    """The keys worth naming, most important first; a read-only viewer's change nothing."""
    found = _of_replay(now) if now.replay else _of_talk(now)
    if now.read_only and not now.replay:
        found = [one for one in found if one[0] not in CHANGING and not one[1].startswith("stop")]
    return [(name, words) for name, words in found if _key_of(name, now.keys)]


def _key_of(name: str, keys: Keys) -> str:
    """What the key is called as it is bound now; empty where there is none."""
    return keys.of(name.removeprefix("vc.")) if name.startswith("vc.") else name


def _of_replay(now: Foot) -> list[Hint]:
    """Nothing can be said or stopped here; the talk key goes through time."""
    word = "pause" if now.replay == "playing" else "go on"
    if now.place in ("talk", "turn"):
        moves = [("←→", "5 s"), (", .", "event"), (_speed_keys(now.keys), "speed"), ("Home End", "ends")]
        return [("vc.ptt", word), *moves, EVENTS, HELP, QUIT]
    told = [(key, "back" if text.startswith("stop") else text) for key, text in _of_talk(now) if text != "stop"]
    return [(key, word if text in ("talk", "resume mic", "pause mic") else text) for key, text in told]


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
            return [("↑↓", "turn"), ("vc.copy", "copy"), ("vc.events", "its events"), ("vc.back", "back"), *changes]
        case "consent":
            answers = [("y", "allow"), ("a", "always in this talk"), ("n", "no")]
            return [talk, *answers, ("vc.back", "no"), ("vc.type", "type")]
        case "asking":
            return [("vc.fold", "quit"), ("vc.back", "stay")]
        case "died":
            return [("vc.fold", "look again" if now.read_only else "start it again"), QUIT]
        case "help":
            return [("vc.back", "close"), talk, ("vc.commands", "commands"), QUIT]
        case "settings":
            moves = [("↑↓", "move"), ("←→", "change"), ("u", "undo"), ("Enter", "choose"), ("vc.back", "close")]
            return [talk, *moves]
        case "choices":
            return [talk, ("↑↓", "move"), ("Enter", "choose"), ("vc.back", "back")]
        case "setting":
            return [("Enter", "set"), ("vc.back", "leave it"), *ALSO_TYPING]
        case "devices":
            chosen = [("↑↓", "move"), ("Enter", "choose"), ("vc.back", "close")]
            return [talk, *chosen, ("vc.mute", "unmute" if now.mic.muted else "mute")]
        case "numbers":
            return [talk, EVENTS, ("x", "export CSV"), ("vc.numbers", "back to talk"), HELP]
        case "filter":
            return [("Enter", "done"), ("↑", "earlier"), ("vc.back", "clear"), *ALSO_TYPING]
        case "problems":
            listed = [("↑↓", "problem"), ("Enter", "its event"), ("Tab", "next pane")]
            return [talk, *listed, ("vc.events", "back to talk"), HELP]
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
        row.append(("vc.back", f"stop {assistant_name(now.connection)}"))
    if now.reply.state == "no-answer":
        row.append(("vc.again", "ask again"))
    return [*row, type_, EVENTS, ("vc.barge_in", "barge-in"), HELP]


def _talk_word(now: Foot) -> str:
    if now.mic.turn_mode == "push-to-talk" or now.connection.phase != "open":
        return "talk"
    return "resume mic" if now.mic.state == "paused" else "pause mic"


def _may_stop(now: Foot) -> bool:
    return now.reply.state in ("thinking", "speaking", "finishing", "waiting")


class Foot(Static):
    """Takes the slices that decide which keys work."""

    ALLOW_SELECT = False

    mic: reactive[MicView] = reactive(MicView(), repaint=False)
    reply: reactive[ReplyView] = reactive(ReplyView(), repaint=False)
    connection: reactive[ConnectionView] = reactive(ConnectionView(), repaint=False)
    release: reactive[Release] = reactive[Release]("unknown", repaint=False)
    keys: reactive[Keys] = reactive(Keys(), repaint=False)
    place: reactive[str] = reactive("talk", repaint=False)
    """`talk`, `typing`, `events`, `devices`, `help`, `died` or `asking`: what has the keyboard."""
    turns_spoken: reactive[int] = reactive(0, repaint=False)
    replay: reactive[str] = reactive("", repaint=False)
    """`playing` or `paused`, where the talk comes from a tape."""
    read_only: reactive[bool] = reactive(False, repaint=False)
    """The screen of a read-only viewer."""
    _shown: object = None

    def fill(self) -> None:
        """The hints that fit; `HELP` always does."""
        if not self.is_mounted:
            return
        width, found, right = self.app.size.width, hints(self), self._right_words()
        gap = 2 if width < 100 else 3
        named = [(name, _key_of(name, self.keys), words) for name, words in found]
        room = width - 2 - (len(right) + gap if right else 0)
        while len(named) > 1 and sum(len(key) + len(words) + 1 + gap for _, key, words in named) - gap > room:
            named.remove(next(one for one in reversed(named) if (one[0], one[2]) != HELP))
        if (shown := (named, right, width)) == self._shown:
            return
        self._shown, palette = shown, palette_of(self.app)
        parts = []
        for name, key, words in named:
            part = styled(palette, (key, "bold $key"), (f" {words}", "$quiet"))
            does = Style.from_meta({"does": BY_ID[name].action} if name in BY_ID else {})
            parts.append(part.stylize(does))
        row = styled(palette, " ", Content(" " * gap).join(parts)).truncate(width - len(right) - 1, pad=True)
        self.update(styled(palette, row, (right, "$quiet"), " "), layout=False)

    watch_mic = watch_reply = watch_connection = watch_release = watch_keys = watch_place = fill
    watch_turns_spoken = watch_replay = watch_read_only = on_mount = on_resize = fill

    async def on_click(self, event: events.Click) -> None:
        if does := event.style.meta.get("does"):
            await self.app.run_action(does)

    def _right_words(self) -> str:
        is_talk = self.place == "talk" and not self.replay and not self.read_only
        if self.app.size.width < 110 or not is_talk or self.mic.turn_mode != "push-to-talk":
            return ""
        if self.release in ("guessed", "remote") and self.turns_spoken < 3:
            return MOUSE_HINT
        return release_words(self.release, self.keys.of("ptt"))

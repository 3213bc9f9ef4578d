"""The assistant's side of a dialogue: when an answer is made and of what, which responses are active, what is heard.

A turn that was found by the detector is answered when its words are known and hold any: a cough makes an item but no
answer. A response that the client creates is created at once and waits for the words it depends on. One response of the
default conversation is active at a time; side responses (`conversation: "none"`) run beside it.

Over WebRTC the sound waits in a `Playout`, so this side knows what was heard and truncates by itself; over WebSocket
the client knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from voicechat.audio.blocks import SAMPLE_RATE as RATE, to_int16
from voicechat.audio.sound_format import resampled
from voicechat.local_server.answer import VOICE_RATE, Answer, AnswerRequest, Finished, Piece, Spoken
from voicechat.local_server.brain import CallTool, Role, Say, ToolOutput, Turn
from voicechat.local_server.conversation import Conversation, Entry, Reply, StopReply
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.session_config import Fields, SessionConfig, updated
from voicechat.local_server.sound import Pcm, Playout
from voicechat.local_server.speech.text import english_only, foreign_language
from voicechat.protocol import server_events as events
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.session_fields import LANGUAGES
from voicechat.protocol.wire import JsonValue

MOST_ACTIVE = 8
"""Responses at once, side responses included."""
NOT_HEARD = "I did not hear any words. Please say that again."
UNSEEN = "I cannot see pictures."
STILL_THERE = "Are you still there? I am listening."
"""What is said when the idle timeout fires; a brain has nothing to go by then."""


class Responses:
    def __init__(self, conversation: Conversation, playout: Playout | None, local_time: Callable[[], datetime]) -> None:
        self._conversation = conversation
        self._emit = conversation.emit
        self._playout = playout
        self._local_time = local_time
        self._active: dict[str, Answer] = {}
        self._audible: dict[str, Entry] = {}
        """Answers with sound in the playout, oldest first; they stay after their `response.done`."""
        self._last_played = ""
        self._has_told_language = False
        self.owed_to: str | None = None
        """The user's item that the server has promised to answer."""
        self.quiet_since: float | None = None
        """When the last sound ends or ended: measured (WebRTC), or reckoned from its length (WebSocket)."""
        self.has_spoken = False
        """Some answer had sound: the voice is locked from then on."""

    @property
    def main(self) -> Answer | None:
        """The active response of the default conversation."""
        return next((answer for answer in self._active.values() if answer.request.in_conversation), None)

    def is_quiet(self, now: float) -> bool:
        """Nothing is being made and nothing waits to be heard."""
        return not self._active and not self._audible and (self.quiet_since or now) <= now

    # when an answer is made, and of what
    def create(self, request: AnswerRequest) -> None:
        """Create a response now. Raises Refusal when there is one already, or too many."""
        if request.in_conversation and self.main:
            text = (
                f"Conversation already has an active response in progress: {self.main.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refusal("conversation_already_has_active_response", text)
        if len(self._active) >= MOST_ACTIVE:
            raise Refusal("rate_limit_exceeded", f"At most {MOST_ACTIVE} responses can be active at once.")
        answer = Answer(request, self._conversation, sends_sound=self._playout is None)
        self._active[answer.id] = answer
        answer.created()
        self._begin()

    def follow_up(self, config: SessionConfig) -> None:
        """Whatever has become possible: begin what waited for words, answer what is owed."""
        self._begin()
        entry = self._conversation.find(self.owed_to) if self.owed_to and config.kind == "realtime" else None
        if entry is None or entry.awaits_transcript or self.main:
            return
        self.owed_to = None
        if any(char.isalnum() for char in entry.heard_text) and len(self._active) < MOST_ACTIVE:
            self.create(AnswerRequest(config))

    def likely_turn(self, text: str, config: SessionConfig) -> Turn | None:
        """What the brain would be asked if the user, who has just paused, said no more; None if nothing would be."""
        turns = config.turn_detection
        is_answered = turns and turns.create_response and config.kind == "realtime" and config.is_spoken
        if not text or not is_answered or foreign_language(text):
            return None
        item = Item(type="message", role="user", content=(ContentPart(type="input_audio", transcript=text),))
        return read_turn((*self._conversation, Entry(item, length=1.0)), config, self._local_time())

    def _begin(self) -> None:
        for answer in self._active.values():
            entries, instead, config = answer.entries, answer.request.instead, answer.request.config
            if not answer.has_begun and (instead or not any(entry.awaits_transcript for entry in entries)):
                answer.has_begun = True
                turn, preamble = (None, instead) if instead else self._asked(entries, config)
                self._emit(Reply(answer.id, turn, preamble, config.is_spoken, config.speed))

    def _asked(self, entries: tuple[Entry, ...], config: SessionConfig) -> tuple[Turn | None, str]:
        """What the brain is asked (None: nothing), and what is said before it answers."""
        turn = read_turn(entries, config, self._local_time())
        if turn.by_voice and not turn.text and not turn.tool_outputs:
            return None, NOT_HEARD
        if turn.has_picture and not turn.tool_outputs:
            return (turn if turn.text else None), UNSEEN
        foreign = foreign_language(turn.text)
        language = foreign or expected_language(config.language)
        if not language or self._has_told_language:
            return turn, ""
        self._has_told_language = True
        # Words of another language are answered by the notice alone: the brain could only say that it is at a loss.
        return (None if foreign else turn), english_only(language)

    # how it is made, and how it ends
    def made(self, response_id: str, piece: Piece, now: float) -> None:
        """A piece of an answer came; nothing happens when that was cancelled meanwhile."""
        answer = self._active.get(response_id)
        if answer is None:
            return
        match piece:
            case Say(text):
                answer.wrote(text)
            case Spoken():
                self._voiced(answer, piece, now)
            case CallTool(name, arguments):
                answer.called(name, arguments)
            case Finished(error):
                self._end(answer, "failed" if error else "completed", error=error)
        if answer.limit_reached and response_id in self._active:
            self._end(answer, "completed")

    def cancel(self, response_id: str | None) -> None:
        """`response.cancel`: stop generating. What was generated goes on being heard, as at the service."""
        answer = self._active.get(response_id) if response_id else self.main
        if answer is None:
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        self._end(answer, "cancelled", "client_cancelled")

    def interrupt(self, now: float) -> None:
        """The user speaks: silence, truncate, and end what was being made."""
        self.owed_to = None
        self._silence(now, "turn_detected")
        if self.main:
            self._end(self.main, "cancelled", "turn_detected")

    def clear_output(self, now: float) -> None:
        """`output_audio_buffer.clear`: silence at once; what is still being made for the ear is stopped with it."""
        if self._audible:
            self._silence(now, "client_cancelled")
        else:
            self._emit(events.OutputAudioBufferCleared(response_id=self._last_played))

    def told_what_was_heard(self, now: float) -> None:
        """The client truncates, so over WebSocket the sound has ended, sooner than was reckoned."""
        if self._playout is None and self.quiet_since is not None:
            self.quiet_since = min(self.quiet_since, now)

    def pull(self, now: float) -> Pcm:
        """The next 20 ms for the track; the client is told what its passing means."""
        assert self._playout is not None
        frame, marks = self._playout.pull()
        for response_id, kind in marks:
            if kind == "started":
                self._last_played = response_id
                self._emit(events.OutputAudioBufferStarted(response_id=response_id))
            else:
                self._audible.pop(response_id, None)
                self.quiet_since = now
                self._emit(events.OutputAudioBufferStopped(response_id=response_id))
        return frame

    def next_words(self, within: float) -> str:
        """The next words of the answer that plays, as far as they begin within so many seconds (WebRTC)."""
        response_id, entry = next(iter(self._audible.items()), ("", None))
        if entry is None or self._playout is None:
            return ""
        until = self._playout.played(response_id) + within
        due = [word.text for word in entry.words[entry.words_sent :] if word.starts < until]
        entry.words_sent += len(due)
        return " ".join(due)

    def _voiced(self, answer: Answer, piece: Spoken, now: float) -> None:
        samples = piece.samples
        answer.voiced(piece.text, samples)
        self.has_spoken = True
        if answer.limit_reached:
            return
        if self._playout is None:
            self.quiet_since = max(self.quiet_since or now, now) + len(samples) / VOICE_RATE
        elif len(samples) and answer.spoken_entry:
            self._audible.setdefault(answer.id, answer.spoken_entry)
            self._playout.add(answer.id, to_int16(resampled(samples, VOICE_RATE, RATE)))

    def _end(self, answer: Answer, status: str, reason: str | None = None, error: str = "") -> None:
        """Finish an answer. What was made of it goes on being heard."""
        del self._active[answer.id]
        if self._playout:
            self._playout.complete(answer.id)
        if status != "completed" or answer.limit_reached:
            self._emit(StopReply(answer.id))
        answer.done(status, reason, error)

    def _silence(self, now: float, reason: str) -> None:
        """Empty the playout: every answer in it is truncated to what was heard, and ends if it was being made."""
        if self._playout is None or not self._audible:
            return
        for response_id, entry in self._audible.items():
            played = self._playout.played(response_id)
            self._emit(events.OutputAudioBufferCleared(response_id=response_id))
            if played < entry.length and self._conversation.find(entry.id):
                entry.cut(played)
                self._emit(events.ConversationItemTruncated(item_id=entry.id, audio_end_ms=int(played * 1000)))
        silenced = [self._active[name] for name in self._audible if name in self._active]
        self._playout.clear()
        self._audible.clear()
        self.quiet_since = now
        for answer in silenced:
            self._end(answer, "cancelled", reason)


def expected_language(code: str) -> str:
    """The language that the client says the user speaks (ISO 639-1); empty for English and where it does not say."""
    short = code.split("-")[0]
    return "" if short in ("", "en", "eng", "english") else LANGUAGES.get(short, f"the language {code!r}")


def read_request(
    config: SessionConfig, options: Mapping[str, JsonValue], entries: tuple[Entry, ...] | None
) -> AnswerRequest:
    """The configuration with the checked overrides of one `response.create` (GA form)."""
    metadata, around = options.get("metadata"), ("conversation", "input", "metadata")
    own: Fields = {name: value for name, value in options.items() if value is not None and name not in around}
    return AnswerRequest(
        updated(config, own),
        metadata=metadata if isinstance(metadata, dict) else None,
        in_conversation=options.get("conversation") != "none",
        entries=entries,
    )


def input_entries(given: JsonValue, conversation: Conversation) -> tuple[Entry, ...] | None:
    """The items that a `response.create` brings along or points to; None where it names none.

    Raises Refusal for one that is not there.
    """
    if not isinstance(given, list):
        return None
    entries = []
    for index, one in enumerate(given):
        item = msgspec.convert(one, Item)
        if item.type != "item_reference":
            entries.append(Entry(msgspec.structs.replace(item, id=item.id or conversation.new_id("item"))))
        elif found := conversation.find(item.id):
            entries.append(found)
        else:
            text = f"Item with item_id not found: '{item.id}'."
            raise Refusal("invalid_value", text, f"response.input[{index}].id")
    return tuple(entries)


def read_turn(entries: Sequence[Entry], config: SessionConfig, now: datetime) -> Turn:
    """Items as words. Calls and their results count for the turn that is being answered, not for older ones."""
    start = _turn_start(entries)
    spoken = [entry for entry in entries[start:] if entry.item.role == "user"]
    roles: dict[str | None, Role] = {"user": "user", "assistant": "assistant"}
    past = [(roles.get(entry.item.role), entry.heard_text) for entry in entries[:start]]
    return Turn(
        text=" ".join(entry.heard_text for entry in spoken if entry.heard_text),
        now=now,
        history=tuple((role, text) for role, text in past if role and text),
        instructions=config.instructions,
        tools=config.tools,
        tool_choice=config.tool_choice,
        tool_outputs=_tool_outputs([entry.item for entry in entries[start:]]),
        by_voice=any(entry.length > 0 for entry in spoken),
        has_picture=any(one.type == "input_image" for entry in spoken for one in entry.item.content),
    )


def _turn_start(items: Sequence[Entry]) -> int:
    """Where the turn to be answered begins: what was said since the last answer, or the message typed last.

    Speech may come in several items, a typed message is whole: one that was never answered (the connection was lost) is
    no part of the next. An answer that ended in a function call is no answer yet: the turn goes on with the call's
    result. Silence can be one (`had_no_answer`).
    """
    at = len(items)
    has_result = has_user = False
    while at and not items[at - 1].had_no_answer and (items[at - 1].item.role != "assistant" or has_result):
        entry = items[at - 1]
        has_result = has_result or entry.item.type == "function_call_output"
        if has_result and entry.item.role == "user":
            return at - 1
        if entry.item.role == "user" and entry.item.type == "message":
            if not entry.length:
                return at if has_user else at - 1
            has_user = True
        at -= 1
    return at


def _tool_outputs(items: Sequence[Item]) -> tuple[ToolOutput, ...]:
    calls = {item.call_id: item for item in items if item.type == "function_call"}
    return tuple(
        ToolOutput(call.call_id or "", call.name or "", call.arguments or "", item.output or "")
        for item in items
        if item.type == "function_call_output" and (call := calls.get(item.call_id))
    )

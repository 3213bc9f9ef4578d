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

from voicechat.local_server.answer import (
    VOICE_RATE,
    Answer,
    AnswerRequest,
    Failed,
    Finished,
    Out,
    Piece,
    Reply,
    Spoken,
    StopReply,
    made_by,
    tokens_in,
)
from voicechat.local_server.brain import CallTool, Role, Say, ToolOutput, Turn
from voicechat.local_server.conversation import Conversation, Entry, cut
from voicechat.local_server.playout import RATE, Moved, Pcm, Playout, Started, Stopped
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.session_config import (
    SessionConfig,
    function_tools,
    part,
    token_limit,
    tool_choice,
    voice_name,
)
from voicechat.local_server.sound_formats import int16, resampled
from voicechat.local_server.speech.text import english_only, foreign_language
from voicechat.protocol.items import ContentPart, ErrorDetail, Item
from voicechat.protocol.server_events import (
    ConversationItemTruncated,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
)
from voicechat.protocol.wire import JsonValue

MOST_ACTIVE = 8
"""Responses at once, side responses included."""
NOT_HEARD = "I did not hear any words. Please say that again."
UNSEEN = "I cannot see pictures."
STILL_THERE = "Are you still there? I am listening."
"""What is said when the idle timeout fires; a brain has nothing to go by then."""
_LANGUAGES = {
    "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian",
    "pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "ru": "Russian", "sv": "Swedish", "tr": "Turkish",
}  # fmt: skip


class Responses:
    def __init__(
        self,
        conversation: Conversation,
        new_id: Callable[[str], str],
        playout: Playout | None,
        local_time: Callable[[], datetime],
    ) -> None:
        self._conversation = conversation
        self._new_id = new_id
        self._playout = playout
        self._local_time = local_time
        self._active: dict[str, Answer] = {}
        self._audible: dict[str, Entry] = {}
        """Answers with sound in the playout, oldest first; they stay after their `response.done`."""
        self._playing: Moved | None = None
        """The answer that is being heard."""
        self._last_played = ""
        self._expected_language = ""
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

    def expect_language(self, code: str) -> None:
        """The client says which language the user speaks (ISO 639-1); anything but English earns one sentence."""
        short = code.lower().split("-")[0]
        is_english = short in ("", "en", "eng", "english")
        self._expected_language = "" if is_english else _LANGUAGES.get(short, f"the language {code!r}")

    # when an answer is made, and of what
    def create(self, request: AnswerRequest) -> list[Out]:
        """Create a response now. Raises Refusal when there is one already, or too many."""
        if request.in_conversation and self.main:
            text = (
                f"Conversation already has an active response in progress: {self.main.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refusal("conversation_already_has_active_response", text)
        if len(self._active) >= MOST_ACTIVE:
            raise Refusal("rate_limit_exceeded", f"At most {MOST_ACTIVE} responses can be active at once.")
        answer = Answer(
            self._new_id("resp"),
            request,
            self._conversation,
            self._new_id,
            tokens_in(self._entries_of(request), request.instructions),
            is_paced=self._playout is not None,
        )
        self._active[answer.id] = answer
        return [*answer.created(), *self._begin()]

    def follow_up(self, config: SessionConfig) -> list[Out]:
        """Whatever has become possible: begin what waited for words, answer what is owed."""
        outs = self._begin()
        entry = self._conversation.find(self.owed_to) if self.owed_to and config.kind == "realtime" else None
        if entry is None or entry.awaits_transcript or self.main:
            return outs
        self.owed_to = None
        if any(char.isalnum() for char in entry.heard_text) and len(self._active) < MOST_ACTIVE:
            outs += self.create(read_request(config, {}))
        return outs

    def likely_turn(self, text: str, config: SessionConfig) -> Turn | None:
        """What the brain would be asked if the user, who has just paused, said no more; None if nothing would be."""
        turns, request = config.turn_detection, read_request(config, {})
        is_answered = turns and turns.create_response and config.kind == "realtime" and request.is_spoken
        if not text or not is_answered or foreign_language(text):
            return None
        item = Item(type="message", role="user", content=(ContentPart(type="input_audio", transcript=text),))
        return read_turn((*self._conversation, Entry(item, length=1.0)), request, self._local_time())

    def _entries_of(self, request: AnswerRequest) -> tuple[Entry, ...]:
        return tuple(self._conversation) if request.entries is None else request.entries

    def _begin(self) -> list[Out]:
        outs: list[Out] = []
        for answer in self._active.values():
            entries, instead = self._entries_of(answer.request), answer.request.instead
            if not answer.has_begun and (instead or not any(entry.awaits_transcript for entry in entries)):
                answer.has_begun = True
                turn, preamble = (None, instead) if instead else self._asked(entries, answer.request)
                outs.append(Reply(answer.id, turn, preamble, answer.request.is_spoken, answer.request.speed))
        return outs

    def _asked(self, entries: tuple[Entry, ...], request: AnswerRequest) -> tuple[Turn | None, str]:
        """What the brain is asked (None: nothing), and what is said before it answers."""
        turn = read_turn(entries, request, self._local_time())
        if turn.by_voice and not turn.text and not turn.tool_outputs:
            return None, NOT_HEARD
        if turn.has_picture and not turn.tool_outputs:
            return (turn if turn.text else None), UNSEEN
        foreign = foreign_language(turn.text)
        language = foreign or self._expected_language
        if not language or self._has_told_language:
            return turn, ""
        self._has_told_language = True
        # Words of another language are answered by the notice alone: the brain could only say that it is at a loss.
        return (None if foreign else turn), english_only(language)

    # how it is made, and how it ends
    def made(self, response_id: str, piece: Piece, now: float) -> list[Out]:
        """A piece of an answer came; nothing happens when that was cancelled meanwhile."""
        answer = self._active.get(response_id)
        if answer is None:
            return []
        match piece:
            case Say(text):
                return self._checked(answer, answer.wrote(text))
            case Spoken():
                return self._checked(answer, self._voiced(answer, piece, now))
            case CallTool(name, arguments):
                return answer.called(name, arguments)
            case Failed(message):
                error = ErrorDetail(type="server_error", code="server_error", message=message)
                return self._end(answer, "failed", error=error)
            case Finished():
                answer.is_generated = True
                if self._playout:
                    self._playout.complete(response_id)
                return self._done_if_finished(answer)

    def cancel(self, response_id: str | None) -> list[Out]:
        """`response.cancel`: stop generating. What was generated goes on being heard, as at the service."""
        answer = self._active.get(response_id) if response_id else self.main
        if answer is None:
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        return self._end(answer, "cancelled", "client_cancelled")

    def interrupt(self, now: float) -> list[Out]:
        """The user speaks: silence, truncate, and end what was being made."""
        self.owed_to = None
        outs = self._silence(now, "turn_detected")
        return [*outs, *self._end(self.main, "cancelled", "turn_detected")] if self.main else outs

    def clear_output(self, now: float) -> list[Out]:
        """`output_audio_buffer.clear`: silence at once; what is still being made for the ear is stopped with it."""
        return self._silence(now, "client_cancelled") or [OutputAudioBufferCleared(response_id=self._last_played)]

    def told_what_was_heard(self, now: float) -> None:
        """The client truncates, so over WebSocket the sound has ended, sooner than was reckoned."""
        if self._playout is None and self.quiet_since is not None:
            self.quiet_since = min(self.quiet_since, now)

    def pull(self, now: float) -> tuple[Pcm, list[Out]]:
        """The next 20 ms for the track, and what the client must be told."""
        assert self._playout is not None
        frame, marks = self._playout.pull()
        outs: list[Out] = []
        for mark in marks:
            match mark:
                case Started(response_id):
                    self._last_played = response_id
                    outs.append(OutputAudioBufferStarted(response_id=response_id))
                case Moved(response_id, played):
                    self._playing = mark
                    if answer := self._active.get(response_id):
                        outs += [*answer.advance(played), *self._done_if_finished(answer)]
                case Stopped(response_id):
                    self._playing = None
                    self._audible.pop(response_id, None)
                    self.quiet_since = now
                    outs.append(OutputAudioBufferStopped(response_id=response_id))
        return frame, outs

    def _voiced(self, answer: Answer, piece: Spoken, now: float) -> list[Out]:
        outs, samples = answer.voiced(piece.text, piece.samples), piece.samples
        self.has_spoken = True
        if answer.limit_reached:
            return outs
        if self._playout is None:
            self.quiet_since = max(self.quiet_since or now, now) + len(samples) / VOICE_RATE
        elif len(samples) and answer.spoken_entry:
            self._audible.setdefault(answer.id, answer.spoken_entry)
            self._playout.add(answer.id, int16(resampled(samples, VOICE_RATE, RATE)))
        return outs

    def _checked(self, answer: Answer, outs: list[Out]) -> list[Out]:
        """End an answer that has reached its limit."""
        return [*outs, *self._end(answer, "completed")] if answer.limit_reached else outs

    def _done_if_finished(self, answer: Answer) -> list[Out]:
        if not answer.is_finished:
            return []
        del self._active[answer.id]
        return answer.done("completed")

    def _end(
        self, answer: Answer, status: str, reason: str | None = None, error: ErrorDetail | None = None
    ) -> list[Out]:
        """Finish an answer before the brain has."""
        del self._active[answer.id]
        if self._playout and answer.id in self._audible:
            if status == "cancelled":
                self._keep_ahead(answer, self._playout)
            self._playout.complete(answer.id)
        return [StopReply(answer.id), *answer.done(status, reason, error)]

    def _keep_ahead(self, answer: Answer, playout: Playout) -> None:
        """Of a cancelled answer only what counts as made is heard."""
        played = self._played(answer.id)
        generated = made_by(played)
        playout.keep(answer.id, generated - played)
        entry = answer.spoken_entry
        if entry and entry.length > generated:
            entry.length = generated
            entry.sound = entry.sound[: int(generated * entry.rate)]
            entry.words = [word for word in entry.words if word.starts < generated]

    def _played(self, response_id: str) -> float:
        """Seconds of an answer that were heard."""
        return self._playing.played if self._playing and self._playing.response_id == response_id else 0.0

    def _silence(self, now: float, reason: str) -> list[Out]:
        """Empty the playout: every answer in it is truncated to what was heard, and ends if it was being made."""
        if self._playout is None or not self._audible:
            return []
        self._playout.clear()
        outs: list[Out] = []
        for response_id, entry in self._audible.items():
            played = self._played(response_id)
            outs.append(OutputAudioBufferCleared(response_id=response_id))
            if played < entry.length and self._conversation.find(entry.id):
                cut(entry, played)
                outs.append(ConversationItemTruncated(item_id=entry.id, audio_end_ms=int(played * 1000)))
        silenced = [self._active[name] for name in self._audible if name in self._active]
        self._audible.clear()
        self._playing, self.quiet_since = None, now
        for answer in silenced:
            outs += self._end(answer, "cancelled", reason)
        return outs


def read_request(
    config: SessionConfig, options: Mapping[str, JsonValue], entries: tuple[Entry, ...] | None = None, instead: str = ""
) -> AnswerRequest:
    """The configuration with the checked overrides of one `response.create` (GA form)."""
    modalities = options.get("output_modalities")
    output = part(part(options, "audio"), "output")
    metadata, limit = options.get("metadata"), options.get("max_output_tokens")
    instructions, form = options.get("instructions"), part(output, "format").get("type")
    return AnswerRequest(
        is_spoken=modalities != ["text"] if modalities else config.is_spoken,
        voice=voice_name(output["voice"]) if "voice" in output else config.voice,
        speed=config.speed,
        output_format=form if isinstance(form, str) else config.output_format,
        max_output_tokens=token_limit(limit) if limit is not None else config.max_output_tokens,
        metadata=metadata if isinstance(metadata, dict) else None,
        in_conversation=options.get("conversation") != "none",
        instructions=instructions if isinstance(instructions, str) else config.instructions,
        tools=function_tools(options["tools"]) if "tools" in options else config.tools,
        tool_choice=tool_choice(options["tool_choice"]) if "tool_choice" in options else config.tool_choice,
        entries=entries,
        instead=instead,
    )


def input_entries(given: JsonValue, conversation: Conversation, new_id: Callable[[str], str]) -> tuple[Entry, ...]:
    """The items that a `response.create` brings along or points to. Raises Refusal for one that is not there."""
    entries = []
    for index, one in enumerate(given if isinstance(given, list) else []):
        item = msgspec.convert(one, Item)
        if item.type != "item_reference":
            entries.append(Entry(msgspec.structs.replace(item, id=item.id or new_id("item"))))
        elif found := conversation.find(item.id):
            entries.append(found)
        else:
            text = f"Item with item_id not found: '{item.id}'."
            raise Refusal("invalid_value", text, f"response.input[{index}].id")
    return tuple(entries)


def read_turn(entries: Sequence[Entry], request: AnswerRequest, now: datetime) -> Turn:
    """Items as words. Calls and their results count for the turn that is being answered, not for older ones."""
    start = _turn_start(entries)
    spoken = [entry for entry in entries[start:] if entry.item.role == "user"]
    return Turn(
        text=" ".join(entry.heard_text for entry in spoken if entry.heard_text),
        now=now,
        history=_history(entries[:start]),
        instructions=request.instructions,
        tools=request.tools,
        tool_choice=request.tool_choice,
        tool_outputs=_tool_outputs(entries[start:]),
        by_voice=any(entry.length > 0 for entry in spoken),
        has_picture=any(one.type == "input_image" for entry in spoken for one in entry.item.content),
    )


def _turn_start(items: Sequence[Entry]) -> int:
    """Where the turn to be answered begins: what was said since the last answer, or the message typed last.

    Speech may come in several items, a typed message is whole: one that was never answered (the connection was lost) is
    no part of the next. An answer that ended in a function call is no answer yet: the turn goes on with the call's
    result.
    """
    at = len(items)
    has_result = has_user = False
    while at and (items[at - 1].item.role != "assistant" or has_result):
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


def _history(items: Sequence[Entry]) -> tuple[tuple[Role, str], ...]:
    roles: dict[str | None, Role] = {"user": "user", "assistant": "assistant"}
    return tuple(
        (roles[entry.item.role], entry.heard_text) for entry in items if entry.heard_text and entry.item.role in roles
    )


def _tool_outputs(items: Sequence[Entry]) -> tuple[ToolOutput, ...]:
    calls = {entry.item.call_id: entry.item for entry in items if entry.item.type == "function_call"}
    return tuple(
        ToolOutput(call.call_id or "", call.name or "", call.arguments or "", entry.item.output or "")
        for entry in items
        if entry.item.type == "function_call_output" and (call := calls.get(entry.item.call_id))
    )

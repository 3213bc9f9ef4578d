"""When an answer is made and what it is told: the reply that a turn is owed, or the one a client asks for.

A turn that was found by the detector is answered when its words are known and hold any: a cough makes an item but no
answer. A response that the client creates is created at once and waits for the words it depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from voicechat.local_server.answer import AnswerRequest, Out, heard_tokens, text_tokens
from voicechat.local_server.answering import Answering
from voicechat.local_server.brain import FunctionTool, Role, ToolOutput, Turn
from voicechat.local_server.conversation import Conversation, Entry
from voicechat.local_server.refusals import Refusal
from voicechat.local_server.session_config import (
    SessionConfig,
    function_tools,
    token_limit,
    tool_choice,
    voice_name,
)
from voicechat.local_server.speech.text import english_only, foreign_language
from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.wire import JsonValue


@dataclass(frozen=True, slots=True)
class Context:
    """The part of a `Turn` that comes from items.

    What the brain is told when an answer is made: the conversation's items as one `Turn`, and their size in tokens.
    """

    text: str = ""
    """The newest words of the user that nobody has answered."""
    by_voice: bool = False
    history: tuple[tuple[Role, str], ...] = ()
    tool_outputs: tuple[ToolOutput, ...] = ()
    has_picture: bool = False
    text_tokens: int = 0
    audio_tokens: int = 0


def read_context(entries: Iterable[Entry], instructions: str) -> Context:
    """Turn items into words. Calls and their results count for the turn that is being answered, not for older ones."""
    items = list(entries)
    turn_from = _turn_start(items)
    turn = items[turn_from:]
    spoken = [entry for entry in turn if entry.item.role == "user"]
    tokens = sum(text_tokens(entry.heard_text or entry.item.output or "") for entry in items if not entry.length)
    return Context(
        text=" ".join(entry.heard_text for entry in spoken if entry.heard_text),
        by_voice=any(entry.length > 0 for entry in spoken),
        has_picture=any(part.type == "input_image" for entry in spoken for part in entry.item.content),
        history=_history(items[:turn_from]),
        tool_outputs=_tool_outputs(turn),
        text_tokens=tokens + text_tokens(instructions),
        audio_tokens=sum(heard_tokens(entry.length) for entry in items if entry.item.role == "user"),
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


def _history(items: Iterable[Entry]) -> tuple[tuple[Role, str], ...]:
    lines: list[tuple[Role, str]] = []
    for entry in items:
        text = entry.heard_text
        if text and entry.item.role in ("user", "assistant"):
            lines.append(("user" if entry.item.role == "user" else "assistant", text))
    return tuple(lines)


def _tool_outputs(items: Sequence[Entry]) -> tuple[ToolOutput, ...]:
    calls = {entry.item.call_id: entry.item for entry in items if entry.item.type == "function_call"}
    outputs = []
    for entry in items:
        call = calls.get(entry.item.call_id) if entry.item.type == "function_call_output" else None
        if call:
            outputs.append(
                ToolOutput(call.call_id or "", call.name or "", call.arguments or "", entry.item.output or "")
            )
    return tuple(outputs)


NOT_HEARD = "I did not hear any words. Please say that again."
UNSEEN = "I cannot see pictures."
STILL_THERE = "Are you still there? I am listening."
"""What is said when the idle timeout fires; a brain has nothing to go by then."""
_LANGUAGES = {
    "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian",
    "pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "ru": "Russian", "sv": "Swedish", "tr": "Turkish",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """An answer that is wanted: how it is to be made, and of what."""

    request: AnswerRequest
    instructions: str = ""
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: str = "auto"
    context: tuple[Entry, ...] | None = None
    """The items it is made of; None for the whole conversation."""


@dataclass(slots=True)
class Replies:
    """Decides on answers for one session."""

    answering: Answering
    conversation: Conversation
    local_time: Callable[[], datetime]
    owed_to: str | None = None
    """The user's item that the server has promised to answer."""
    _waiting: dict[str, Wish] = field(default_factory=dict)
    """Created responses that wait for words."""
    _wished_language: str = ""
    _has_told_language: bool = False

    def create(self, wish: Wish, instead: str = "") -> list[Out] | Refusal:
        """Create a response now. `instead` is said without asking the brain."""
        entries = wish.context if wish.context is not None else tuple(self.conversation)
        context = read_context(entries, wish.instructions)
        started = self.answering.start(
            replace(wish.request, text_in=context.text_tokens, audio_in=context.audio_tokens)
        )
        if isinstance(started, Refusal):
            return started
        response_id, outs = started
        if instead:
            return [*outs, *self.answering.reply(response_id, None, instead)]
        self._waiting[response_id] = wish
        return [*outs, *self._begin()]

    def follow_up(self, config: SessionConfig) -> list[Out]:
        """Whatever has become possible: begin what waited for words, answer what is owed."""
        return [*self._begin(), *(self._answer_owed(config) if config.kind == "realtime" else [])]

    def likely_turn(self, text: str, config: SessionConfig) -> Turn | None:
        """What the brain would be asked if the user, who has just paused, said no more; None if nothing would be."""
        turns = config.turn_detection
        if (
            not text
            or turns is None
            or not turns.create_response
            or config.kind != "realtime"
            or foreign_language(text)
        ):
            return None
        item = Item(type="message", role="user", content=(ContentPart(type="input_audio", transcript=text),))
        wish = default_wish(config)
        entries = (*self.conversation, Entry(item, length=1.0))
        return self._turn(wish, read_context(entries, wish.instructions)) if wish.request.is_spoken else None

    def _answer_owed(self, config: SessionConfig) -> list[Out]:
        entry = self.conversation.find(self.owed_to) if self.owed_to else None
        if entry is None:
            self.owed_to = None
            return []
        if entry.awaits_transcript or self.answering.main:
            return []
        self.owed_to = None
        if not any(char.isalnum() for char in entry.heard_text):
            return []
        made = self.create(default_wish(config))
        return [] if isinstance(made, Refusal) else made

    def _begin(self) -> list[Out]:
        outs: list[Out] = []
        for response_id, wish in list(self._waiting.items()):
            entries = wish.context if wish.context is not None else tuple(self.conversation)
            if not any(entry.awaits_transcript for entry in entries):
                del self._waiting[response_id]
                outs += self._reply(response_id, wish, entries)
        return outs

    def _reply(self, response_id: str, wish: Wish, entries: tuple[Entry, ...]) -> list[Out]:
        context = read_context(entries, wish.instructions)
        turn = self._turn(wish, context)
        if context.by_voice and not context.text and not context.tool_outputs:
            return self.answering.reply(response_id, None, NOT_HEARD)
        if context.has_picture and not context.tool_outputs:
            return self.answering.reply(response_id, turn if context.text else None, UNSEEN)
        foreign = foreign_language(context.text)
        notice = self._language_notice(foreign)
        # Words of another language are answered by the notice alone: the brain could only say that it is at a loss.
        return self.answering.reply(response_id, None if notice and foreign else turn, notice)

    def _turn(self, wish: Wish, context: Context) -> Turn:
        return Turn(
            text=context.text,
            now=self.local_time(),
            history=context.history,
            instructions=wish.instructions,
            tools=wish.tools,
            tool_choice=wish.tool_choice,
            tool_outputs=context.tool_outputs,
            by_voice=context.by_voice,
        )

    def _language_notice(self, foreign: str) -> str:
        language = foreign or self._wished_language
        if not language or self._has_told_language:
            return ""
        self._has_told_language = True
        return english_only(language)

    def expect_language(self, code: str) -> None:
        """The client says which language the user speaks (ISO 639-1); anything but English earns one sentence."""
        short = code.lower().split("-")[0]
        self._wished_language = (
            "" if short in ("", "en", "eng", "english") else _LANGUAGES.get(short, f"the language {code!r}")
        )


def default_wish(config: SessionConfig) -> Wish:
    """An answer as the session's configuration has it."""
    return read_wish(config, {}, None)


def read_wish(config: SessionConfig, options: Mapping[str, JsonValue], context: tuple[Entry, ...] | None) -> Wish:
    """The configuration with the checked overrides of one `response.create` (GA form)."""
    modalities = options.get("output_modalities")
    output = _part(_part(options.get("audio")).get("output"))
    metadata, limit = options.get("metadata"), options.get("max_output_tokens")
    form = _part(output.get("format")).get("type")
    request = AnswerRequest(
        is_spoken=modalities != ["text"] if modalities else config.is_spoken,
        voice=voice_name(output["voice"]) if "voice" in output else config.voice,
        speed=config.speed,
        output_format=form if isinstance(form, str) else config.output_format,
        max_output_tokens=token_limit(limit) if limit is not None else config.max_output_tokens,
        metadata=metadata if isinstance(metadata, dict) else None,
        in_conversation=options.get("conversation") != "none",
    )
    instructions = options.get("instructions")
    return Wish(
        request,
        instructions if isinstance(instructions, str) else config.instructions,
        function_tools(options["tools"]) if "tools" in options else config.tools,
        tool_choice(options["tool_choice"]) if "tool_choice" in options else config.tool_choice,
        context,
    )


def input_entries(
    given: JsonValue, conversation: Conversation, new_id: Callable[[str], str]
) -> tuple[Entry, ...] | Refusal:
    """The items that a `response.create` brings along or points to."""
    entries = []
    for index, one in enumerate(given if isinstance(given, list) else []):
        item = msgspec.convert(one, Item)
        if item.type != "item_reference":
            entries.append(Entry(msgspec.structs.replace(item, id=item.id or new_id("item"))))
        elif found := conversation.find(item.id):
            entries.append(found)
        else:
            text = f"Item with item_id not found: '{item.id}'."
            return Refusal("invalid_value", text, f"response.input[{index}].id")
    return tuple(entries)


def _part(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}

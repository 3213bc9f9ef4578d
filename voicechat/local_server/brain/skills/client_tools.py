"""Calls functions that the client offers, when the utterance names one or clearly asks for what it does.

There is no language model here, so the match is by words: all words of the function's name were said, or enough words
of its description. Arguments are filled from the utterance by the shape of their schema; what cannot be filled is asked
for, never invented.

Turns what a client's function returned, mostly JSON, into words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from voicechat.local_server.brain.base import CallTool, FunctionTool, ToolOutput
from voicechat.local_server.brain.skill import Ask, Reply, say
from voicechat.local_server.brain.words import listed

_LONGEST = 600
_MOST_ITEMS = 8
_DEEPEST = 3


def spoken_result(output: ToolOutput) -> str:
    """One or more sentences that say the result, at most 600 characters."""
    name = output.name.replace("_", " ") or "the function"
    try:
        value: object = json.loads(output.output)
    except (ValueError, RecursionError):
        value = output.output.strip()
    text = _in_words(value, 0)[:_LONGEST].strip()
    return f"{name[:1].upper()}{name[1:]} says: {text}." if text else f"{name[:1].upper()}{name[1:]} is done."


def _in_words(value: object, depth: int) -> str:
    if value is None or depth > _DEEPEST:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        parts = [
            (str(key).replace("_", " "), _in_words(part, depth + 1)) for key, part in list(value.items())[:_MOST_ITEMS]
        ]
        return ", ".join(f"{key} {part}" for key, part in parts if part)
    if isinstance(value, list):
        return listed([word for word in (_in_words(part, depth + 1) for part in value[:_MOST_ITEMS]) if word])
    return str(value).strip().rstrip(".")


_VERBS = frozenset("get set do make fetch find lookup look read show give tell run call use query check "
                   "request current my the a an is it to of for in on "
                   "and or with by from at this that what how please user users given return returns who "
                   "which".split())  # fmt: skip
_FREE_TEXT = "query text message question prompt content input request note topic title".split()
"""Names of arguments for which the whole utterance will do."""
_ENOUGH = 2
"""Words of a description that must be said when the name was not."""
_PLACE = (
    r"\b(?:in|at|for|of|from|to|near|on|about)\s+(?:the\s+)?(.+?)(?:\s+(?:right now|now|today|tomorrow"
    r"|please|tonight))?[?.!\s]*$"
)


class _Missing(Exception):
    """A required argument that the utterance does not hold; the argument is its name."""


def named_tool(ask: Ask) -> Reply | None:
    """Call a function whose name was said, or that the client demands."""
    choice = ask.turn.tool_choice
    if choice == "none" or not ask.turn.tools or ask.turn.tool_outputs:
        return None
    for tool in ask.turn.tools:
        if choice == tool.name or _name_was_said(tool, ask):
            return _call(tool, ask)
    return _call(_nearest(ask), ask) if choice == "required" else None


def described_tool(ask: Ask) -> Reply | None:
    """Call a function that does what is asked, by its description; tried after every skill of our own."""
    if ask.turn.tool_choice == "none" or not ask.turn.tools or ask.turn.tool_outputs:
        return None
    tool = _nearest(ask)
    return _call(tool, ask) if _overlap(tool, ask) >= _ENOUGH else None


def tool_results(ask: Ask) -> Reply | None:
    """Say what the functions gave back."""
    outputs: tuple[ToolOutput, ...] = ask.turn.tool_outputs
    return say(*(spoken_result(output) for output in outputs)) if outputs else None


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|es|s|ed)$", "", word) if len(word) > 4 else word


def _words(text: str) -> set[str]:
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", text)
    return {_stem(part.lower()) for part in parts} - _VERBS


def _said(ask: Ask) -> set[str]:
    return {_stem(word) for word in (*ask.heard.words, *ask.heard.plain.split())}


def _name_was_said(tool: FunctionTool, ask: Ask) -> bool:
    whole = re.sub(r"[_\-.]+", " ", tool.name).lower()
    if re.search(rf"\b(?:call|run|use|execute|invoke)\b.*\b{re.escape(whole)}\b", ask.heard.plain):
        return True
    words = _words(tool.name)
    return bool(words) and words <= _said(ask)


def _overlap(tool: FunctionTool, ask: Ask) -> int:
    return len((_words(tool.name) | _words(tool.description)) & _said(ask))


def _nearest(ask: Ask) -> FunctionTool:
    return max(ask.turn.tools, key=lambda tool: _overlap(tool, ask))


def _call(tool: FunctionTool, ask: Ask) -> Reply:
    try:
        arguments = _arguments(tool, ask)
    except _Missing as missing:
        name = str(missing).replace("_", " ")
        return say(
            f"I could use {tool.name.replace('_', ' ')}, but it needs the {name}. Say it in one sentence with the rest."
        )
    return (CallTool(tool.name, json.dumps(arguments, ensure_ascii=False)),)


def _arguments(tool: FunctionTool, ask: Ask) -> dict[str, object]:
    properties, required = tool.parameters.get("properties"), tool.parameters.get("required")
    if not isinstance(properties, Mapping):
        return {}
    needed = set(required) if isinstance(required, list) else set()
    numbers = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", ask.heard.line)
    arguments: dict[str, object] = {}
    for name, schema in list(properties.items())[:20]:
        value = _value(str(name), schema if isinstance(schema, Mapping) else {}, ask, numbers, needed)
        if value is not None:
            arguments[str(name)] = value
        elif name in needed:
            raise _Missing(str(name))
    return arguments


def _value(name: str, schema: Mapping[str, object], ask: Ask, numbers: list[str], needed: set[object]) -> object:
    kind, choices = schema.get("type"), schema.get("enum")
    if isinstance(choices, list):
        return next((choice for choice in choices if f" {str(choice).lower()} " in f" {ask.heard.plain} "), None)
    if kind in ("integer", "number") and numbers:
        number = float(numbers.pop(0))
        return int(number) if kind == "integer" or number.is_integer() else number
    if kind == "boolean":
        return _yes_or_no(ask)
    if kind == "string" and name in needed:
        if named := _after_its_name(name, ask):
            return named[:200]
        place = ask.heard.original(_PLACE).strip(" .,!?")
        return place[:200] or (ask.turn.text.strip()[:1000] if _is_free_text(name) else None)
    return None


def _after_its_name(name: str, ask: Ask) -> str:
    """`with time zone Asia/Tokyo`, `city: Paris`: what follows the argument's name, to the next one."""
    said = re.escape(name).replace("_", "[ _]")
    value = ask.heard.original(rf"\b{said}(?:\s*[:=]|\s+(?:is|as|of))?\s+(?!with\b)(.+?)(?:,|\s+and\s|[?.!\s]*$)")
    return value.strip(" '\"")


def _yes_or_no(ask: Ask) -> bool | None:
    if ask.heard.has("on", "yes", "true", "enable", "open", "start"):
        return True
    return False if ask.heard.has("off", "no", "false", "disable", "close", "stop", "not") else None


def _is_free_text(name: str) -> bool:
    return any(part in name.lower() for part in _FREE_TEXT)

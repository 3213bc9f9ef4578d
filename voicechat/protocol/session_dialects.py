"""Session and `response.create` fields in every spelling, and the dialects that spell whole events.

GA nests what concerns sound under `audio.input` and `audio.output`; beta keeps everything flat; xAI nests the formats
only. Translation to GA loses nothing but `temperature`; translation from GA loses what the other never knew, and says
what and why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from voicechat.protocol.dialects import (
    GA_NAMES,
    DialectName,
    item_to_beta,
    item_to_ga,
    modalities_to_beta,
    modalities_to_ga,
    response_to_beta,
)
from voicechat.protocol.wire import JsonValue

Path: TypeAlias = tuple[str, ...]
Session: TypeAlias = Mapping[str, JsonValue]

GA_PATHS: dict[str, Path] = {
    "modalities": ("output_modalities",),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "output_audio_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "max_response_output_tokens": ("max_output_tokens",),
}
"""Beta field -> where GA keeps the same wish."""
BETA_NAMES: dict[Path, str] = {path: name for name, path in GA_PATHS.items()}

FORMATS: dict[str, dict[str, JsonValue]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
"""Beta's audio formats and what GA calls them."""
_BETA_FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}

_BETA_EVENTS = {ga: beta for beta, ga in GA_NAMES.items() if ga.startswith("response.")} | {
    "conversation.item.added": "conversation.item.created"
}
_NO_BETA_EVENTS_OF = ("mcp_list_tools.", "response.mcp_call", "session.input_", "session.output_", "session.close")
_NO_BETA_EVENTS = frozenset(
    {
        "conversation.item.done",
        "conversation.item.input_audio_transcription.segment",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
    }
)

BETA_VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse")
"""What beta services spoke with before marin and cedar."""

_AZURE_VOICE = re.compile(r"[a-z]{2,3}-[A-Z][A-Za-z]{1,3}-\S+Neural")
"""`en-US-AvaNeural`, `en-US-Ava:DragonHDLatestNeural`: Azure Voice Live takes such a voice as an object only."""

_ONLY_GA = ("truncation", "prompt", "reasoning", "parallel_tool_calls")
_NOT_IN_XAI = ("prompt", "tracing", "truncation", "include", "max_output_tokens", "parallel_tool_calls")
_TURNS_NOT_IN_XAI = ("type", "eagerness", "interrupt_response")
_XAI_HINTS = {"language": "language_hint", "keywords": "keyterms"}
_GA_HINTS = {xai: ga for ga, xai in _XAI_HINTS.items()}
_NOT_IN_BETA = {
    "noise_reduction": ("strength",),
    "turn_detection": ("idle_timeout_ms",),
    "transcription": ("languages", "keywords", "delay"),
}


@dataclass(frozen=True, slots=True)
class Lost:
    """A wish the other dialect has no words for."""

    path: str
    """In GA spelling, from `session` on."""
    why: str


@dataclass(slots=True)
class Translation:
    """A session in the other spelling, and what did not survive."""

    session: dict[str, JsonValue] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)

    def lose(self, path: Path, why: str) -> None:
        """Leave a wish out."""
        self.lost.append(Lost(".".join(("session", *path)), why))


def get_path(session: Session, path: Path) -> JsonValue:
    """The value at a path, None where there is none."""
    value: JsonValue = dict(session)
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def has_path(session: Session, path: Path) -> bool:
    """Whether something, null included, is said at a path."""
    parent = get_path(session, path[:-1]) if len(path) > 1 else dict(session)
    return isinstance(parent, dict) and path[-1] in parent


def set_path(session: dict[str, JsonValue], path: Path, value: JsonValue) -> None:
    """Put a value at a path, making the objects on the way (never changing shared ones)."""
    here = session
    for name in path[:-1]:
        inner = here.get(name)
        fresh = dict(inner) if isinstance(inner, dict) else {}
        here[name] = fresh
        here = fresh
    here[path[-1]] = value


def differences(asked: Session, returned: Session, *, kinds_only: bool = False) -> tuple[Path, ...]:
    """Where a returned session contradicts the one asked for, both in GA spelling.

    What was not returned is unknown and contradicts nothing. The model's name may be resolved to another, lists may be
    filled in; neither counts. `kinds_only`: only what is null, true, false or of another type.
    """
    return tuple(_differences(asked, returned, (), kinds_only=kinds_only))


def _differences(asked: Session, returned: Session, path: Path, *, kinds_only: bool) -> Iterator[Path]:
    for name, wanted in asked.items():
        here = (*path, name)
        if name not in returned or here in (("type",), ("model",)) or isinstance(wanted, list):
            continue
        found = returned[name]
        if isinstance(wanted, dict) and isinstance(found, dict):
            yield from _differences(wanted, found, here, kinds_only=kinds_only)
        elif isinstance(wanted, int | float) and isinstance(found, int | float) and not isinstance(wanted, bool):
            if not kinds_only and not math.isclose(wanted, found, rel_tol=1e-3):
                yield here
        elif wanted != found:
            is_kind = name == "type" or None in (wanted, found) or isinstance(wanted, bool)
            if is_kind or not kinds_only:
                yield here


def session_to_ga(session: Session) -> Translation:
    """Beta fields moved to where GA has them; GA fields stay, and win where both are given."""
    done = Translation()
    for name, value in session.items():
        if name not in GA_PATHS and name != "temperature":
            done.session[name] = value
    done.session.setdefault("type", "realtime")
    for name, path in GA_PATHS.items():
        if name in session and not has_path(session, path):
            set_path(done.session, path, _value_to_ga(name, session[name]))
    transcription = get_path(done.session, ("audio", "input", "transcription"))
    if isinstance(transcription, dict) and not transcription.keys().isdisjoint(_GA_HINTS):
        named = {_GA_HINTS.get(name, name): one for name, one in transcription.items()}
        set_path(done.session, ("audio", "input", "transcription"), named)
    if "temperature" in session:
        done.lose(("temperature",), "only beta services know it; GA refuses the whole update for it")
    if "tools" in session:
        done.session["tools"] = flat_tools(session["tools"])
    if "tool_choice" in session:
        done.session["tool_choice"] = flat_tool_choice(session["tool_choice"])
    return done


def _value_to_ga(name: str, value: JsonValue) -> JsonValue:
    if name == "modalities":
        return modalities_to_ga(value)
    if name.endswith("_audio_format") and isinstance(value, str):
        return dict(FORMATS.get(value, {"type": value}))
    if name == "voice" and isinstance(value, dict) and value.keys() == {"type", "name"}:
        return value["name"]
    return value


def flat_tools(tools: JsonValue) -> JsonValue:
    """Tools with name and parameters beside `type`; chat-completion style nests them in `function`."""
    if not isinstance(tools, list):
        return tools
    return [_flat_tool(tool) for tool in tools]


def _flat_tool(tool: JsonValue) -> JsonValue:
    if isinstance(tool, dict) and isinstance(inner := tool.get("function"), dict):
        return {"type": "function", **inner}
    return tool


def flat_tool_choice(choice: JsonValue) -> JsonValue:
    """`{type, name}`; beta nests the name in `function`."""
    if isinstance(choice, dict) and isinstance(inner := choice.get("function"), dict):
        return {"type": "function", "name": inner.get("name")}
    return choice


def session_to_beta(session: Session) -> Translation:
    """A GA session spelled flat, without what beta does not know."""
    done = Translation()
    for name, value in session.items():
        if name in ("type", "audio"):
            continue
        if name in _ONLY_GA:
            done.lose((name,), "the beta dialect does not know it")
        elif (name,) in BETA_NAMES:
            done.session[BETA_NAMES[(name,)]] = modalities_to_beta(value) if name == "output_modalities" else value
        elif name == "include" and session.get("type") != "transcription":
            done.lose((name,), "the beta dialect knows it for transcription sessions only")
        else:
            done.session[name] = value
    for path, name in BETA_NAMES.items():
        if path[0] == "audio" and has_path(session, path):
            _put_audio_field(done, path, name, get_path(session, path))
    _keep_beta_tools(done)
    return done


def _put_audio_field(done: Translation, path: Path, name: str, value: JsonValue) -> None:
    match path[-1], value:
        case "format", {"type": str(kind)}:
            _put_format(done, path, name, kind, value)
        case "voice", str(voice) if _AZURE_VOICE.fullmatch(voice):
            done.session[name] = {"type": "azure-standard", "name": voice}
        case "voice", {"id": _}:
            done.lose(path, "the beta dialect has no custom voices")
        case (("noise_reduction" | "turn_detection" | "transcription"), dict()):
            unknown = _NOT_IN_BETA[path[-1]]
            done.session[name] = {key: one for key, one in value.items() if key not in unknown}
            for key in unknown:
                if key in value:
                    done.lose((*path, key), "the beta dialect does not know it")
        case _:
            done.session[name] = value


def _put_format(done: Translation, path: Path, name: str, kind: str, value: JsonValue) -> None:
    if kind not in _BETA_FORMATS:
        done.lose(path, f"the beta dialect knows only {', '.join(FORMATS)}")
        return
    done.session[name] = _BETA_FORMATS[kind]
    rate = value.get("rate") if isinstance(value, dict) else None
    if rate not in (None, 24000):
        done.lose((*path, "rate"), "beta names a format by one word, which means 24000 Hz for pcm16")


def _keep_beta_tools(done: Translation) -> None:
    tools = done.session.get("tools")
    if isinstance(tools, list):
        done.session["tools"] = [tool for tool in tools if not _is_mcp(tool)]
        for index, tool in enumerate(tools):
            if _is_mcp(tool):
                done.lose((f"tools[{index}]",), "the beta dialect knows function tools only")
    if isinstance(done.session.get("tool_choice"), dict):
        done.lose(("tool_choice",), "a beta session knows only auto, none and required")
        del done.session["tool_choice"]


def _is_mcp(tool: JsonValue) -> bool:
    return isinstance(tool, dict) and tool.get("type") == "mcp"


def response_options_to_ga(options: Session) -> dict[str, JsonValue]:
    """The `response` of a `response.create`, of either dialect, with GA names."""
    done = session_to_ga(options).session
    if "type" not in options:
        del done["type"]
    if isinstance(items := done.get("input"), list):
        done["input"] = _each_item(items, item_to_ga)
    return done


def session_to_xai(session: Session) -> Translation:
    """A GA session for xAI: voice and turn detection at the top, hints for the transcription under names of its own.

    Read off pipecat 1.14 (`services/xai/realtime/events.py`), livekit-plugins-xai 1.8.9 and LiteLLM 1.109
    (`llms/xai/realtime`): `create_response` is said always, for there it is not on unless it was asked for.
    """
    done = Translation()
    done.session = {name: value for name, value in session.items() if name not in ("type", "audio", *_NOT_IN_XAI)}
    for name in _NOT_IN_XAI:
        if name in session:
            done.lose((name,), "xAI has no such field")
    if "output_modalities" in done.session:
        done.session["modalities"] = modalities_to_beta(done.session.pop("output_modalities"))
    for side in ("input", "output"):
        wishes = get_path(session, ("audio", side))
        for name, value in wishes.items() if isinstance(wishes, dict) else ():
            _put_xai_field(done, ("audio", side, name), value)
    return done


def _put_xai_field(done: Translation, path: Path, value: JsonValue) -> None:
    match path[-1], value:
        case "noise_reduction", _:
            done.lose(path, "xAI has no such field")
        case "voice", {"id": str(own)}:
            done.session["voice"] = own
        case "voice", _:
            done.session["voice"] = value
        case "turn_detection", dict():
            if value.get("type") == "semantic_vad":
                done.lose((*path, "type"), "xAI detects turns by sound alone (server_vad)")
            known = {name: one for name, one in value.items() if name not in _TURNS_NOT_IN_XAI}
            done.session["turn_detection"] = {"type": "server_vad", "create_response": True, **known}
        case "turn_detection", _:
            done.session["turn_detection"] = value
        case "transcription", dict():
            named = {_XAI_HINTS.get(name, name): one for name, one in value.items()}
            set_path(done.session, path, named)
        case _:
            set_path(done.session, path, value)


def _each_item(items: list[JsonValue], change: Callable[[Session], dict[str, JsonValue]]) -> list[JsonValue]:
    return [change(item) if isinstance(item, dict) else item for item in items]


class Dialect:
    """One spelling of our events on their way out. This one is GA's, which is ours: it knows every word of them.

    A dialect changes words, not their order: one event is one frame. A protocol that has other happenings than the
    Realtime API's is translated event by event instead, by a session of its own (`live.LiveSession`).
    """

    name: DialectName = "ga"

    def event_name(self, event_type: str, session: Session | None = None) -> str | None:
        """How a GA event type is spelled; None if there is no word for it. `session`: the event's own, GA form."""
        return event_type

    def session(self, session: Session) -> Translation:
        """A session, whichever spelling it was in."""
        return session_to_ga(session)

    def response_options(self, options: Session) -> dict[str, JsonValue]:
        """The `response` of a `response.create`, given in GA's words."""
        return dict(options)

    def fields(self, event_type: str, fields: Session) -> dict[str, JsonValue]:
        """What an event (GA type and fields) says beside its type."""
        match event_type, fields:
            case "session.update", {"session": dict(session)} if self.name != "ga":
                return {**fields, "session": self.session(session).session}
            case "response.create", {"response": dict(options)}:
                return {**fields, "response": self.response_options(options)}
            case _:
                return dict(fields)


class BetaDialect(Dialect):
    """The flat spelling that OpenAI retired and gateways keep."""

    name = "beta"

    def event_name(self, event_type: str, session: Session | None = None) -> str | None:
        """Beta names a session event after the session's kind, so `session` decides there."""
        if event_type in _NO_BETA_EVENTS or event_type.startswith(_NO_BETA_EVENTS_OF):
            return None
        if session is not None and session.get("type") == "transcription" and event_type.startswith("session."):
            return f"transcription_{event_type}"
        return _BETA_EVENTS.get(event_type, event_type)

    def session(self, session: Session) -> Translation:
        """With `temperature`, which GA has no place for."""
        done = session_to_beta(session_to_ga(session).session)
        if "temperature" in session:
            done.session["temperature"] = session["temperature"]
        return done

    def response_options(self, options: Session) -> dict[str, JsonValue]:
        """Without what beta does not know; a function is named inside `function`."""
        done = session_to_beta({name: value for name, value in options.items() if name != "tool_choice"}).session
        choice = options.get("tool_choice")
        if isinstance(choice, dict) and choice.get("type") == "function":
            done["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
        elif isinstance(choice, str):
            done["tool_choice"] = choice
        if isinstance(items := done.get("input"), list):
            done["input"] = _each_item(items, item_to_beta)
        return done

    def fields(self, event_type: str, fields: Session) -> dict[str, JsonValue]:
        """Beta spells what a server says in its own way, too."""
        match event_type, fields:
            case (("session.created" | "session.updated"), {"session": dict(session)}):
                return {**fields, "session": self.session(session).session}
            case (("response.created" | "response.done"), {"response": dict(response)}):
                return {**fields, "response": response_to_beta(response)}
            case "response.function_call_arguments.done", _:
                return {name: value for name, value in fields.items() if name != "name"}
            case _, {"item": dict(item)}:
                return {**fields, "item": item_to_beta(item)}
            case _:
                return super().fields(event_type, fields)


class XaiDialect(Dialect):
    """GA with a few session fields elsewhere."""

    name = "xai"

    def session(self, session: Session) -> Translation:
        """Voice and turn detection stand at the top."""
        return session_to_xai(session_to_ga(session).session)

    def response_options(self, options: Session) -> dict[str, JsonValue]:
        """xAI takes instructions and modalities."""
        done = {name: value for name, value in options.items() if name in ("instructions", "output_modalities")}
        if "output_modalities" in done:
            done["modalities"] = modalities_to_beta(done.pop("output_modalities"))
        return done


DIALECTS: dict[DialectName, Dialect] = {one.name: one for one in (Dialect(), BetaDialect(), XaiDialect())}

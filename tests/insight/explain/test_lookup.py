"""Whatever stands in a log has an explanation, and finds it under every name it goes by."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from typing import get_args

from openai.types import live

from tests.support.each import each
from voicechat.cli.topics import CLIENTS
from voicechat.core.effects import Effect
from voicechat.core.events import AnyEvent
from voicechat.core.rules.server_errors import HARMLESS
from voicechat.engine.session import SHOWN_OTHERWISE
from voicechat.insight.explain.lookup import everything, lookup, nearest
from voicechat.insight.refusals import AUTH, CODES as FAILURE_CODES, EXPIRED_TOKEN, RATE
from voicechat.insight.run import CODES
from voicechat.protocol.client_events import CLIENT_EVENTS
from voicechat.protocol.dialects import GA_NAMES
from voicechat.protocol.server_events import SERVER_EVENTS
from voicechat.protocol.session_dialects import GA_PATHS
from voicechat.protocol.session_fields import (
    AUDIO,
    LIVE_SESSION,
    NOISE_REDUCTION,
    REALTIME,
    SEMANTIC_VAD,
    SERVER_VAD,
    TRANSCRIPTION,
)
from voicechat.protocol.shapes import ByKind, Fields

SYNONYMS = {*AUTH, *EXPIRED_TOKEN, *RATE} - {
    "invalid_api_key",
    "token_expired",
    "rate_limit_exceeded",
    "inference_rate_limit_exceeded",
}
"""Words of other services for what has a name already."""
_VAD = "session.audio.input.turn_detection"


def members(shape: object) -> list[str]:
    """Names of the fields of a part of a session."""
    table = shape.table if isinstance(shape, ByKind) else shape
    assert isinstance(table, Fields)
    return list(table.members)


def paths() -> list[str]:
    """Every field that a session may have, as a GA path."""
    parts: dict[str, list[object]] = {
        "session": [REALTIME],
        "session.audio.input": [AUDIO.members["input"]],
        "session.audio.output": [AUDIO.members["output"]],
        _VAD: [SERVER_VAD, SEMANTIC_VAD],
        "session.audio.input.transcription": [TRANSCRIPTION],
        "session.audio.input.noise_reduction": [NOISE_REDUCTION],
    }
    return [f"{path}.{name}" for path, shapes in parts.items() for shape in shapes for name in members(shape)]


def types_of_live() -> set[str]:
    """Types of all events of GPT-Live, by the service's own package; none by one newer than was tried."""
    tried = next(newest for name, newest, _ in CLIENTS if name == "openai")
    if [int(part) for part in version("openai").split(".")[:2]] > [int(part) for part in tried.split(".")[:2]]:
        return set()
    modules = [import_module(f"{live.__name__}.{one.name}") for one in pkgutil.iter_modules(live.__path__)]
    classes = [cls for module in modules for cls in vars(module).values() if hasattr(cls, "model_fields")]
    types = [cls.model_fields["type"].annotation for cls in classes if "type" in cls.model_fields]
    found = {name for one in types for name in get_args(one) if isinstance(name, str) and "." in name}
    assert {"session.started", "response.event", "session.input_audio.mute"} <= found
    return found - {"response.completed"}


RECORDS = [kind for kind in get_args(AnyEvent | Effect) if not issubclass(kind, SHOWN_OTHERWISE)]
OURS = {kind.__struct_config__.tag for kind in RECORDS} - {None} | {"engine.defect"}
EXPLAINED = [
    *(
        (name, name, "client event" if name in CLIENT_EVENTS else "server event")
        for name in SERVER_EVENTS | CLIENT_EVENTS
    ),
    *((name, name, "local event") for name in sorted(OURS)),
    *((path, path, "session field") for path in paths()),
    *((path.removeprefix("session."), None, None) for path in paths()),
    *((name, name, None) for name in sorted(types_of_live())),
    *((f"session.{name}", None, "session field") for name in LIVE_SESSION.members if name != "client"),
    *((f"session.{name}", ".".join(("session", *place)), "session field") for name, place in GA_PATHS.items()),
    *((code, None, None) for code in sorted({*HARMLESS, *FAILURE_CODES} - SYNONYMS)),
    *((code, None, "problem") for code in CODES),
]


@each(("word", "name", "kind"), EXPLAINED)
def test_whatever_stands_in_a_log_is_explained(word: str, name: str | None, kind: str | None) -> None:
    found = lookup(word)
    assert found is not None
    assert (name or found.name, kind or found.kind) == (found.name, found.kind)


@each("name", sorted(GA_NAMES))
def test_every_beta_spelling_leads_to_the_same_explanation_and_says_so(name: str) -> None:
    found = lookup(name)
    assert found is not None and found.name == GA_NAMES[name]
    assert name in found.note


def test_every_explanation_is_a_plain_sentence_and_a_line() -> None:
    every = everything()
    assert len(every) > 250
    for one in every:
        assert one.meaning.endswith((".", ".)")), one
        assert one.next and "\n" not in one.meaning + one.next
        assert 8 < len(one.meaning) <= 160 and len(one.next) <= 140, one


@each(
    ("word", "name"),
    [
        ("speech_started", "input_audio_buffer.speech_started"),
        ("silence_duration_ms", f"{_VAD}.silence_duration_ms"),
        ("session.turn_detection.threshold", f"{_VAD}.threshold"),
        ("voice", "session.audio.output.voice"),
        (" Response.Done ", "response.done"),
        ("'session.temperature'", "session.temperature"),
        ("4000", "4000"),
        ("turn_detected", "turn_detected"),
        ("max_speech_ms", "max_speech_ms"),
    ],
)
def test_short_and_sloppy_names_are_understood(word: str, name: str) -> None:
    found = lookup(word)
    assert found is not None and found.name == name


@each(
    ("word", "first"),
    [
        ("response.crated", "response.created"),
        ("silense_duration_ms", f"{_VAD}.silence_duration_ms"),
        ("mic-silence", "mic-silent"),
        ("conversation_has_active_response", "conversation_already_has_active_response"),
    ],
)
def test_an_unknown_word_gets_the_name_that_was_meant(word: str, first: str) -> None:
    assert lookup(word) is None
    assert first in nearest(word)


@each("word", ["", "x", "zzzzqqqq", "\x1b[2J", "created" * 100])
def test_nonsense_has_neither_explanation_nor_neighbours(word: str) -> None:
    assert lookup(word) is None
    assert not nearest(word)


def test_the_screen_can_afford_the_explanations() -> None:
    code = "import voicechat.insight.explain.lookup as l; l.lookup('response.done'); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert not loaded & {"textual", "numpy", "asyncio", "typer", "msgspec", "voicechat.insight.run", "voicechat.core"}


def test_no_explanation_names_a_rule_by_its_number() -> None:
    texts = [f"{one.meaning} {one.next} {one.note}" for one in everything()]
    assert [text for text in texts if re.search(r"\bR\d{1,2}\b", text)] == []

"""A configuration as people paste it: what becomes of it, and what is said about it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from tests.protocol.wire_strategies import audios, configs, json_values
from tests.support.each import each
from tests.support.wire_samples import Sample, wire_samples
from voicechat.protocol.session_config import CheckedSession, Problem, check_session, without
from voicechat.protocol.session_dialects import BETA_NAMES, GA_PATHS, get_path, session_to_beta, set_path

SESSIONS = [found for found in wire_samples() if found.type.startswith("session.upd") and found.beta_type]
TURNS = ("audio", "input", "turn_detection")


def said(checked: CheckedSession) -> str:
    return "\n".join(map(str, checked.problems))


@each("found", SESSIONS, ids=lambda one: f"{one.sender}-{one.beta_type}")
def test_documented_samples_are_right_in_either_dialect(found: Sample) -> None:
    ga: Any = found.ga["session"]
    checked = check_session(ga)
    assert (checked.session, checked.problems, checked.dialect) == (ga, (), "ga")
    assert found.beta is not None
    beta: Any = found.beta["session"]
    assert check_session(beta, dialect="beta").is_valid
    assert check_session(found.beta).kind == checked.kind == ga["type"]


@each(
    ("name", "severity", "word"),
    [
        ("max_speech_ms", "error", "silence_duration_ms"),
        ("min_speech_ms", "error", "does not exist"),
        ("inactivity_threshold_ms", "error", "idle_timeout_ms"),
        ("post_speech_silence_ms", "warning", "silence_duration_ms"),
        ("enabled", "warning", "null"),
        ("sample_rate", "warning", "24000"),
        ("eagerness", "error", "semantic_vad"),
    ],
)
@each("is_beta", [True, False])
def test_invented_turn_detection_settings_are_explained(name: str, severity: str, word: str, is_beta: bool) -> None:
    turns: Any = {"type": "server_vad", name: 700}
    nested: Any = {"audio": {"input": {"turn_detection": turns}}}
    flat: Any = {"turn_detection": turns}
    checked = check_session(flat if is_beta else nested)
    assert [problem.severity for problem in checked.problems] == [severity]
    assert checked.problems[0].path.endswith(f"turn_detection.{name}")
    assert word in said(checked)
    kept = {"silence_duration_ms": 700} if name == "post_speech_silence_ms" else {}
    assert get_path(checked.session, TURNS) == {"type": "server_vad", **kept}


IDLE: Any = {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}
TWO_NAMES: Any = {"turn_detection": {"type": "server_vad", "post_speech_silence_ms": 900, "silence_duration_ms": 400}}
CAPTIONS: Any = {"output_modalities": ["text"], "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}
QUIET: Any = {
    "input": {**CAPTIONS["audio"]["input"], "turn_detection": {"type": "server_vad", "create_response": False}}
}
WHISPER: Any = {"transcription": {"model": "gpt-realtime-whisper"}, "turn_detection": {"type": "server_vad"}}
REASONS: Any = {"reasoning": {"effort": "low"}, "parallel_tool_calls": True}
LANGUAGE: Any = {"model": "whisper-1", "language": "en-US"}


NO_TURNS: Any = {"audio": {"input": {"turn_detection": None}}}
PCM: Any = {"type": "audio/pcm", "rate": 24000}
MODEL: Any = {"model": "whisper-1"}
TOOL: Any = {"name": "f", "parameters": {}}


def voiced(voice: str) -> Any:
    return {"audio": {"output": {"voice": voice}}}


def detected(kind: str = "server_vad", **turns: Any) -> Any:
    return {"audio": {"input": {"turn_detection": {"type": kind, **turns}}}}


def transcribed(value: Any) -> Any:
    return {"audio": {"input": {"transcription": value}}}


def inside(place: str, value: Any) -> Any:
    """A session with this at a dotted place."""
    for step in reversed(place.split(".") if place else []):
        value = {step: value}
    return value


SOUND = ("sample_rate", "channels", "bits_per_sample", "encoding")
INVENTED = ("timestamp", "status", "metadata", "chunk_size", "latency", "compression")
HANDSHAKE = ("headers", "authorization", "OpenAI-Beta", "expires_after", "client_secret", "ice_servers")
OFF: list[Any] = [False, "none", "off", {"type": "none"}, {"type": "server_vad", "enabled": False}]
NONE: list[Any] = [[], "voice: ash", 5, None, {"session": 5}, {"type": "session.update", "session": None}]


CHECKED: list[tuple[str, Any, Any, Any, list[str], str]] = [
    ("the right name counts beside the wrong one", TWO_NAMES, None,
     detected(silence_duration_ms=400), ["error"], "post_"),
    ("idle timeout in GA", IDLE, None, detected(idle_timeout_ms=6000), [], ""),
    ("idle timeout in beta", IDLE, "beta", detected(), ["warning"], "does not know it"),
    ("temperature", {"temperature": 0.8}, None, {}, ["warning"], "beta"),
    ("temperature in GA", {"temperature": 0.8}, "ga", {}, ["warning"], "beta"),
    ("temperature in beta", {"temperature": 0.8}, "beta", {"temperature": 0.8}, [], ""),
    ("temperature out of its range", {"temperature": 1.9}, "beta", {}, ["error"], "0.6 to 1.2"),
    ("a limit given twice, differently", {"max_output_tokens": 300, "max_response_output_tokens": 500}, None,
     {"max_output_tokens": 300}, ["warning"], "differ"),
    ("a limit given twice", {"max_output_tokens": 300, "max_response_output_tokens": 300}, None,
     {"max_output_tokens": 300}, [], ""),
    ("captions of a talking session", CAPTIONS, None, CAPTIONS, ["note"], "create_response"),
    ("captions without responses", CAPTIONS | {"audio": QUIET}, None, CAPTIONS | {"audio": QUIET}, [], ""),
    ("whisper with turn detection", {"type": "transcription", "audio": {"input": WHISPER}}, None,
     {"audio": {"input": WHISPER}}, ["warning"], "null"),
    ("a new voice in beta", {"voice": "marin"}, "beta", voiced("marin"), ["warning"], "may not know"),
    ("a new voice in GA", {"voice": "marin"}, "ga", voiced("marin"), [], ""),
    ("an old voice in beta", {"voice": "verse"}, "beta", voiced("verse"), [], ""),
    ("an odd language", {"input_audio_transcription": LANGUAGE}, None,
     {"audio": {"input": {"transcription": LANGUAGE}}}, ["warning"], "ISO-639-1"),
    ("noise reduction as a word", {"input_audio_noise_reduction": "near_field"}, None,
     {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}}, ["note"], "near_field"),
    ("noise reduction off", {"audio": {"input": {"noise_reduction": False}}}, None,
     {"audio": {"input": {"noise_reduction": None}}}, ["warning"], "null"),
    ("sound and text in beta", {"modalities": ["text", "audio"]}, None, {"output_modalities": ["audio"]}, [], ""),
    ("sound and text in GA", {"output_modalities": ["text", "audio"]}, None,
     {"output_modalities": ["audio"]}, ["warning"], "transcript"),
    ("a modality as a word", {"modalities": "text"}, None, {"output_modalities": ["text"]}, ["note"], "text"),
    ("half a character", {"instructions": "Hi \ud800"}, None, {"instructions": "Hi \ufffd"}, ["warning"], "character"),
    ("turn detection merely on", {"turn_detection": True}, None, {}, ["note"], "turn_detection"),
    ("a model that does not reason", {"model": "gpt-realtime-mini-2025-12-15", **REASONS}, None,
     {"model": "gpt-realtime-mini-2025-12-15", **REASONS}, ["warning", "warning"], "parallel_tool_calls"),
    ("a model that reasons", {"model": "gpt-realtime-2.1", **REASONS}, None, {"model": "gpt-realtime-2.1", **REASONS},
     [], ""),
    *((f"a dial for silence of semantic_vad: {name}", detected("semantic_vad", **{name: 1}), None,
       detected("semantic_vad"), ["error"], "only server_vad has it")
      for name in ("threshold", "silence_duration_ms", "prefix_padding_ms", "idle_timeout_ms")),
    *((f"the shape of sound: {name} in {place or 'the session'}", inside(place, {name: 1}), None, inside(place, {}),
       ["warning"], "is left out") for name in SOUND for place in ("", "audio", "audio.input")),
    *((f"the shape of sound: {name} in a format", inside("audio.output.format", {"type": "audio/pcm", name: 1}), None,
       inside("audio.output.format", {"type": "audio/pcm"}), ["warning"], "is left out") for name in SOUND),
    *((f"made up by guides: {name}", {name: "x"}, None, {}, ["warning"], name) for name in INVENTED),
    *((f"of the handshake: {name}", {name: "Bearer sk-secret"}, None, {}, ["warning"], "handshake")
      for name in HANDSHAKE),
    *((f"the token limit as {name}", {name: 300}, None, {"max_output_tokens": 300}, severities, "")
      for name, severities in (("max_output_tokens", []), ("max_response_output_tokens", []),
                               ("max_tokens", ["warning"]))),
    *((f"around the session: {wrapper}", {"type": wrapper, "event_id": "e", "session": {"voice": "ash"}}, None,
       voiced("ash"), [], "") for wrapper in ("session.update", "session.created", "session.updated")),
    ("fields beside the type", {"type": "session.update", "voice": "ash", "turn_detection": None}, None,
     {"audio": NO_TURNS["audio"] | voiced("ash")["audio"]}, ["warning"], "wrapped in session"),
    *((f"no session: {config}", config, None, {}, ["error"], "where an object belongs") for config in NONE),
    *((f"turn detection off: {value}", wish, None, NO_TURNS, ["warning"], "null")
      for value in OFF for wish in ({"turn_detection": value}, {"audio": {"input": {"turn_detection": value}}})),
    ("the type of turn detection, by a threshold", {"turn_detection": {"threshold": 0.4}}, None,
     detected(threshold=0.4), ["warning"], "type"),
    ("the type of turn detection, by an eagerness", {"turn_detection": {"eagerness": "low"}}, None,
     detected("semantic_vad", eagerness="low"), ["warning"], "type"),
    ("turn detection as a word", {"turn_detection": "server_vad"}, None, detected(), ["note"], ""),
    ("a GA format as a word", {"audio": {"input": {"format": "pcm16"}, "output": {"format": "audio/pcmu"}}}, None,
     {"audio": {"input": {"format": PCM}, "output": {"format": {"type": "audio/pcmu"}}}}, ["note", "note"], ""),
    *((f"an automatic language: {language!r}", wish, None, transcribed(MODEL), ["note"], "language")
      for language in ("auto", "AUTO", "", "multi") for value in [MODEL | {"language": language}]
      for wish in (transcribed(value), {"input_audio_transcription": value})),
    ("transcription enabled", {"input_audio_transcription": {"enabled": True, **MODEL}}, None, transcribed(MODEL),
     ["warning"], "session.input_audio_transcription.enabled"),
    ("transcription not enabled", {"input_audio_transcription": {"enabled": False, **MODEL}}, None, transcribed(None),
     ["warning"], "null"),
    ("transcription merely on", {"input_audio_transcription": True}, None, {}, ["error"], "model"),
    ("tools as chat completions have them", {"tools": [{"type": "function", "function": TOOL}],
     "tool_choice": {"type": "function", "function": {"name": "f"}}}, None,
     {"tools": [{"type": "function", **TOOL}], "tool_choice": {"type": "function", "name": "f"}}, ["note", "note"], ""),
]  # fmt: skip


@each(("name", "wish", "dialect", "session", "severities", "word"), CHECKED)
def test_what_becomes_of_a_setting_and_what_is_said_about_it(
    name: str, wish: Any, dialect: Any, session: Any, severities: list[str], word: str
) -> None:
    checked = check_session(wish, dialect=dialect)
    assert checked.session == {"type": checked.kind} | session
    assert ([problem.severity for problem in checked.problems], word in said(checked)) == (severities, True)
    assert "sk-secret" not in said(checked)
    assert checked.is_valid == ("error" not in severities)


def test_a_transcription_session_only_listens() -> None:
    wish: Any = {
        "type": "transcription",
        "instructions": "x",
        "audio": {"input": {"turn_detection": None}},
        "voice": "ash",
    }
    checked = check_session(wish)
    assert checked.kind == "transcription"
    assert checked.session == {"type": "transcription", "audio": {"input": {"turn_detection": None}}}
    assert {problem.path for problem in checked.problems} == {"session.instructions", "session.voice"}
    event: Any = {
        "type": "transcription_session.update",
        "session": {"input_audio_transcription": {"model": "whisper-1"}},
    }
    assert check_session(event).session["type"] == "transcription"


@each(
    ("transcription", "path"),
    [
        ({"model": "whisper-1", "delay": "low"}, "delay"),
        ({"model": "whisper-1", "keywords": ["x"]}, "keywords"),
        ({"model": "gpt-4o-transcribe", "languages": ["en"]}, "languages"),
        ({"model": "gpt-4o-transcribe-diarize", "prompt": "x"}, "prompt"),
        ({"model": "gpt-realtime-whisper", "prompt": "x"}, "prompt"),
    ],
)
def test_what_a_transcription_model_cannot_do_is_doubted(transcription: dict[str, Any], path: str) -> None:
    checked = check_session({"audio": {"input": {"transcription": transcription}}})
    assert [problem.path for problem in checked.problems] == [f"session.audio.input.transcription.{path}"]
    assert checked.is_valid
    mine = check_session({"audio": {"input": {"transcription": {**transcription, "model": "my-deployment"}}}})
    assert mine.problems == ()


def test_checked_for_beta_nothing_is_left_that_beta_cannot_say() -> None:
    wish: Any = {
        "type": "realtime",
        "truncation": "auto",
        "tools": [
            {"type": "mcp", "server_label": "a"},
            {"type": "function", "name": "f"},
            {"type": "mcp", "server_label": "b"},
        ],
        "audio": {"output": {"voice": {"id": "v"}, "speed": 1.1}},
    }
    checked = check_session(wish, dialect="beta")
    assert checked.session == {
        "type": "realtime",
        "tools": [{"type": "function", "name": "f"}],
        "audio": {"output": {"speed": 1.1}},
    }
    assert session_to_beta(checked.session).lost == []


@each(
    ("session", "path", "left"),
    [
        ({"audio": {"output": {"voice": "x", "speed": 1}}}, "session.audio.output.voice",
         {"audio": {"output": {"speed": 1}}}),
        ({"audio": {"output": {"voice": "x"}}, "model": "m"}, "session.audio.output.voice", {"model": "m"}),
        ({"audio": {"output": {"voice": "x", "speed": 1}}}, "session.voice", {"audio": {"output": {"speed": 1}}}),
        ({"voice": "x", "speed": 1}, "session.audio.output.voice", {"speed": 1}),
        ({"voice": "x", "speed": 1}, "voice", {"speed": 1}),
        ({"tools": [{"name": "a"}, {"name": "b"}]}, "session.tools[0].name", {"tools": [{"name": "b"}]}),
        ({"type": "realtime", "voice": "x"}, "session.type", {"voice": "x"}),
        ({"turn_detection": {"type": "server_vad", "idle_timeout_ms": 1}}, "session.turn_detection.idle_timeout_ms",
         {"turn_detection": {"type": "server_vad"}}),
        ({"model": "m", "audio": {"input": {"turn_detection": {"type": "smart", "threshold": 1}}}},
         "session.turn_detection.type", {"model": "m"}),
        ({"max_output_tokens": 5, "model": "m"}, "session.max_response_output_tokens", {"model": "m"}),
        ({"voice": "x"}, "session.no.such.field", {"voice": "x"}),
        ({"tools": [{"name": "a"}]}, "session.tools[7]", {"tools": [{"name": "a"}]}),
        ({"voice": "x"}, "", {"voice": "x"}),
        ({"voice": "x"}, "session", {"voice": "x"}),
        ({"voice": "x"}, "session.voice", {}),
    ],
)  # fmt: skip
def test_a_refused_field_can_be_taken_out(session: dict[str, Any], path: str, left: dict[str, Any]) -> None:
    before = json.dumps(session)
    assert without(session, path) == left
    assert json.dumps(session) == before


@given(configs, st.none() | audios, st.sampled_from([None, "ga", "beta"]))
def test_whatever_is_checked_the_result_is_right(config: Any, audio: Any, dialect: Any) -> None:
    wish = {**config, "audio": audio} if audio is not None else config
    before = json.dumps(wish)
    checked = check_session(wish, dialect=dialect)
    assert json.dumps(wish) == before
    again = check_session(checked.session, dialect=dialect)
    assert again.session == checked.session
    assert again.is_valid
    json.dumps(checked.session, allow_nan=False)


@given(json_values)
def test_no_config_however_odd_raises(config: Any) -> None:
    assert check_session(config).session["type"] in ("realtime", "transcription")


def test_what_stands_beside_session_is_moved_in_or_explained() -> None:
    checked = check_session(
        {"session": {"type": "realtime"}, "voice": "ash", "expires_after": {"seconds": 60}, "x\ny": 1}
    )
    assert get_path(checked.session, ("audio", "output", "voice")) == "ash"
    assert [problem.path for problem in checked.problems] == ["session.voice", "expires_after", "'x\\ny'"]
    assert checked.is_valid


@each("name", ["input_audio_format", "output_audio_format"])
@each(
    ("value", "is_valid", "kept"),
    [
        ("pcm16", True, {"type": "audio/pcm", "rate": 24000}),
        ("g711_ulaw", True, {"type": "audio/pcmu"}),
        ({"type": "audio/pcm", "rate": 24000}, True, {"type": "audio/pcm", "rate": 24000}),
        ({"type": "pcm16", "sample_rate": 24000, "channels": 1}, True, {"type": "audio/pcm", "rate": 24000}),
        ({"encoding": "g711_alaw", "sample_rate": 8000}, True, {"type": "audio/pcma"}),
        ({"sample_rate": 16000, "channels": 1}, False, None),
        ({"type": "wav"}, False, None),
        ("mp3", False, None),
    ],
)
def test_a_beta_format_is_one_of_three_words(name: str, value: Any, is_valid: bool, kept: Any) -> None:
    checked = check_session({name: value})
    assert get_path(checked.session, GA_PATHS[name]) == kept
    assert checked.is_valid == is_valid
    if not is_valid:
        assert checked.problems[0].allowed == ("pcm16", "g711_ulaw", "g711_alaw")


# Every field of a session: what may stand there, what may not, and where it is in beta


Row = tuple[str, list[Any], list[Any]]

VAD = {"type": "server_vad"}
FIELDS: list[Row] = [
    ("model", ["gpt-realtime-2.1", "my-deployment"], [5, [], {}]),
    ("instructions", ["Be brief.", ""], [5, ["x"], True]),
    ("output_modalities", [["audio"], ["text"]], [[], ["video"], 5, {"audio": True}]),
    ("audio.input.format", [{"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}, {"type": "audio/pcma"}],
     [{"type": "audio/opus"}, {"rate": 5.5}, 5, ["pcm16"], "wav"]),
    ("audio.input.noise_reduction", [None, {"type": "near_field"}, {"type": "far_field", "strength": 0.5}],
     [5, {}, "loud"]),
    ("audio.input.transcription", [None, {"model": "gpt-transcribe"}, {"model": "mine", "language": "de"}],
     [5, [], True]),
    ("audio.input.transcription.model", ["whisper-1", "mine"], [5, None]),
    ("audio.input.transcription.language", ["en", "yue"], [5, ["en"]]),
    ("audio.input.transcription.languages", [["en", "de"]], ["en", [5]]),
    ("audio.input.transcription.prompt", ["names: Ann"], [5]),
    ("audio.input.transcription.keywords", [["Ann"]], ["Ann"]),
    ("audio.input.transcription.delay", ["minimal", "xhigh"], ["long", 5]),
    ("audio.input.turn_detection", [None, VAD, {"type": "semantic_vad"}], [5, {"type": "smart_turn"}, ["server_vad"]]),
    ("audio.input.turn_detection.threshold", [0.0, 0.5, 1, 1.0], [-0.1, 1.5, "0.5", True, None]),
    ("audio.input.turn_detection.prefix_padding_ms", [0, 300], [-1, 300.5, "300"]),
    ("audio.input.turn_detection.silence_duration_ms", [200, 500], [-5, "500", False]),
    ("audio.input.turn_detection.idle_timeout_ms", [None, 6000], [-1, "6000"]),
    ("audio.input.turn_detection.create_response", [True, False], ["false", 0]),
    ("audio.input.turn_detection.interrupt_response", [True, False], ["true", 1]),
    ("audio.output.format", [{"type": "audio/pcm", "rate": 24000}], [{"type": "audio/pcm", "rate": 16000}, 5]),
    ("audio.output.voice", ["marin", "Ara", {"id": "voice_1"}], [5, [], {"name": "x"}]),
    ("audio.output.speed", [0.25, 1, 1.5], [0.2, 1.6, "1.0"]),
    ("max_output_tokens", [1, 4096, "inf"], [0, 4097, -1, 10.5, "many", True]),
    ("tools", [[], [{"type": "function", "name": "f", "parameters": {"type": "object"}}]], [5, {}, "f"]),
    ("tool_choice", ["auto", "none", "required", {"type": "function", "name": "f"}], ["any", 5, {"type": "function"}]),
    ("parallel_tool_calls", [True, False], ["yes", 1]),
    ("reasoning", [{"effort": "minimal"}, {"effort": "xhigh"}], ["low", 5]),
    ("reasoning.effort", ["low"], ["max", 5]),
    ("truncation", ["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.8}],
     ["never", 5, {"type": "retention_ratio"}, {"type": "retention_ratio", "retention_ratio": 1.5}]),
    ("tracing", [None, "auto", {"workflow_name": "w", "metadata": {"a": 1}}], ["on", 5]),
    ("prompt", [None, {"id": "p"}, {"id": "p", "version": "2", "variables": {}}], ["p", {"version": "2"}]),
    ("include", [["item.input_audio_transcription.logprobs"], []], ["logprobs", 5]),
]  # fmt: skip


def wish(field: str, value: Any) -> dict[str, Any]:
    session: dict[str, Any] = {}
    path = field.split(".")
    if "turn_detection" in path[:-1]:
        set_path(session, tuple(path[:-1]), dict(VAD))
    set_path(session, tuple(path), value)
    return session


def beta_wish(field: str, value: Any) -> tuple[dict[str, Any], str] | None:
    """The same in beta spelling, and the path a user would see; None where beta keeps it elsewhere."""
    path = tuple(field.split("."))
    for length in range(len(path), 0, -1):
        if path[:length] in BETA_NAMES:
            flat = (BETA_NAMES[path[:length]], *path[length:])
            session: dict[str, Any] = {}
            if "turn_detection" in flat[:-1]:
                set_path(session, flat[:-1], dict(VAD))
            set_path(session, flat, value)
            return session, ".".join(flat)
    return None


def errors(problems: tuple[Problem, ...]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "error"]


GOOD = [(field, value) for field, good, _ in FIELDS for value in good]
BAD = [(field, value) for field, _, bad in FIELDS for value in bad]


@each(("field", "value"), GOOD)
def test_what_is_allowed_passes_unchanged(field: str, value: Any) -> None:
    checked = check_session(wish(field, value))
    assert errors(checked.problems) == []
    assert get_path(checked.session, tuple(field.split("."))) == value


@each(("field", "value"), BAD)
def test_what_is_not_allowed_is_left_out_and_named(field: str, value: Any) -> None:
    checked = check_session(wish(field, value))
    wanted = "note" if value is None else "error"  # null where it means nothing is harmless
    told = [problem for problem in checked.problems if problem.severity == wanted]
    assert told and told[0].path.startswith(f"session.{field}")
    kept = get_path(checked.session, tuple(field.split(".")))
    assert kept in (None, [], {}) or kept != value


@each(("field", "value"), [one for one in GOOD if beta_wish(*one)])
def test_the_beta_spelling_of_a_setting_is_the_same_setting(field: str, value: Any) -> None:
    session, _ = beta_wish(field, value) or ({}, "")
    checked = check_session(session)
    assert errors(checked.problems) == []
    assert get_path(checked.session, tuple(field.split("."))) == value
    assert checked.dialect == "beta"


@each(("field", "value"), [one for one in BAD if beta_wish(*one)])
def test_a_mistake_in_beta_spelling_is_named_in_beta_spelling(field: str, value: Any) -> None:
    session, path = beta_wish(field, value) or ({}, "")
    problems = check_session(session).problems
    assert problems and problems[0].path.startswith(f"session.{path}")


@each(
    ("field", "value"),
    [
        ("audio.input.turn_detection.prefix_padding_ms", 6000),
        ("audio.input.turn_detection.silence_duration_ms", 50),
        ("audio.input.turn_detection.silence_duration_ms", 20_000),
        ("audio.input.turn_detection.idle_timeout_ms", 1000),
        ("audio.input.noise_reduction", {"type": "near_field", "strength": 3.0}),
    ],
)
def test_an_undocumented_range_only_warns(field: str, value: Any) -> None:
    checked = check_session(wish(field, value))
    assert [problem.severity for problem in checked.problems] == ["warning"]
    assert get_path(checked.session, tuple(field.split("."))) == value


@each(
    ("field", "value", "allowed"),
    [
        ("audio.input.turn_detection.threshold", 1.5, "0 to 1"),
        ("audio.output.speed", 2, "0.25 to 1.5"),
        ("max_output_tokens", 9000, "1 to 4096"),
        ("audio.output.format", {"type": "audio/pcm", "rate": 16000}, "24000"),
        ("audio.input.turn_detection.create_response", "true", "true"),
        ("reasoning.effort", "max", "xhigh"),
        ("tool_choice", "any", "required"),
    ],
)
def test_an_error_says_what_is_allowed(field: str, value: Any, allowed: str) -> None:
    problem = errors(check_session(wish(field, value)).problems)[0]
    assert allowed in problem.allowed
    assert allowed in str(problem)


@each(
    ("session", "path", "guess"),
    [
        ({"instruction": "x"}, "session.instruction", "instructions"),
        ({"audio": {"inputs": {}}}, "session.audio.inputs", "input"),
        (
            wish("audio.input.turn_detection.silence_duration", 5),
            "turn_detection.silence_duration",
            "silence_duration_ms",
        ),
        (wish("audio.input.turn_detection", {"type": "server-vad"}), "turn_detection.type", "server_vad"),
        (wish("reasoning.effort", "hihg"), "session.reasoning.effort", "high"),
        ({"input_audio_format": "pcm_16"}, "session.input_audio_format", "pcm16"),
        ({"audio": {"voice": "ash"}}, "session.audio.voice", "session.audio.output.voice"),
        ({"threshold": 0.5}, "session.threshold", "session.audio.input.turn_detection.threshold"),
        ({"audio": {"input": {"modalities": []}}}, "session.audio.input.modalities", "session.output_modalities"),
        ({"audio": {"output": {"voice": "maron"}}}, "session.audio.output.voice", "marin"),
    ],
)
def test_the_nearest_known_name_is_offered(session: dict[str, Any], path: str, guess: str) -> None:
    problem = check_session(session).problems[0]
    assert problem.path.endswith(path.removeprefix("session."))
    assert guess in problem.hint


def test_a_bad_tool_leaves_the_good_ones() -> None:
    tools = [{"type": "function"}, {"type": "function", "name": "f"}, {"type": "mcp", "server_label": "l", "color": 1}]
    checked = check_session({"tools": tools})  # type: ignore[dict-item]
    assert checked.session["tools"] == [tools[1], {"type": "mcp", "server_label": "l"}]
    assert [problem.path for problem in errors(checked.problems)] == ["session.tools[0]", "session.tools[2].color"]


def test_null_is_told_apart_from_absent() -> None:
    checked = check_session({"audio": {"input": {"turn_detection": None, "transcription": None}}})
    assert checked.session["audio"] == {"input": {"turn_detection": None, "transcription": None}}
    assert checked.problems == ()


def test_a_provider_may_allow_what_openai_refuses() -> None:
    session: Any = {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}
    assert not check_session(session).is_valid
    checked = check_session(session, overruled=["session.audio.input.format.rate"])
    assert checked.is_valid
    assert checked.session["audio"] == session["audio"]
    assert [problem.severity for problem in checked.problems] == ["note"]
    flat = check_session(
        {"turn_detection": {**VAD, "threshold": -0.4}}, overruled=["session.audio.input.turn_detection.threshold"]
    )
    assert get_path(flat.session, ("audio", "input", "turn_detection", "threshold")) == -0.4
    own = check_session({"resumption": {"on": True}}, overruled=["session.resumption"])
    assert own.session["resumption"] == {"on": True}

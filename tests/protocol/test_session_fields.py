"""Every field of a session: what may stand there, what may not, and where it is in beta."""

from __future__ import annotations

from typing import Any

from tests.support.each import each
from voicechat.protocol.session_config import Problem, check_session
from voicechat.protocol.session_dialects import BETA_NAMES, get_path, set_path

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

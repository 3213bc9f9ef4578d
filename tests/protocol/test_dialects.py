"""One protocol, two spellings."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from tests.protocol.wire_strategies import json_objects
from tests.support.each import each
from tests.support.wire_samples import Sample, wire_samples
from voicechat.protocol.client_events import SessionUpdate
from voicechat.protocol.codec import encode
from voicechat.protocol.dialects import detect_dialect, item_to_beta, item_to_ga, response_to_ga
from voicechat.protocol.session_dialects import (
    DIALECTS,
    FORMATS,
    GA_PATHS,
    response_options_to_ga,
    session_to_beta,
    session_to_ga,
    set_path,
)

SESSIONS = [found for found in wire_samples() if "session" in found.ga]


@each("found", SESSIONS, ids=lambda one: str(one.beta_type))
def test_a_session_tells_its_dialect(found: Sample) -> None:
    ga: Any = found.ga["session"]
    assert detect_dialect(ga) == "ga"
    if found.beta is not None:
        beta: Any = found.beta["session"]
        assert detect_dialect(beta) == "beta"


@each(
    ("session", "dialect"),
    [
        ({}, None),
        ({"instructions": "x", "tools": []}, None),
        ({"type": "realtime"}, "ga"),
        ({"audio": {}}, "ga"),
        ({"max_output_tokens": "inf"}, "ga"),
        ({"voice": "Ara", "turn_detection": None, "audio": {"input": {}}}, "ga"),
        ({"turn_detection": None}, "beta"),
        ({"id": "sess_1", "object": "realtime.session", "modalities": ["text"]}, "beta"),
    ],
)
def test_a_few_fields_are_enough_to_tell(session: dict[str, Any], dialect: str | None) -> None:
    assert detect_dialect(session) == dialect


def test_only_content_of_the_assistant_has_other_types_in_beta() -> None:
    ga: Any = {"role": "assistant", "content": [{"type": "output_text", "text": "Hi"}, {"type": "output_audio"}]}
    beta: Any = {"role": "assistant", "content": [{"type": "text", "text": "Hi"}, {"type": "audio"}]}
    assert (item_to_beta(ga), item_to_ga(beta)) == (beta, ga)
    user: Any = {"role": "user", "content": [{"type": "input_text", "text": "Hi"}, "odd"]}
    assert item_to_beta(user) == item_to_ga(user) == user


def test_odd_shapes_pass_a_translation_untouched() -> None:
    odd: Any = {"output": "none", "modalities": 5, "voice": None}
    assert response_to_ga(odd)["output"] == "none"
    assert item_to_ga({"content": "text"}) == {"content": "text"}


# A session said in one dialect and then in the other is the same wish


PAIRS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"modalities": ["text", "audio"]}, {"output_modalities": ["audio"]}),
    ({"modalities": ["text"]}, {"output_modalities": ["text"]}),
    ({"input_audio_format": "pcm16"}, {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}}),
    ({"output_audio_format": "g711_ulaw"}, {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}),
    ({"output_audio_format": "g711_alaw"}, {"audio": {"output": {"format": {"type": "audio/pcma"}}}}),
    ({"input_audio_transcription": None}, {"audio": {"input": {"transcription": None}}}),
    ({"input_audio_transcription": {"model": "m"}}, {"audio": {"input": {"transcription": {"model": "m"}}}}),
    (
        {"input_audio_noise_reduction": {"type": "far_field"}},
        {"audio": {"input": {"noise_reduction": {"type": "far_field"}}}},
    ),
    ({"turn_detection": None}, {"audio": {"input": {"turn_detection": None}}}),
    ({"turn_detection": {"type": "semantic_vad"}}, {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}),
    ({"voice": "verse", "speed": 1.2}, {"audio": {"output": {"voice": "verse", "speed": 1.2}}}),
    ({"max_response_output_tokens": "inf"}, {"max_output_tokens": "inf"}),
    ({"instructions": "x", "tracing": "auto", "model": "m"}, {"instructions": "x", "tracing": "auto", "model": "m"}),
    ({"tools": [{"type": "function", "name": "f"}]}, {"tools": [{"type": "function", "name": "f"}]}),
    ({"tool_choice": "required"}, {"tool_choice": "required"}),
]


@each(("beta", "ga"), PAIRS)
def test_each_field_has_its_place_in_both(beta: dict[str, Any], ga: dict[str, Any]) -> None:
    assert session_to_ga(beta).session == {"type": "realtime", **ga}
    assert session_to_beta(ga).session == beta
    assert session_to_ga(beta).lost == session_to_beta(ga).lost == []


def test_all_fields_at_once() -> None:
    beta: dict[str, Any] = {}
    for one, _ in PAIRS:
        beta |= one
    ga = DIALECTS["ga"].session(beta)
    assert ga.lost == []
    assert session_to_beta(ga.session).session == beta


@each(
    ("ga", "path"),
    [
        ({"truncation": "auto"}, "session.truncation"),
        ({"prompt": {"id": "p"}}, "session.prompt"),
        ({"reasoning": {"effort": "low"}}, "session.reasoning"),
        ({"parallel_tool_calls": True}, "session.parallel_tool_calls"),
        ({"include": []}, "session.include"),
        ({"tools": [{"type": "mcp", "server_label": "l"}]}, "session.tools[0]"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "session.tool_choice"),
        ({"audio": {"output": {"voice": {"id": "v"}}}}, "session.audio.output.voice"),
        ({"audio": {"output": {"format": {"type": "audio/opus"}}}}, "session.audio.output.format"),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}}, "session.audio.input.format.rate"),
        ({"audio": {"input": {"noise_reduction": {"type": "near_field", "strength": 1}}}},
         "session.audio.input.noise_reduction.strength"),
        ({"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}}},
         "session.audio.input.turn_detection.idle_timeout_ms"),
        ({"audio": {"input": {"transcription": {"model": "m", "keywords": ["x"]}}}},
         "session.audio.input.transcription.keywords"),
    ],
)  # fmt: skip
def test_what_beta_never_knew_is_left_out_and_told(ga: dict[str, Any], path: str) -> None:
    said = session_to_beta({"type": "realtime", **ga})
    assert [lost.path for lost in said.lost] == [path]
    assert path.rsplit(".", 1)[-1] not in str(said.session)


def test_temperature_goes_to_beta_only() -> None:
    wish: dict[str, Any] = {"type": "realtime", "temperature": 0.8}
    assert session_to_beta(wish).session == {"temperature": 0.8} and session_to_beta(wish).lost == []
    said = DIALECTS["ga"].session(wish)
    assert said.session == {"type": "realtime"}
    assert [lost.path for lost in said.lost] == ["session.temperature"]


def test_include_stays_in_a_transcription_session() -> None:
    ga: dict[str, Any] = {"type": "transcription", "include": ["item.input_audio_transcription.logprobs"]}
    assert session_to_beta(ga).session == {"include": ["item.input_audio_transcription.logprobs"]}


def test_xai_keeps_voice_turns_and_hints_in_places_of_its_own() -> None:
    vad = {"type": "server_vad", "create_response": True, "threshold": 0.6}
    ga: dict[str, Any] = {
        "type": "realtime",
        "instructions": "x",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 16000},
                "transcription": {"model": "grok-transcribe", "language": "de", "keywords": ["Elbe"]},
                "turn_detection": vad,
            },
            "output": {"voice": "eve", "speed": 1.2},
        },
    }
    hints = {"model": "grok-transcribe", "language_hint": "de", "keyterms": ["Elbe"]}
    xai: dict[str, Any] = {
        "instructions": "x",
        "modalities": ["text", "audio"],
        "voice": "eve",
        "turn_detection": vad,
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 16000}, "transcription": hints},
            "output": {"speed": 1.2},
        },
    }
    assert DIALECTS["xai"].session(ga).session == xai and DIALECTS["xai"].session(ga).lost == []
    assert session_to_ga(xai).session == ga
    assert json.loads(encode(SessionUpdate(session=ga), "xai"))["session"] == xai


@each(
    ("turns", "spelled", "loses"),
    [
        (None, None, []),
        (
            {"type": "server_vad", "interrupt_response": True},
            {"type": "server_vad", "create_response": True},
            [],
        ),
        (
            {"type": "semantic_vad", "eagerness": "low", "create_response": False},
            {"type": "server_vad", "create_response": False},
            ["session.audio.input.turn_detection.type"],
        ),
    ],
)
def test_xai_sessions_use_server_vad_with_create_response(turns: Any, spelled: Any, loses: list[str]) -> None:
    done = DIALECTS["xai"].session({"audio": {"input": {"turn_detection": turns}}})
    assert done.session == {"turn_detection": spelled}
    assert [lost.path for lost in done.lost] == loses


@each(
    ("voice", "beta"),
    [
        ("en-US-AvaNeural", {"type": "azure-standard", "name": "en-US-AvaNeural"}),
        ("en-US-Ava:DragonHDLatestNeural", {"type": "azure-standard", "name": "en-US-Ava:DragonHDLatestNeural"}),
        ("alloy", "alloy"),
        ("en-US-custom", "en-US-custom"),
    ],
)
def test_a_voice_of_azures_is_an_object_in_beta(voice: str, beta: Any) -> None:
    ga: dict[str, Any] = {"type": "realtime", "audio": {"output": {"voice": voice}}}
    assert session_to_beta(ga).session == {"voice": beta}
    assert session_to_ga({"voice": beta}).session == ga


def test_said_in_both_spellings_ga_counts() -> None:
    both: dict[str, Any] = {"voice": "ash", "audio": {"output": {"voice": "cedar"}}}
    assert session_to_ga(both).session["audio"] == {"output": {"voice": "cedar"}}


def test_the_given_session_is_never_changed() -> None:
    inner: dict[str, Any] = {"voice": "cedar"}
    session: dict[str, Any] = {"audio": {"output": inner}, "speed": 1.1}
    session_to_ga(session)
    set_path(dict(session), ("audio", "output", "voice"), "ash")
    assert session == {"audio": {"output": {"voice": "cedar"}}, "speed": 1.1}


def test_response_options_get_no_session_type() -> None:
    options: dict[str, Any] = {
        "modalities": ["text"],
        "max_response_output_tokens": 5,
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "input": [{"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]}],
    }
    assert response_options_to_ga(options) == {
        "output_modalities": ["text"],
        "max_output_tokens": 5,
        "tool_choice": {"type": "function", "name": "f"},
        "input": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}],
    }


@given(
    st.dictionaries(
        st.sampled_from([*GA_PATHS, *FORMATS, "audio", "tools", "tool_choice", "type"]), st.none() | json_objects
    )
)
def test_no_session_however_odd_breaks_a_translation(session: dict[str, Any]) -> None:
    for dialect in DIALECTS.values():
        assert isinstance(dialect.session(session).session, dict)

"""One protocol, two spellings."""

from __future__ import annotations

from typing import Any

from tests.support.each import each
from tests.support.wire_samples import Sample, wire_samples
from voicechat.protocol.dialects import detect_dialect, ga_name, item_to_beta, item_to_ga, name_in, response_to_ga

SESSIONS = [found for found in wire_samples() if "session" in found.ga]


@each("found", [one for one in wire_samples() if one.beta_type], ids=lambda one: str(one.beta_type))
def test_every_beta_name_is_known(found: Sample) -> None:
    beta = str(found.beta_type)
    assert ga_name(beta) == (found.type if beta != "conversation.item.created" else beta)


@each("found", wire_samples(), ids=lambda one: one.type)
def test_every_ga_name_has_its_beta_word_or_none(found: Sample) -> None:
    every = {one.beta_type for one in wire_samples() if one.type == found.type}
    session: Any = found.ga.get("session")
    if found.type == "session.update" and session and "type" not in session:
        return  # a translation session shares the name of the event, not the dialect
    assert name_in(found.type, "beta", session) in every
    assert name_in(found.type, "ga", session) == found.type


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


def test_content_types_change_and_change_back() -> None:
    ga: Any = {"role": "assistant", "content": [{"type": "output_text", "text": "Hi"}, {"type": "output_audio"}]}
    beta = item_to_beta(ga)
    assert [part["type"] for part in beta["content"]] == ["text", "audio"]  # type: ignore[union-attr,call-overload,index]
    assert item_to_ga(beta) == ga


def test_what_the_user_said_is_called_the_same_in_both() -> None:
    item: Any = {"role": "user", "content": [{"type": "input_text", "text": "Hi"}, "odd"]}
    assert item_to_beta(item) == item_to_ga(item) == item


def test_odd_shapes_pass_a_translation_untouched() -> None:
    odd: Any = {"output": "none", "modalities": 5, "voice": None}
    assert response_to_ga(odd)["output"] == "none"
    assert item_to_ga({"content": "text"}) == {"content": "text"}

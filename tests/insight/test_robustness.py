"""Whatever a service sends, in whatever order: no check fails, memory is bounded, evidence is always real."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, strategies as st

from voicechat.insight.records import MOST_FINDINGS, Board, found, record_of
from voicechat.insight.run import CHECKS, Diagnosis
from voicechat.insight.session_model import KEEP, KEEP_SAID, SessionModel

NAMES = sorted({*SessionModel().events, *(name for check in CHECKS for name in check.on)})
IDS = st.sampled_from(["a", "b", "", None, 7])
LEAF = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=4), IDS)
VALUE = st.recursive(
    LEAF,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
STATUS = st.sampled_from(["completed", "cancelled", "failed", "incomplete", 3])
RESPONSE = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS,
        "status": STATUS,
        "output": st.one_of(VALUE, st.just([{"type": "function_call"}])),
        "conversation_id": LEAF,
        "status_details": st.one_of(VALUE, st.fixed_dictionaries({"reason": LEAF, "error": VALUE})),
    },
)
VAD = st.sampled_from([None, {"type": "server_vad", "create_response": False}, {"type": "semantic_vad"}, 3])
SESSION = st.one_of(
    VALUE,
    st.fixed_dictionaries({"audio": st.fixed_dictionaries({"input": st.fixed_dictionaries({"turn_detection": VAD})})}),
)
ERROR = st.one_of(
    VALUE,
    st.fixed_dictionaries(
        {
            "code": st.sampled_from(
                ["unknown_parameter", "invalid_type", "cannot_update_voice", None, "session_expired"]
            )
        },
        optional={
            "event_id": IDS,
            "param": st.sampled_from(["session.type", "session.voice", "session.x[0]", ""]),
            "message": LEAF,
        },
    ),
)
EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(NAMES)},
    optional={
        "response": RESPONSE,
        "session": SESSION,
        "error": ERROR,
        "item": st.one_of(VALUE, st.just({"type": "function_call_output", "call_id": "k"})),
        **dict.fromkeys(("response_id", "item_id", "event_id"), IDS),
        **dict.fromkeys(("transcript", "delta", "audio_start_ms", "audio_end_ms", "code", "reason"), LEAF),
    },
)
ROW = st.tuples(st.sampled_from(["in", "out", "local"]), st.floats(0, 20), EVENT)


@given(st.lists(ROW, max_size=40), st.booleans())
def test_no_order_and_no_nonsense_makes_a_check_fail_and_all_evidence_was_seen(rows: list[Any], timed: bool) -> None:
    diagnosis, now = Diagnosis(), 0.0
    for seq, (direction, pause, event) in enumerate(rows):
        now += pause
        diagnosis.feed(record_of(seq, now if timed else None, direction, event))
    diagnosis.finish()
    for finding in diagnosis.findings:
        assert finding.evidence
        assert all(0 <= mark.seq < len(rows) for mark in finding.evidence)
        assert finding.title and finding.cause and finding.cure and finding.rests_on


def test_hours_of_events_are_remembered_in_bounded_memory() -> None:
    diagnosis, chance = Diagnosis(), random.Random(3)
    for seq in range(30_000):
        name = chance.choice(NAMES)
        event = {"type": name, "event_id": f"e{seq}", "item_id": f"i{seq}", "response": {"id": f"r{seq}"}}
        diagnosis.feed(record_of(seq, seq / 300, chance.choice(("in", "out", "local")), event))
    model = diagnosis.model
    assert len(model.answers) <= KEEP and len(model.segments) <= KEEP and len(model.said) <= KEEP_SAID
    assert len(diagnosis.findings) <= MOST_FINDINGS


def test_a_finding_without_evidence_is_never_taken() -> None:
    board = Board()
    empty = found("x", "info", "t", cause="c", cure="d", evidence=(None,), rests_on="R1", confidence=1.0)
    assert board.take(empty) is None and not board.findings

"""Causes first, and what follows from them with them."""

from __future__ import annotations

from voicechat.diagnose.consequences import FOLLOWS_FROM, by_cause
from voicechat.diagnose.findings import Evidence, Finding, found
from voicechat.diagnose.run import CODES


def finding(code: str, *seqs: int, confidence: float = 0.9) -> Finding:
    marks = tuple(Evidence(seq, None, "x") for seq in seqs)
    return found(code, "error", "t", cause="c", cure="d", evidence=marks, rests_on="R1", confidence=confidence)


def roots(*findings: Finding) -> list[str]:
    return [cause.finding.code for cause in by_cause(findings)]


def test_a_refused_configuration_explains_what_is_wrong_later() -> None:
    log = finding("transcription-off", 2, 9), finding("unknown-session-field", 2, 3)
    assert roots(*log) == ["unknown-session-field"]


def test_without_an_event_that_ties_them_both_are_causes() -> None:
    log = finding("transcription-off", 9), finding("unknown-session-field", 2, 3)
    assert roots(*log) == ["transcription-off", "unknown-session-field"]


def test_two_refusals_of_one_update_are_two_causes() -> None:
    log = finding("unknown-session-field", 2, 3), finding("wrong-field-type", 2, 4)
    assert roots(*log) == ["unknown-session-field", "wrong-field-type"]


def test_what_was_there_before_does_not_follow() -> None:
    log = finding("transcription-off", 1, 2), finding("unknown-session-field", 9)
    assert roots(*log) == ["transcription-off", "unknown-session-field"]


def test_a_chain_ends_at_its_first_link() -> None:
    chain = (finding("no-response", 9), finding("active-response-conflict", 5), finding("side-request-interferes", 4))
    (cause,) = by_cause(chain)
    assert cause.finding.code == "side-request-interferes"
    assert {one.code for one in cause.consequences} == {"no-response", "active-response-conflict"}


def test_two_that_can_follow_from_each_other_leave_one() -> None:
    assert len(roots(finding("cancelled-by-client", 3, 5), finding("cancelled-at-birth", 5))) == 1


def test_an_unsure_cause_explains_nothing() -> None:
    assert len(roots(finding("self-echo", 1, confidence=0.5), finding("empty-transcript", 5))) == 2


def test_the_table_names_findings_only() -> None:
    named = set(FOLLOWS_FROM) | {code.partition(":")[0] for codes in FOLLOWS_FROM.values() for code in codes}
    assert named <= set(CODES)

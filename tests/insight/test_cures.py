"""The change in code: there for every finding, right in either language and dialect."""

from __future__ import annotations

import ast
import io
import json
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.support.each import each
from voicechat.cli.diagnose import Words, folded
from voicechat.insight.consequences import FOLLOWS_FROM, by_cause
from voicechat.insight.cures import CURES, cure_of, session_fields
from voicechat.insight.records import Evidence, Finding, found
from voicechat.insight.report import as_plain, diagnose
from voicechat.insight.run import CODES, what_if
from voicechat.protocol.session_config import check_session
from voicechat.protocol.session_dialects import set_path


def test_every_finding_has_its_cure() -> None:
    assert set(CURES) == set(CODES)


@each("width", [60, 200])
@each("beta", [False, True])
def test_the_python_is_python_also_when_it_is_folded(beta: bool, width: int) -> None:
    for code in CURES:
        snippets = cure_of(code, beta=beta)
        assert snippets is not None
        text = "\n".join(folded(snippets.python, width))
        ast.parse(f"async def cure():\n{textwrap.indent(text, '    ')}\n    pass")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to read JavaScript with")
def test_the_javascript_is_javascript_also_when_it_is_folded(tmp_path: Path) -> None:
    pieces = []
    for number, code in enumerate(CURES):
        for beta in (False, True):
            snippets = cure_of(code, beta=beta)
            assert snippets is not None
            text = "\n".join(folded(snippets.js, 70))
            text = text if not text.startswith("headers:") else f"const x = {{{text.split('//')[0]}}};"
            pieces.append(f"async function cure{number}{'b' if beta else 'g'}() {{\n{text}\n}}")
    script = tmp_path / "cures.mjs"
    script.write_text("\n".join(pieces), encoding="utf-8")
    checked = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_beta_is_spelled_flat_and_without_a_session_type() -> None:
    for code in set(CURES) - {"beta-retired"}:
        snippets = cure_of(code, beta=True)
        assert snippets is not None
        for text in (snippets.js, snippets.python):
            assert '"type": "realtime"' not in text or '"session": {' not in text or "audio" in text, code
    flat = cure_of("segments-too-short", beta=True)
    assert flat is not None and '"session": {"turn_detection"' in flat.js


# Causes first, and what follows from them with them


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


# What another pause at the end of a turn would have done


def pieces(*pauses: float, silence: float = 200.0, padding: float = 300.0) -> list[tuple[float, float]]:
    """Pieces of one second with these pauses (ms of real silence) between them, as a server tells them."""
    speech, at = [], 1_000.0
    for pause in (*pauses, 0.0):
        speech.append((at - padding, at + 1_000 + silence))
        at += 1_000 + pause
    return speech


def test_shortest_silence_without_cut_turns_is_proposed_with_its_delay() -> None:
    told = what_if(pieces(430, 610, 3_000, 540), 200, 300)
    assert told is not None and told.best is not None
    assert (told.settings[0].cut, told.best.silence_ms, told.best.cut, told.best.later_ms) == (3, 700, 0, 500)
    assert told.sentence == (
        "silence_duration_ms 700 (now 200): 0 instead of 3 of 5 turns cut in a pause, +500 ms a turn"
    )


def test_longer_silence_never_cuts_more_turns() -> None:
    told = what_if(pieces(430, 610, 850, 1_100, 3_000), 250, 300)
    assert told is not None
    cuts = [one.cut for one in told.settings]
    assert cuts == sorted(cuts, reverse=True) and [one.silence_ms for one in told.settings][:2] == [250, 300]


def test_no_proposal_without_cut_turns() -> None:
    told = what_if(pieces(2_000, 3_000, 4_000), 500, 300)
    assert told is not None and told.best is None and told.sentence == ""
    assert what_if(pieces(400), 200, 300) is None


def test_log_with_audio_ms_gets_a_proposal() -> None:
    vad = {"type": "server_vad", "silence_duration_ms": 200, "prefix_padding_ms": 300, "threshold": 0.5}
    session = {"type": "realtime", "audio": {"input": {"turn_detection": vad}}}
    events: list[dict[str, object]] = [{"type": "session.created", "session": session}]
    for number, (start, end) in enumerate(pieces(430, 610, 540)):
        item = {"item_id": f"i{number}"}
        events.append({"type": "input_audio_buffer.speech_started", "audio_start_ms": start, **item})
        events.append({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": end, **item})
    report = diagnose(io.BytesIO("\n".join(map(json.dumps, events)).encode()), "log")
    assert report.what_if is not None and report.what_if.best is not None
    assert as_plain(report)["what_if"]["best"] == {"silence_ms": 700, "cut": 0, "later_ms": 500}
    assert "What if: silence_duration_ms 700 (now 200)" in Words(120).of(report)


def test_the_fields_that_cure_a_finding_are_fields_of_a_session_in_the_right_values() -> None:
    cured = {code: session_fields(code) for code in CURES}
    assert cured["response-incomplete"] == (("max_output_tokens", "inf"),)
    assert cured["transcription-off"] == (("audio.input.transcription", {"model": "gpt-4o-transcribe"}),)
    assert ("audio.input.turn_detection.silence_duration_ms", 700) in cured["segments-too-short"]
    assert cured["wrong-field-type"] == cured["mic-silent"] == session_fields("no-such-code") == ()
    for fields in cured.values():
        session: dict[str, Any] = {"type": "realtime"}
        for path, value in fields:
            set_path(session, tuple(path.split(".")), value)
        assert check_session(session).problems == ()

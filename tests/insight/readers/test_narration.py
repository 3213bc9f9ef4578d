"""What clients say of themselves, in English and Chinese."""

from __future__ import annotations

import re
import re._constants as sre  # type: ignore[import-not-found,unused-ignore]
import re._parser as sre_parser  # type: ignore[import-not-found,unused-ignore]
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from tests.support.each import each
from voicechat.insight.readers import narration, phrases
from voicechat.insight.readers.narration import narrated
from voicechat.insight.refusals import ANY_SAYING


def kinds(line: str) -> list[str]:
    return [str(event["type"]) for event in narrated(line)]


@each(
    "line",
    [
        "🔇 Muting mic (assistant speaking), will unmute on output_audio_buffer.cleared",
        "mic track disabled while AI is talking",
        "麦克风已静音（AI正在说话）",
        "assistant started speaking, pausing microphone",
    ],
)
def test_a_mic_that_closes_for_the_answer_is_told_as_closed_for_it(line: str) -> None:
    closed = [event for event in narrated(line) if event["type"] == "mic.closed"]
    assert closed and all(event["why"] == "answer" for event in closed)
    assert "mic.opened" not in kinds(line)


@each(
    "line",
    [
        "🎤 Mic unmuted, listening again",
        "microphone resumed",
        "麦克风已恢复",
        "track.enabled = true",
        "mic is now live",
    ],
)
def test_a_mic_that_opens_is_told_as_opened(line: str) -> None:
    assert "mic.opened" in kinds(line)


@each(
    "line",
    [
        "will unmute mic in 300 ms",
        "failed to enable microphone",
        "等待 output_audio_buffer.stopped 后恢复麦克风",
        "mic already open",
    ],
)
def test_what_is_wanted_or_failed_is_not_told_as_done(line: str) -> None:
    assert "mic.opened" not in kinds(line)


@each(
    ("line", "kind"),
    [
        ("waiting for output_audio_buffer.cleared before unmuting mic", "client.waits"),
        ("⏰ safety timeout fired, reopening mic", "client.fell_back"),
        ("Empty or too short transcript, skipping", "client.skipped"),
        ("音频数据全为0，请检查权限", "mic.flat"),
        ("POST /v1/chat/completions (translate transcript)", "client.asked_aside"),
        ("clearing audio queue", "playback.cut"),
        ("Playback finished", "playback.ended"),
        ("user clicked stop button", "stop.pressed"),
        ("AudioRecord started sampleRate=16000", "format.told"),
        ("WebSocket closed unexpectedly code=1006", "line.lost"),
        ("WebSocketException: Connection was not upgraded to websocket, HTTP code: 401", "line.failed"),
        ("openai error: Cancellation failed: no active response found", "error"),
    ],
)
def test_sentences_become_evidence(line: str, kind: str) -> None:
    assert kind in kinds(line)


@each("line", ["", "heartbeat ok", "GET /api/session 200 12ms", "rendered 60 frames", "你好，世界"])
def test_other_sentences_say_nothing(line: str) -> None:
    assert kinds(line) == []


def unbounded_inside_unbounded(tree: Any, *, inside: bool = False) -> bool:
    """Whether a repeat without end holds another one: the shape that lets a pattern search for ever."""
    for kind, argument in tree:
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            endless = argument[1] is sre.MAXREPEAT
            if (endless and inside) or unbounded_inside_unbounded(argument[2], inside=inside or endless):
                return True
        elif kind is sre.SUBPATTERN:
            if unbounded_inside_unbounded(argument[3], inside=inside):
                return True
        elif kind is sre.BRANCH and any(unbounded_inside_unbounded(one, inside=inside) for one in argument[1]):
            return True
    return False


def test_no_pattern_can_search_for_ever() -> None:
    known = [one for module in (phrases, narration) for one in vars(module).values()]
    patterns = [one.pattern if isinstance(one, phrases.Phrase) else one for one in known]
    patterns = [one for one in patterns if isinstance(one, re.Pattern)]
    assert len(patterns) > 20
    for one in patterns:
        assert not unbounded_inside_unbounded(sre_parser.parse(one.pattern, one.flags)), one.pattern[:80]


PHRASES = {name: one for name, one in vars(phrases).items() if isinstance(one, phrases.Phrase)} | {"any": ANY_SAYING}


@pytest.mark.parametrize("name", PHRASES)
@settings(max_examples=settings().max_examples // 8)
@given(data=strategies.data())
def test_a_phrase_finds_whatever_its_pattern_matches(name: str, data: strategies.DataObject) -> None:
    phrase = PHRASES[name]
    said = data.draw(strategies.from_regex(phrase.pattern, alphabet=strategies.characters(max_codepoint=126)))
    assert (phrase.search(said) is None) == (phrase.pattern.search(said) is None)


def test_a_phrase_knows_words_it_cannot_do_without() -> None:
    assert phrases.Phrase(r"\bdrop(?:ped|s)? (?:the )?(?:line|call)\b|连接(?:已)?断开").words == ("drop", "连接")
    assert phrases.Phrase(r"\d+|line").words == ()
    assert all(phrase.words for phrase in PHRASES.values())


def test_a_phrase_of_two_words_is_not_searched_where_one_of_them_is_repeated() -> None:
    phrase = phrases.Phrase("(?:mic|audio).{0,40}?(?:muted|closed)|unmuted")
    phrase.pattern = None  # type: ignore[assignment]
    assert phrase.search("mic " * 90) is None
    assert phrase.search("closed " * 90) is None
    with pytest.raises(AttributeError):
        phrase.search("closed the mic")

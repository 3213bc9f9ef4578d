"""The microphone, the assistant's own voice, pieces of sentences, and what was written down."""

from __future__ import annotations

from tests.insight.session_log import (
    EITHER,
    Case,
    Row,
    answered,
    beta_session,
    came,
    diagnosed,
    done,
    ga_session,
    heard,
    here,
    opened,
    spoken,
    transcript,
)
from tests.support.each import each

FAILED = "conversation.item.input_audio_transcription.failed"
ASKED = spoken(1, "i1")
UNWRITTEN = spoken(1, "i1", None)
GATED = opened(0, ga_session(create_response=False))
OPEN = here(1, "mic.opened")
ECHO = here(5, "echo.self_heard", level_db=-10.0, delay=0.1, cancelled_db=3.0, mode="cancelled")
ALARM = [here(5, "barge_in.happened", voice_began_at=4.7), here(6.2, "notice", code="false_alarm")]
SUNNY = "the weather is sunny"


def over_the_answer(words: str) -> list[Row]:
    """The server cuts the answer off for what it writes down as these words."""
    return [
        *opened(),
        *ASKED,
        *answered(3.4, "r1", "The weather in Paris is sunny and warm today.", heard=False)[:3],
        heard(5.0, "i2"),
        done(5.1, "r1", "cancelled", "turn_detected"),
        came(6.5, "input_audio_buffer.speech_stopped", item_id="i2", audio_end_ms=6500),
        came(6.5, "input_audio_buffer.committed", item_id="i2"),
        transcript(6.9, "i2", words),
    ]


def pieces(gap: float, clock: bool) -> list[Row]:
    """A sentence in three pieces; with the server's clock, or without."""
    rows: list[Row] = []
    for n in range(3):
        start = 1 + n * (0.8 + gap)
        marks = ({"audio_start_ms": start * 1000}, {"audio_end_ms": (start + 0.8) * 1000}) if clock else ({}, {})
        rows += [
            came(start, "input_audio_buffer.speech_started", item_id=f"i{n}", **marks[0]),
            came(start + 0.8, "input_audio_buffer.speech_stopped", item_id=f"i{n}", **marks[1]),
            came(start + 0.81, "input_audio_buffer.committed", item_id=f"i{n}"),
        ]
    return rows


def coughed_over(t: float, n: int, words: str | None = ".", seconds: float = 0.4) -> list[Row]:
    """An answer that a cough cuts off, which the server takes for speech."""
    cough = spoken(t + 3.2, f"n{n}", words, seconds)
    cut = done(t + 3.25, f"r{n}", "cancelled", "turn_detected")
    return [*spoken(t, f"i{n}"), *answered(t + 2.4, f"r{n}", heard=False)[:3], cough[0], cut, *cough[1:]]


def turns(count: int) -> list[Row]:
    """Turns of which nothing is written down."""
    each = (8 * n for n in range(count))
    return [row for t in each for row in (*spoken(1 + t, f"i{t}", None), *answered(3.4 + t, f"r{t}"))]


def not_written(code: str) -> list[Row]:
    error = {"code": code, "message": "no"}
    return [*opened(), *UNWRITTEN, came(3.4, FAILED, item_id="i1", error=error), *answered(3.5, "r1")]


LATE = [*opened(), *UNWRITTEN, *answered(3.4, "r1")]


def closed_for_answer(is_heard: bool) -> list[Row]:
    """The mic closes for an answer, and stays closed."""
    answer = answered(3.4, "r1", heard=is_heard)
    return [*opened(), here(0.5, "mic.opened"), *ASKED, *answer[:3], here(4.0, "mic.closed"), *answer[3:]]


def reopened_at_done(is_heard: bool, *before: Row) -> list[Row]:
    """The same, and it opens at response.done."""
    rows = closed_for_answer(is_heard)
    at = next(n for n, row in enumerate(rows) if row[2]["type"] == "response.done") + 1
    return [*rows[:at], *before, here(4.45, "mic.opened"), *rows[at:]]


PRESSES = [
    *(here(1, "talk.pressed"), here(1, "mic.opened"), here(3.0, "talk.released"), here(3.2, "mic.closed")),
    *answered(3.4, "r1")[:5],
    *(here(5.0, "talk.pressed"), here(5.0, "playback.flushed"), here(5.0, "mic.opened")),
    *(here(6.0, "talk.released"), here(6.2, "mic.closed")),
]
NO_INTERRUPTION = opened(0, ga_session(interrupt_response=False))


def heard_itself(is_heard: bool, *before: Row) -> list[Row]:
    """The mic is open over the answer, and the server hears something."""
    answer = answered(3.4, "r1", heard=is_heard)[:4]
    return [here(0.5, "mic.opened"), *ASKED, *answer, *before, heard(5.2, "i2")]


CASES = [
    *(Case(f"a microphone of zeros: {told[2]['type']}", (opened(), OPEN, told), "mic-silent")
      for told in (here(6, "mic.flat", seconds=5.0), here(6, "notice", code="mic_flat", level="warning", text="x"))),
    Case("a microphone of zeros that speaks", (opened(), OPEN, here(6, "mic.flat", seconds=5.0), here(9, "mic.live")),
         "mic-silent", is_over=True),
    Case("another notice and a quiet room", (opened(), OPEN, here(6, "notice", code="device_back")), until=600),
    Case("our own echo detector", (opened(), ECHO), "self-echo"),
    Case("our own echo detector, then headphones", (opened(), ECHO, here(8, "echo.changed", echo="headphones")),
         "self-echo", is_over=True),
    Case("a transcript of the answer's own words", (over_the_answer("in Paris is sunny and"),), "self-echo",
         timed=EITHER),
    *(Case(f"a barge-in is no echo: {words}", (over_the_answer(words),))
      for words in ("and what about London tomorrow", "Paris", "stop")),
    Case("the assistant repeated after its end", (opened(), ASKED, answered(3.4, "r1", SUNNY), spoken(9, "i2", SUNNY))),
    Case("a sentence in three pieces", (opened(), pieces(0.4, True)), "segments-too-short", "it is 500 now"),
    Case("a sentence in three pieces, without the audio clock", (opened(), pieces(0.4, False)), "segments-too-short",
         "it is 500 now"),
    Case("a sentence in three pieces, by the audio clock alone", (opened(), pieces(0.4, True)), "segments-too-short",
         timed=(False,)),
    Case("three lone words with pauses", (opened(), pieces(2.0, True))),
    Case("an answer cut by a cough: once", (opened(), coughed_over(1, 1)), timed=EITHER),
    Case("answers cut again by coughs", (opened(), coughed_over(1, 1), coughed_over(9, 2)), "barge-in-too-eager",
         timed=EITHER),
    Case("an answer cut by a click that got no transcript",
         (opened(), coughed_over(1, 1, None, 0.3)), "barge-in-too-eager"),
    Case("our own false alarm: once", (opened(), ALARM)),
    Case("our own false alarms", (opened(), ALARM, ALARM), "barge-in-too-eager"),
    *(Case(f"an answer to a sound without words: {words!r}", (opened(), spoken(1, "i1", words), answered(3.4, "r1")),
           "empty-transcript", timed=EITHER) for words in ("", "。…", " - ")),
    Case("an empty transcript without an answer: once", (GATED, spoken(1, "i1", ""))),
    Case("empty transcripts without an answer", (GATED, spoken(1, "i1", ""), spoken(9, "i2", "")), "empty-transcript"),
    *(Case(f"a word of any script: {words}", (opened(), spoken(1, "i1", words), answered(3.4, "r1")))
      for words in ("好", "нет", "7", "ok")),
    *(Case(f"transcription off: turn {count}", (opened(0, session), turns(count)), code, severity="info")
      for session in (ga_session(transcription=None), beta_session(input_audio_transcription=None))
      for count, code in ((1, ""), (2, "transcription-off"))),
    Case("transcription off, and the client waits for it",
         (opened(0, ga_session(transcription=None, create_response=False)), UNWRITTEN), "transcription-off",
         severity="error"),
    *(Case(f"a failed transcription: {code}", (not_written(code),), "transcription-failed")
      for code in ("audio_unintelligible", "model_not_found")),
    Case("a failed transcription, and one that succeeds", (not_written("model_not_found"), spoken(9, "i2")),
         "transcription-failed", is_over=True),
    Case("a transcript after 6 s", (LATE, transcript(9.0, "i1", "hello")), "transcription-late"),
    Case("no transcript for 6 s", (LATE,), "transcription-late", until=9.0),
    Case("a transcript after 4.5 s", (LATE, transcript(7.5, "i1", "hello"))),
    Case("a late transcript, then a quick one", (LATE, transcript(9.0, "i1", "hello"), spoken(12, "i2")),
         "transcription-late", is_over=True),
    *(Case("a mic that stays closed after the answer", (closed_for_answer(is_heard),), code, until=until)
      for is_heard in EITHER for until, code in ((9, ""), (12, "mic-never-reopened"))),
    Case("a mic that stays closed, without times",
         (closed_for_answer(False), [came(0, "rate_limits.updated")] * 9), "mic-never-reopened", timed=(False,)),
    Case("an excerpt may end with a closed mic", (closed_for_answer(False),), timed=(False,)),
    Case("a mic that opens late",
         (closed_for_answer(True), came(12, "rate_limits.updated"), here(13, "mic.opened")), "mic-never-reopened",
         is_over=True),
    Case("push-to-talk keeps the mic closed between presses", (opened(0, ga_session(vad=None)), PRESSES), until=60),
    *(Case("a mic opened at response.done", (reopened_at_done(is_heard),), "mic-reopened-too-early", "response.done",
           timed=EITHER) for is_heard in EITHER),
    Case("a mic opened by a barge-in",
         (reopened_at_done(True, here(4.4, "barge_in.happened", voice_began_at=4)),)),
    Case("a mic opened after the sound", (closed_for_answer(True), here(7.4, "mic.opened")), until=30),
    *(Case("a mic open over the answer, where the server must not interrupt", (NO_INTERRUPTION, heard_itself(is_heard)),
           "mic-open-during-playback") for is_heard in EITHER),
    *(Case("a mic open over the answer, where the server interrupts", (opened(), heard_itself(is_heard)))
      for is_heard in EITHER),
    *(Case("a mic closed over the answer", (NO_INTERRUPTION, heard_itself(is_heard, here(4.0, "mic.closed"))))
      for is_heard in EITHER),
]  # fmt: skip


@each("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_with_hearing_is_named_and_nothing_else(case: Case) -> None:
    case.verify()


@each("act", ["mute.chosen", "pause.toggled", "turn_mode.chosen", "device.lost", "line.lost", "end.asked"])
def test_a_mic_closed_by_the_user_or_a_loss_is_no_finding(act: str) -> None:
    found = diagnosed(closed_for_answer(True), here(7.2, act), until=60).values()
    assert "mic-never-reopened" not in [one.code for one in found if not one.resolved]

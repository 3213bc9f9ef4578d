"""Am I being heard? Every state of the microphone has its own answer, and a closed one its way out."""

from __future__ import annotations

from typing import get_args

from msgspec import structs
from msgspec.structs import replace
from rich.cells import cell_len

from tests.support.each import each
from tests.support.scenes import FREE, MICS, OPEN, PTT
from voicechat.core.view import MicState, ReplyState, ReplyView, View
from voicechat.ui.bindings import spoken_keys
from voicechat.ui.wording import Scene, mic_words, reply_words


def scene(view: View, **more: object) -> Scene:
    return replace(Scene(view.mic, view.reply, view.connection, release="true", can_wait=True), **more)


WORDS = {
    "held": (
        "● ON AIR",
        "push-to-talk · let go of Space to send",
        "talking for 1.0 s · release noticed at once",
    ),
    "remote": (
        "● ON AIR · COMMAND",
        "opened by a command (voicechat ctl) · closes in 27 s",
        "Space keeps it open · m mutes",
    ),
    "flat": (
        "● ON AIR",
        "no sound from the microphone for 5 s",
        "does Blue Yeti have its own mute switch? · d devices",
    ),
    "too-loud": ("● ON AIR", "too loud: 9 % clipped", "lower the input level of Blue Yeti"),
    "paused": ("○ MIC PAUSED", "paused by you · Space resumes", "Built-in Mic · echo cancelling on · barge-in on"),
    "keeping": (
        "◉ KEEPING 2.1 s",
        "not sent yet: still connecting",
        "what you say now (up to 10 s) is sent once connected",
    ),
    "line-lost": (
        "▲ MIC CLOSED",
        "connection lost 3.1 s ago · reconnecting",
        "r reconnects now · the conversation is kept",
    ),
    "device-lost": (
        "▲ MIC LOST",
        "Blue Yeti was lost · switching to another in 2 s",
        "d chooses · k keeps waiting for it",
    ),
    "unknown": ("▲ MIC UNKNOWN", "the audio engine has not responded for 4 s", "what you say may not be heard"),
}
"""Badge, what is going on, and the way out of it, where these are put together."""


@each("state", get_args(MicState))
def test_every_state_of_the_microphone_says_what_goes_on_and_the_way_out(state: str) -> None:
    words = mic_words(scene(MICS[state](), clipped=0.09))
    made = (f"{words.glyph} {words.badge}", words.sentence, words.second)
    assert all(made) and not any("{" in text or text.endswith(" · ") for text in made)
    assert made == WORDS.get(state, made)


@each("state", get_args(MicState))
def test_on_air_stands_only_where_samples_leave_and_sentences_fit_a_normal_deck(state: str) -> None:
    view = MICS[state]()
    words = mic_words(scene(view))
    assert ("ON AIR" in words.badge) == view.mic.is_on_air
    assert cell_len(words.sentence) <= 57 or state == "unfocused"
    assert cell_len(words.badge) <= 20


def test_mic_without_speech_yet_says_it_waits_for_your_voice() -> None:
    waiting = structs.replace(FREE, lamps=("yes", "yes", "waiting"))
    assert mic_words(scene(View(mic=waiting, connection=OPEN))).sentence == "open mic · waiting for your voice"


@each(
    ("release", "idle", "held"),
    [
        ("true", "push-to-talk: hold Space to speak", "push-to-talk · let go of Space to send"),
        (
            "guessed",
            "push-to-talk: hold Space, or tap it, to speak",
            "push-to-talk · let go of Space to send, or tap again",
        ),
    ],
)
def test_push_to_talk_tells_of_taps_only_where_a_release_is_not_reported(release: str, idle: str, held: str) -> None:
    for state, sentence in (("idle", idle), ("held", held)):
        assert mic_words(scene(MICS[state](), release=release)).sentence == sentence


@each(("state", "way_out"), [("idle", "hold Space"), ("muted", "m unmutes"), ("paused", "Space resumes")])
def test_a_voice_into_a_microphone_that_you_closed_is_told_with_the_key_that_opens_it(state: str, way_out: str) -> None:
    view = MICS[state]()
    words = mic_words(scene(replace(view, mic=replace(view.mic, speaks_while_closed=True))))
    assert words.sentence == f"you are speaking, but the mic is closed · {way_out}" and words.tone == "warning"


def test_sentences_name_the_keys_in_force() -> None:
    words = mic_words(scene(View(mic=PTT, connection=OPEN), keys=spoken_keys({"vc.ptt": "f5"})))
    assert words.sentence == "push-to-talk: hold F5 to speak"


REPLIES = {
    "listening": "▸ listening 1.0 s",
    "finished": "○ finished · 1.0 s heard",
    "cut": "╳ rate limit at 1.0 s",
    "cancelled-at-birth": "╳ cancelled at start · F2 why",
    "failed": "✕ failed: rate limit",
    "no-answer": "▲ no answer · r asks again",
}


@each("state", get_args(ReplyState))
def test_every_state_of_the_answer_has_its_words(state: ReplyState) -> None:
    words = reply_words(scene(View(reply=ReplyView(state, 1.0, "rate limit"), connection=OPEN)))
    made = f"{words.glyph} {words.text}"
    assert words.text and "{" not in made and made == REPLIES.get(state, made)


@each(
    ("state", "text"),
    [
        ("speaking", "○ written, not heard"),
        ("finishing", "○ written, not heard"),
        ("finished", "○ finished · not heard"),
    ],
)
def test_the_deck_never_says_speaking_or_heard_without_a_loudspeaker(state: ReplyState, text: str) -> None:
    words = reply_words(scene(View(reply=ReplyView(state, 1.0, unheard=True), connection=OPEN)))
    assert f"{words.glyph} {words.text}" == text


def test_a_late_answer_is_marked() -> None:
    late = reply_words(scene(View(reply=ReplyView("ready", last_latency=1.31), connection=OPEN)))
    soon = reply_words(scene(View(reply=ReplyView("speaking", last_latency=0.38), connection=OPEN)))
    assert (late.second, soon.second) == ("▲ answered in 1.31 s", "answered in 380 ms")


@each(("state", "words"), [("thinking", "about to speak"), ("speaking", "is speaking"), ("finishing", "is speaking")])
def test_deck_says_speaking_only_after_the_first_audible_sample(state: ReplyState, words: str) -> None:
    for mic in (MICS["half-duplex"]().mic, MICS["barge-in-ready"]().mic):
        assert words in mic_words(scene(View(mic=mic, reply=ReplyView(state, 1.0), connection=OPEN))).sentence

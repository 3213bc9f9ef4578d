"""Am I being heard? Every state of the microphone has its own answer, and a closed one its way out."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from rich.cells import cell_len

from tests.support.each import each
from tests.support.scenes import FREE, MICS, OPEN, PTT
from voicechat.core.view import MicState, ReplyState, ReplyView, View
from voicechat.ui.bindings import spoken_keys
from voicechat.ui.wording import Scene, mic_words, reply_words


def scene(view: View, **more: object) -> Scene:
    return replace(Scene(view.mic, view.reply, view.connection, release="true", can_wait=True), **more)  # type: ignore[arg-type]


WORDS = {
    "held": ("● ON AIR", "release it to send", "sending 1.0 s"),
    "latched": ("● ON AIR · LATCHED", "press Space to stop", "8 s of silence or 2:00"),
    "tail": ("● ON AIR · TAIL", "sending your last words", "as one turn"),
    "hands-free": ("● ON AIR", "open mic · marin hears you", "barge-in on"),
    "remote": ("● ON AIR · REMOTE", "voicechat ctl · 27 s left", "m mutes"),
    "flat": ("● ON AIR", "flat for 5 s", "does Blue Yeti have its own mute switch? · d devices"),
    "too-loud": ("● ON AIR", "9 % clipped", "lower the input level of Blue Yeti"),
    "muted": ("○ MUTED", "m opens it again", "Space does not override a mute"),
    "paused": ("○ MIC PAUSED", "Space opens it again", "echo cancel on"),
    "barge-in-ready": ("◐ MIC READY", "talk over it to cut in", "Esc stops the answer"),
    "half-duplex": ("○ MIC CLOSED", "opens 0.3 s after the last sound", "b turns it on · Esc stops the answer"),
    "restoring": ("○ MIC CLOSED", "opens in 0.3 s", "the last echo"),
    "idle": ("○ MIC CLOSED", "hold Space to speak", "Space: true hold"),
    "thinking": ("○ MIC CLOSED", "marin is thinking · cut in any time", "hold Space to speak"),
    "no-line": ("○ MIC CLOSED", "your first words are kept", "hold Space now"),
    "keeping": ("◉ KEEPING 2.1 s", "not sent yet", "is sent first, up to 10 s"),
    "configuring": ("○ MIC CLOSED", "waiting for the server to accept", "opens then"),
    "line-lost": ("▲ MIC CLOSED", "connection lost 3.1 s ago · reconnecting", "r tries now"),
    "device-lost": ("▲ MIC LOST", "Blue Yeti was lost · using another in 2 s", "d chooses · k keeps waiting for it"),
    "no-microphone": ("✕ NO MICROPHONE", "the system refuses access", "i · d picks a device · r tries again"),
    "budget-spent": ("▲ MIC CLOSED", "budget of $2.00 is spent · : and continue goes on", "larger voicechat --budget"),
    "unfocused": ("○ MIC CLOSED", "lost the keyboard", "hold Space again"),
    "unknown": ("▲ MIC UNKNOWN", "the engine does not respond · 4 s", "may not be heard"),
    "ended": ("○ MIC CLOSED", "the session is over", "press : and write new"),
}
"""Badge, what is going on, and the way out of it."""


@each("state", get_args(MicState))
def test_every_state_of_the_microphone_says_what_goes_on_and_the_way_out(state: str) -> None:
    words = mic_words(scene(MICS[state](), clipped=0.09))
    badge, cause, cure = WORDS[state]
    assert f"{words.glyph} {words.badge}" == badge
    assert cause in words.sentence and cure in words.second


@each("state", get_args(MicState))
def test_on_air_stands_only_where_samples_leave_and_sentences_fit_a_normal_deck(state: str) -> None:
    view = MICS[state]()
    words = mic_words(scene(view))
    assert ("ON AIR" in words.badge) == view.mic.is_on_air
    assert cell_len(words.sentence) <= 57 or state == "unfocused"
    assert cell_len(words.badge) <= 20


def test_mic_without_speech_yet_says_it_waits_for_your_voice() -> None:
    waiting = replace(FREE, lamps=("yes", "yes", "waiting"))
    assert mic_words(scene(View(mic=waiting, connection=OPEN))).sentence == "open mic · waiting for your voice"


def test_sentences_name_the_keys_in_force() -> None:
    words = mic_words(scene(View(mic=PTT, connection=OPEN), keys=spoken_keys({"vc.ptt": "f5"})))
    assert words.sentence == "push-to-talk: hold F5 to speak"


REPLIES = {
    "ready": "○ ready",
    "listening": "▸ listening 1.0 s",
    "waiting": "◌ waiting for your turn",
    "thinking": "◌ thinking 1.0 s",
    "speaking": "♪ speaking 1.0 s",
    "finishing": "♪ finishing",
    "finished": "○ finished · 1.0 s heard",
    "cut": "╳ rate limit at 1.0 s",
    "stopped": "╳ stopped by you",
    "cancelled-at-birth": "╳ cancelled at start: F2 why",
    "failed": "✕ failed: rate limit",
    "incomplete": "▲ incomplete: rate limit",
    "no-answer": "▲ no answer · r asks again",
    "no-session": "○ no session",
}


@each("state", get_args(ReplyState))
def test_every_state_of_the_answer_has_its_words(state: ReplyState) -> None:
    words = reply_words(scene(View(reply=ReplyView(state, 1.0, "rate limit"), connection=OPEN)))
    assert f"{words.glyph} {words.text}" == REPLIES[state]


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
    assert (late.second, soon.second) == ("last answer ▲ +1.31 s", "first sound +380 ms")

"""Every number of the turn rules, with its unit and its reason.

A policy is a frozen record given to `step`; nothing else in the core holds a number. What the user switches while
talking (turn mode, barge-in) is state, not policy. Allowed ranges are those of the
rule book: first figure the default, brackets the range a setting may take.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

TurnMode = Literal["hands-free", "push-to-talk", "transcribe"]
"""transcribe: hands-free, and what is said is only written down; nobody answers."""
PresetName = Literal["balanced", "steady", "quick"]


class TurnPolicy(Struct, frozen=True):
    """How this conversation takes turns. All durations are seconds."""

    mic_open_during_playback: bool = False
    """Preset `quick` alone: the mic stays open and the server interrupts (R1, R9)."""
    reply_to_transcript_only: bool = False
    """The client decides when to answer: `create_response` is false and R13 applies."""

    reopen_delay: float = 0.3
    """R2 [0-0.5]: the last echo fades before the mic opens again."""
    drained_silence: float = 0.6
    """R2 [0.3-0.8]: loudspeaker silence that, after response.done, counts as the end of the sound (WebRTC)."""
    inaudible_limit: float = 2.0
    """R2, R4: so long without an audible sample reopens the mic whatever was said."""

    min_playback: float = 1.2
    """R7 [0-5]: nobody interrupts a first syllable."""
    min_voice: float = 0.25
    """R7 [0.1-0.6]: a cough is not an interruption."""
    cold_echo_extra_voice: float = 0.2
    """R7: added while the echo canceller is cold (it leaks at first), and for a voice that its echo would explain."""
    cold_echo_for: float = 2.0
    """R7: far-end audio for so long makes the canceller warm."""
    duck_after: float = 0.1
    """R7: playback may be ducked from so much voice on."""
    pre_roll: float = 0.3
    """R6, R7: what is kept from before the press or before the voice began."""
    late_notice: float = 0.35
    """R7: over an echo a voice is noticed up to so much later than it began; the path drops what is too much."""
    false_alarm_after: float = 1.0
    """R11: a grant with no transcript and no further voice for so long was noise."""

    talk_tail: float = 0.2
    """R6: release closes the mic so much later; sound and events race."""
    tap_limit: float = 0.25
    """R6: released sooner, the press was a tap and latches."""
    release_grace: float = 0.25
    """R6: an inferred release may be taken back within this time."""
    latch_silence: float = 8.0
    """R6: a latch ends by itself after so much silence."""
    max_talk: float = 120.0
    """R6: a latch ends after two minutes whatever happens."""
    clear_answer_limit: float = 0.3
    """R6: so long the pre-roll waits for input_audio_buffer.cleared (WebRTC, turns ours)."""

    min_turn: float = 0.1
    """R18: less audio than this is cleared, not committed."""
    commit_voice: float = 0.9
    """R17 [0.3-1.5]: so much voice makes a segment that is committed at once after the silence."""
    commit_silence: float = 0.5
    """R17 [0.2-2]: silence that ends a segment."""
    join_within: float = 1.2
    """R17 [0.5-3]: a short segment waits so long for company."""
    shortest_voice: float = 0.25
    """R17: below this it was a click and is cleared."""
    commit_after_stop: float | None = None
    """R19: a provider quirk; no `committed` so long after speech_stopped means that the service waits for us."""

    answer_limit: float = 8.0
    """R15: no response.created for so long frees the slot."""
    stall_limit: float = 10.0
    """An active response of which neither an event nor sound came for so long has stalled; `again` asks anew."""
    transcript_limit: float = 5.0
    """R13: no transcript so long after the commit: the turn waits for the user."""
    created_limit: float = 2.0
    """So long we wait for session.created to tell the dialect; then the first update goes out in GA."""
    configured_limit: float = 5.0
    """R21: so long we wait for session.updated."""
    setting_delay: float = 0.3
    """A changed setting is sent when it has rested for so long: a slider makes one update, not twenty."""
    drain_limit: float = 1.0
    """R6: so long a commit waits to hear that the last sample has left."""
    retry_waits: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
    """R27: before each new try; the last one for ever after."""
    retry_jitter: float = 0.15
    """R27: each wait is up to this share longer or shorter, or a thousand clients would come back in one moment."""
    loopback_wait: float = 1.0
    """R27: longest wait for a server on this machine."""
    quiet_retries: int = 3
    """A local server that is still starting is tried again so often before the user is told."""
    steady_after: float = 10.0
    """A line that was up for so long starts the waits from the beginning when it is lost."""
    explains_for: float = 5.0
    """A fatal error of the service so shortly before a loss is its reason."""
    tries_at_once: int = 3
    """New tokens or sessions in a row that may be over at once before somebody has to look at it."""
    session_warning: float = 300.0
    """R28: so long before the session's end the user is told, or a quarter of a short session."""
    session_pause: float = 1.0
    """R28: silence in which the session rolls over."""
    remembered_items: int = 64
    """R27: the newest turns that a new session is told."""
    remembered_bytes: int = 32_768
    unsent_limit: float = 2.0
    """Speech that began while the mic was closed is sent if the mic opens so soon after it; else the user is told."""
    keep_before_line: float = 10.0
    """Speech kept while no line is up."""
    full_duplex: bool = False
    """The service listens while it speaks and stops by itself (GPT-Live): the mic stays open, and a voice over the
    answer silences it here at once as well."""
    history_at_start: bool = False
    """R27: the service takes the conversation so far with the session that begins, and not as items (GPT-Live)."""
    billed_by_time: bool = False
    """The session costs as long as it lasts, whoever speaks (GPT-Live): a spent budget ends it."""
    last_words: float = 10.0
    """Seconds that an answer may go on in such a session when the budget is spent."""
    lease: float = 30.0
    """Longest press that a control socket may hold without renewing it."""


class Preset(Struct, frozen=True):
    """R23: one named way of taking turns, every value written out."""

    name: PresetName | Literal["interpreter", "live-translation"]
    threshold: float
    prefix_padding: float
    silence_duration: float
    create_response: bool
    interrupt_response: bool
    barge_in: bool
    mic_open_during_playback: bool
    reply_to_transcript_only: bool
    transcription: bool
    reopen_delay: float
    processing: bool
    """Echo cancellation, noise suppression and gain control."""


PRESETS: dict[PresetName, Preset] = {
    "balanced": Preset(
        name="balanced",
        threshold=0.5,
        prefix_padding=0.3,
        silence_duration=0.5,
        create_response=True,
        interrupt_response=False,
        barge_in=True,
        mic_open_during_playback=False,
        reply_to_transcript_only=False,
        transcription=True,
        reopen_delay=0.3,
        processing=True,
    ),
    "steady": Preset(
        name="steady",
        threshold=0.3,
        prefix_padding=0.3,
        silence_duration=0.3,
        create_response=False,
        interrupt_response=False,
        barge_in=False,
        mic_open_during_playback=False,
        reply_to_transcript_only=True,
        transcription=True,
        reopen_delay=0.4,
        processing=True,
    ),
    "quick": Preset(
        name="quick",
        threshold=0.5,
        prefix_padding=0.3,
        silence_duration=0.2,
        create_response=True,
        interrupt_response=True,
        barge_in=True,
        mic_open_during_playback=True,
        reply_to_transcript_only=False,
        transcription=True,
        reopen_delay=0.3,
        processing=True,
    ),
}


def policy_for(preset: Preset) -> TurnPolicy:
    """The numbers of a preset. What the user can change while talking lives in `state.Choices`."""
    return TurnPolicy(
        mic_open_during_playback=preset.mic_open_during_playback,
        reply_to_transcript_only=preset.reply_to_transcript_only,
        reopen_delay=preset.reopen_delay,
    )

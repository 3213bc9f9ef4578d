"""Turn taking out of sound alone: two tracks of levels, the user's and the assistant's, say who spoke when.

No event is needed, so any stereo recording of a conversation can be judged: how long an answer was waited for, how soon
the assistant yields to a voice, whether a cough stopped it, whether it talks over the user or begins in the middle of a
sentence. Pure: levels come in as bytes of dBFS, one a `FRAME`; times are seconds of the recording.

Where the sound of a tape and its events tell two different stories; both are in seconds of the session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from voicechat.insight.records import Evidence, Finding, Record, found

FRAME = 0.01
"""Seconds a level stands for."""
SILENT = -90
"""dBFS below which there is no sound at all."""
QUIETEST = -55
"""dBFS: what stays below is nobody's speech, however quiet the room is."""
OVER_NOISE = 9
"""dB over the noise of the track from which it is sound of somebody."""
UNDER_SPEECH = 32
"""dB below the track's loud speech down to which it is still speech."""
PAUSE = 0.25
"""Seconds of a pause inside a phrase."""
SHORTEST = 0.05
"""Seconds; shorter sounds are clicks of the line."""
BREATH = 0.45
"""Seconds of a pause inside an answer."""
WORD = 0.6
"""Seconds: a shorter sound over an answer is a cough or an "mm-hmm", which is no wish to speak."""
UTTERANCE = 0.25
"""Seconds: a shorter sound of the user asks for no answer."""
YIELDS_WITHIN = 1.0
"""Seconds from the first sound of a voice to the end of the answer it stops."""
TALKS_OVER = 1.3
"""Seconds of both speaking at once from which the assistant did not yield."""
SLOW = 2.0
"""Seconds from the user's last sound to the answer; people wait 0.2 s for one another, and ask again after 2."""
DEAD = 5.0
"""Seconds in which nobody says anything although an answer is due."""
RESUMES = 0.7
"""Seconds after an answer began in which the user goes on with the sentence it cut."""
LONGEST_HESITATION = 1.6
"""Seconds of a pause inside a sentence."""
ECHO_LAG = 40
"""Frames by which an echo may come later than the loudspeaker's sound."""
ECHO_SPREAD = 6
"""dB by which the difference of the two tracks may vary where one is the other's echo."""
ECHO_MARGIN = 5
"""dB over the echo's own level that are still echo."""
MOST_LOOKED_AT = 3000
FEWEST_LOUD = 100
"""Frames in which the assistant is loud."""

What = Literal["wait", "dead air", "yield", "false yield", "talk-over", "early"]


@dataclass(frozen=True, slots=True)
class Span:
    """Somebody is heard, from `start` to `end` seconds."""

    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Moment:
    """Something between the two, at `at`: a wait, a yield or one of the faults; `seconds` is how long it took."""

    what: What
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """What two tracks tell."""

    seconds: float
    user: tuple[Span, ...]
    assistant: tuple[Span, ...]
    """Phrases; a pause of more than `PAUSE` ends one."""
    echoes: tuple[Span, ...]
    """Sound in the user's track that is the assistant's."""
    moments: tuple[Moment, ...]

    def of(self, *kinds: What) -> list[Moment]:
        """Moments of some kinds, in order."""
        return [one for one in self.moments if one.what in kinds]


def turn_taking(user: bytes, assistant: bytes) -> TurnTaking:
    """Who spoke when, and what happened between them. Signed bytes of dBFS, one a frame, of either track."""
    mine, theirs = _levels(user), _levels(assistant)
    said = speech(theirs)
    echoes: list[Span] = []
    least = threshold(mine)
    if (leak := _leak(mine, theirs, noise_of(mine))) is not None:
        mine, echo = _without_echo(mine, theirs, leak)
        echoes = spans_over(echo, least)
    voice = spans_over(mine, least)
    answers = _joined(said, BREATH)
    moments = sorted(_moments(voice, answers, len(mine) * FRAME), key=lambda one: one.at)
    return TurnTaking(len(mine) * FRAME, tuple(voice), tuple(said), tuple(echoes), tuple(moments))


def speech(levels: Sequence[int]) -> list[Span]:
    """Phrases of one track, by level alone."""
    return spans_over(levels, threshold(levels))


def noise_of(levels: Sequence[int]) -> int:
    """dBFS of the track where nobody speaks; `SILENT` for a track with true silence in it."""
    heard = sorted(levels)
    return max(SILENT, heard[len(heard) // 10]) if heard else SILENT


def threshold(levels: Sequence[int]) -> int:
    """dBFS from which a frame is somebody's sound."""
    heard = sorted(level for level in levels if level > SILENT)
    if not heard:
        return 0
    loud = heard[int(len(heard) * 0.95)]
    return max(QUIETEST, loud - UNDER_SPEECH, min(noise_of(levels) + OVER_NOISE, loud - OVER_NOISE))


def spans_over(levels: Sequence[int], least: int) -> list[Span]:
    """Stretches of a track that are as loud as `least`, with pauses of up to `PAUSE` in them."""
    spans: list[Span] = []
    began: int | None = None
    last = 0
    for place, level in enumerate(levels):
        if level >= least:
            if began is None:
                began = place
            last = place
        elif began is not None and (place - last) * FRAME > PAUSE:
            spans.append(Span(began * FRAME, (last + 1) * FRAME))
            began = None
    if began is not None:
        spans.append(Span(began * FRAME, (last + 1) * FRAME))
    return [one for one in spans if one.length >= SHORTEST]


def _levels(track: bytes) -> list[int]:
    return [level - 256 if level > 127 else level for level in track]


def _joined(spans: Sequence[Span], gap: float) -> list[Span]:
    joined: list[Span] = []
    for one in spans:
        if joined and one.start - joined[-1].end <= gap:
            joined[-1] = Span(joined[-1].start, one.end)
        else:
            joined.append(one)
    return joined


@dataclass(frozen=True, slots=True)
class _Leak:
    """The assistant's sound comes back in the user's track: so many frames later, so many dB quieter (negative)."""

    frames: int
    gain: int


def _leak(mine: Sequence[int], theirs: Sequence[int], noise: int) -> _Leak | None:
    """At the right delay the two levels differ by nearly the same in all loud frames; None where they do not."""
    loud = sorted(level for level in theirs if level > SILENT)
    if not loud:
        return None
    least = loud[int(len(loud) * 0.6)]
    places = [place for place in range(ECHO_LAG, len(theirs) - ECHO_LAG) if theirs[place] >= least]
    places = places[:: max(1, len(places) // MOST_LOOKED_AT)]
    if len(places) < FEWEST_LOUD:
        return None
    best: tuple[int, _Leak] | None = None
    for lag in range(ECHO_LAG):
        apart = sorted(mine[place + lag] - theirs[place] for place in places)
        spread = apart[int(len(apart) * 0.6)] - apart[int(len(apart) * 0.15)]
        if best is None or spread < best[0]:
            best = (spread, _Leak(lag, apart[int(len(apart) * 0.35)]))
    assert best is not None
    spread, leak = best
    is_heard = loud[int(len(loud) * 0.8)] + leak.gain > noise + OVER_NOISE / 2
    return leak if spread <= ECHO_SPREAD and is_heard else None


def _without_echo(mine: Sequence[int], theirs: Sequence[int], leak: _Leak) -> tuple[list[int], list[int]]:
    """The user's levels without frames that the echo explains, and those frames alone."""
    clean, echo = list(mine), [SILENT] * len(mine)
    for place, level in enumerate(mine):
        around = theirs[max(0, place - leak.frames - 2) : max(0, place - leak.frames + 3)]
        if around and level <= max(around) + leak.gain + ECHO_MARGIN:
            clean[place], echo[place] = SILENT, level
    return clean, echo


def _moments(voice: Sequence[Span], answers: Sequence[Span], seconds: float) -> Iterator[Moment]:
    early = {one.start: resumed for one in answers if (resumed := _resumed(one, voice)) is not None}
    for start, resumed in early.items():
        yield Moment("early", start, resumed.start - start)
    for one in voice:
        answer = next((answer for answer in answers if answer.start + RESUMES / 2 < one.start < answer.end - 0.1), None)
        if answer is not None and one not in early.values():
            yield from _over(one, answer)
    yield from _waits(voice, answers, seconds, early)


def _resumed(answer: Span, voice: Sequence[Span]) -> Span | None:
    """The user goes on with a sentence that an answer fell into."""
    before = [one for one in voice if one.end <= answer.start + 0.05]
    after = next((one for one in voice if one.start > answer.start - 0.1 and one.length >= UTTERANCE), None)
    if not before or after is None or after in before:
        return None
    pause = after.start - before[-1].end
    return after if after.start - answer.start <= RESUMES and pause <= LONGEST_HESITATION else None


def _over(voice: Span, answer: Span) -> Iterator[Moment]:
    """Somebody speaks, or coughs, while the assistant does."""
    stopped = answer.end - voice.start
    if voice.length < WORD:
        if stopped <= YIELDS_WITHIN:
            yield Moment("false yield", voice.start, stopped)
    elif stopped <= TALKS_OVER:
        yield Moment("yield", voice.start, stopped)
    elif min(answer.end, voice.end) - voice.start > TALKS_OVER:
        yield Moment("talk-over", voice.start, min(answer.end, voice.end) - voice.start)


def _waits(
    voice: Sequence[Span], answers: Sequence[Span], seconds: float, early: dict[float, Span]
) -> Iterator[Moment]:
    turns = [one for one in _joined(voice, BREATH) if one.length >= UTTERANCE]
    for place, turn in enumerate(turns):
        then = turns[place + 1].start if place + 1 < len(turns) else seconds
        if any(answer.start < turn.end < answer.end for answer in answers):
            continue
        answer = next((one for one in answers if one.start >= turn.end), None)
        if answer is not None and answer.start <= then:
            if answer.start in early:
                continue
            wait = answer.start - turn.end
            yield Moment("wait" if wait <= DEAD else "dead air", turn.end, wait)
        elif then - turn.end >= DEAD:
            yield Moment("dead air", turn.end, then - turn.end)


def sound_findings(told: TurnTaking) -> list[Finding]:
    """What is wrong with it, a finding for each kind of fault."""
    findings = []
    slow = [one for one in told.of("wait") if one.seconds > SLOW]
    for moments, code, title, cause, cure, confidence in (
        (
            told.of("dead air"), "no-response", "Nobody answered the user for {most:.1f} s.",
            "The turn was not taken, no answer was asked for, or its sound did not come.",
            "See whether the turn was committed and response.create or create_response followed it.", 0.85,
        ),
        (
            slow, "slow-first-sound", "An answer was waited for {most:.1f} s.",
            "The end of the turn is seen late, or the service is slow.",
            "Shorten turn_detection.silence_duration_ms (or use semantic_vad with high eagerness), and look at the "
            "service's own delay.", 0.9,
        ),
        (
            told.of("false yield"), "barge-in-too-eager", "A sound too short for a word stopped the assistant.",
            "A cough, a click or an “mm-hmm” counts as an interruption.",
            "Let only a voice of 250 ms or more cut in (interrupt_response false, and the client's own barge-in), or "
            "raise turn_detection.threshold.", 0.75,
        ),
        (
            told.of("talk-over"), "talk-over", "The assistant went on talking over the user for {most:.1f} s.",
            "Nothing stops the answer when the user speaks, or its sound plays on out of a buffer.",
            "Set turn_detection.interrupt_response true and clear what is queued at speech_started (WebRTC: "
            "output_audio_buffer.clear).", 0.9,
        ),
        (
            told.of("early"), "turn-ended-early", "The assistant began in the middle of the user's sentence.",
            "A pause inside the sentence counted as its end.",
            "Set turn_detection.silence_duration_ms to 700 or more, or use semantic_vad.", 0.85,
        ),
    ):  # fmt: skip
        if moments:
            most = max(one.seconds for one in moments)
            marks = tuple(Evidence(round(one.at * 1000), round(one.at, 3), f"{one.seconds:.2f} s") for one in moments)
            findings.append(
                found(
                    code, "warning", title.replace("{most:.1f}", f"{most:.1f}"), cause=cause, cure=cure,
                    evidence=marks, rests_on="two tracks of sound, no event", confidence=confidence, key="sound",
                )
            )  # fmt: skip
    if told.echoes:
        marks = tuple(
            Evidence(round(one.start * 1000), round(one.start, 3), f"{one.length:.2f} s") for one in told.echoes
        )
        findings.append(
            found(
                "self-echo", "warning", "The assistant's own voice is in the user's track.",
                cause="The microphone hears the loudspeaker, and nothing takes it out again.",
                cure="Headphones, echo cancellation, or a microphone that is shut while the assistant is audible.",
                evidence=marks, rests_on="two tracks of sound with the same envelope", confidence=0.85, key="sound",
            )
        )  # fmt: skip
    return findings


DISAGREES = "sound-disagrees"
PLAYED = ("assistant.audible", "output_audio_buffer.started")
ENDED = ("assistant.silent", "playback.flushed", "output_audio_buffer.stopped", "output_audio_buffer.cleared")
BEGAN = ("input_audio_buffer.speech_started", "talk.pressed")
STOPPED = ("input_audio_buffer.speech_stopped", "talk.released", "input_audio_buffer.committed")
LEAST_SOUND = 0.8
"""Seconds of sound; a shorter one may be a breath, a click or the edge of a word."""
LATE = 1.0
"""Seconds by which an event may be early or late against the sound."""


@dataclass(slots=True)
class Story:
    """What the events of a tape tell of sound."""

    answers: list[Span] = field(default_factory=list)
    turns: list[Span] = field(default_factory=list)
    """When the service heard speech or the user held the key; a commit without either takes all since the last one."""


def story_of(records: Iterable[Record]) -> Story:
    """When answers were played, and when speech was noticed."""
    told = Story()
    plays: float | None = None
    speaks: float | None = None
    now = committed = 0.0
    for record in records:
        now = record.t if record.t is not None else now
        if record.type in PLAYED:
            plays = now if plays is None else plays
        elif record.type in ENDED and plays is not None:
            told.answers.append(Span(plays, now))
            plays = None
        elif record.type in BEGAN:
            speaks = now if speaks is None else speaks
        elif record.type in STOPPED:
            if speaks is not None or now - committed > LATE:
                told.turns.append(Span(committed if speaks is None else speaks, now))
            speaks, committed = None, now
    told.answers += [Span(plays, now)] if plays is not None else []
    told.turns += [Span(speaks, now)] if speaks is not None else []
    return told


def disagreements(sound: TurnTaking, told: Story) -> list[Finding]:
    """A finding for each way in which they disagree; none where the events tell nothing of that side."""
    rows = (
        (
            "silent", told.answers, sound.assistant,
            "Events tell of {seconds:.1f} s of an answer, and its track is silent.",
            "The sound was lost on its way to the loudspeaker, or is muted; the transcript shows it as heard.",
            "Look at the loudspeaker's device and volume, and at what decodes the sound.",
        ),
        (
            "untold", sound.assistant if told.answers else (), told.answers,
            "The assistant is heard for {seconds:.1f} s where no event tells of it.",
            "Sound of an answer that was over or cut still lay in a buffer, or another program plays it.",
            "Clear what is queued when an answer is cancelled or cut.",
        ),
        (
            "unheard", sound.user if told.turns else (), told.turns,
            "The user speaks for {seconds:.1f} s, and no event takes notice of it.",
            "Turn detection missed it (too quiet, threshold too high, wrong rate), or nothing commits it.",
            "Lower turn_detection.threshold, raise the gain, check format and rate; without turn detection send "
            "input_audio_buffer.commit.",
        ),
    )  # fmt: skip
    findings = []
    for key, spans, others, title, cause, cure in rows:
        apart = [one for one in spans if one.length >= LEAST_SOUND and not _met(one, others)]
        if apart:
            marks = [Evidence(round(one.start * 1000), round(one.start, 3), f"{one.length:.2f} s") for one in apart]
            title = title.format(seconds=sum(one.length for one in apart))
            findings.append(
                found(
                    DISAGREES, "warning", title, cause=cause, cure=cure, evidence=tuple(marks),
                    rests_on="the tape's two tracks against its events", confidence=0.8, key=key,
                )
            )  # fmt: skip
    return findings


def _met(one: Span, others: Sequence[Span]) -> bool:
    return any(other.start - LATE < one.end and one.start < other.end + LATE for other in others)

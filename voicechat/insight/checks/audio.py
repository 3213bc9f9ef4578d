"""The assistant's audio: missing, cut off, in another format than was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from voicechat.insight.checks import check
from voicechat.insight.facts import UNKNOWN, Answer, value_at
from voicechat.insight.records import LOG_ENDED, Ended, Evidence, Finding, Record, elapsed, found, number, part, text
from voicechat.insight.refusals import failure_as
from voicechat.insight.session_model import USER_ACTS, SessionModel

ANSWER_WITHOUT_AUDIO = "answer-without-audio"
WORDS = {"text", "output_text"}
TEXT = {"response.output_text.delta", "response.output_text.done"}
SOUND = {"response.output_audio.delta", "response.output_audio_transcript.delta"}


WITHOUT_AUDIO: Mapping[str, tuple[str, str, str, float]] = {
    "": (
        "An answer came as text alone, although sound was asked for.",
        "The model went on in the form of the history: assistant items of type text, or many typed turns, lead it to "
        "answer in text.",
        "Put as few earlier answers as needed into the conversation, ask again with response.create and "
        'output_modalities ["audio"], and say in the instructions that it speaks.',
        0.85,
    ),
    "text": (
        "Answers come as text alone, so there is nothing to hear.",
        "The session or the response asks for text only (output_modalities; beta: modalities).",
        'Send session.update with output_modalities ["audio"] (beta: modalities ["audio", "text"]).',
        0.8,
    ),
    "client": (
        "The client says that an answer came without any sound.",
        "The answer was text alone, or the client does not know the events that bring sound "
        "(response.output_audio.delta; beta: response.audio.delta).",
        'Print response.done: with content of type text ask for output_modalities ["audio"]; with audio handle both '
        "names of the event.",
        0.8,
    ),
}
"""Title, cause, cure, how sure."""


def _without_audio(key: str, *marks: Evidence | None) -> Finding:
    title, cause, cure, confidence = WITHOUT_AUDIO[key]
    rests_on = "output_modalities names audio; an answer then has content of type output_audio"
    return found(
        ANSWER_WITHOUT_AUDIO,
        "warning",
        title,
        cause=cause,
        cure=cure,
        evidence=marks,
        rests_on=rests_on,
        confidence=confidence,
        key=key,
    )


@check(ANSWER_WITHOUT_AUDIO, "response.done", "client.failed", LOG_ENDED)
def answer_without_audio(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Did an answer come as text alone, although sound was asked for?"""
    if record.type == LOG_ENDED:
        yield from _silent_in_text(model)
        return
    if record.type == "client.failed":
        if (failure := failure_as(ANSWER_WITHOUT_AUDIO, model, record)) is not None:
            yield _without_audio("client", failure.at)
        return
    response = part(record.event, "response")
    if text(response, "status") != "completed" or not _asks_for_sound(model, response):
        return
    kinds = _content_kinds(response)
    answer = model.answers.get(text(response, "id")) or model.newest
    if kinds and kinds <= WORDS and (answer is None or not (answer.is_aside or answer.audio_seconds > 0)):
        yield _without_audio("", answer.created if answer else None, record.mark(text(response, "id")))


def _silent_in_text(model: SessionModel) -> Iterator[Finding]:
    """The writer of the log misses the sound, or the client has none to play, and all answers are text."""
    sorry, seen = model.sorry("silence") or model.sorry("no-reply"), model.witness.seen
    is_text = not seen.isdisjoint(TEXT) and seen.isdisjoint(SOUND)
    if sorry is not None and is_text:
        answer = model.newest
        yield _without_audio("text", model.configured.updated, answer.done if answer else None, sorry)


def _asks_for_sound(model: SessionModel, response: Mapping[str, object]) -> bool:
    for wished in (response.get("output_modalities"), response.get("modalities")):
        if isinstance(wished, list):
            return "audio" in wished
    wished = model.configured.value("output_modalities")
    return isinstance(wished, list) and "audio" in wished


def _content_kinds(response: Mapping[str, object]) -> set[str]:
    """Types of content in the messages of an answer."""
    output = response.get("output")
    items = [item for item in output[:20] if isinstance(item, Mapping)] if isinstance(output, list) else []
    contents = [item.get("content") for item in items if item.get("type") == "message"]
    pieces = [one for content in contents if isinstance(content, list) for one in content[:20]]
    return {text(one, "type") for one in pieces if isinstance(one, Mapping)}


AUDIO_FORMAT_MISMATCH = "audio-format-mismatch"
PLAIN = {"pcm16": ("pcm", 24_000), "g711_ulaw": ("ulaw", 8_000), "g711_alaw": ("alaw", 8_000)}
GA = {"audio/pcm": ("pcm", 24_000), "audio/pcmu": ("ulaw", 8_000), "audio/pcma": ("alaw", 8_000)}
SIDES = ("input", "output")

Format = tuple[str, int]
"""Codec and samples a second."""


@check(AUDIO_FORMAT_MISMATCH, "format.told", "session.created", "session.updated", LOG_ENDED)
def audio_format_mismatch(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Does the client send or play another kind of sound than the session was told?"""
    if "output_audio_buffer.started" in model.witness.seen or model.witness.is_ours:
        return  # WebRTC agrees on its formats by itself, and our own lines do
    if record.type == LOG_ENDED:
        yield from _sounds_wrong(model)
        return
    if record.type == "session.updated":
        yield from _not_as_asked(model, record)
        yield from _telephone_on_one_side(model, record)
    told = model.formats.get("input"), model.formats.get("output")
    for side, said in zip(SIDES, told, strict=True):
        in_force = format_of(value_at(model.configured.in_force, "audio", side, "format"))
        if said is None or in_force is None or model.configured.pending is not None:
            continue
        spoken = _spoken(said[1], in_force)
        if spoken != in_force:
            at = model.configured.updated or model.configured.created
            yield _audio_format_mismatch_finding(
                side, f"{_name(spoken)} is {'sent' if side == 'input' else 'played'}", in_force, at, said[0]
            )


def _sounds_wrong(model: SessionModel) -> Iterator[Finding]:
    """The writer of the log hears what bytes of another format sound like."""
    sorry = model.sorry("format")
    in_force = format_of(value_at(model.configured.in_force, "audio", "output", "format")) or PLAIN["pcm16"]
    at = model.configured.updated or model.configured.created
    if sorry is not None and (model.answers or at):
        what = "it sounds like another format"
        yield _audio_format_mismatch_finding("output", what, in_force, at, sorry, confidence=0.7)


def _not_as_asked(model: SessionModel, record: Record) -> Iterator[Finding]:
    """The service took the update, and kept another format."""
    asked = model.configured.last_sent
    if asked is None:
        return
    session = asked.event.get("session")
    for side in SIDES:
        wished = format_of(value_at(session, "audio", side, "format")) if isinstance(session, Mapping) else None
        in_force = format_of(value_at(model.configured.in_force, "audio", side, "format"))
        if wished is not None and in_force is not None and wished != in_force:
            yield _audio_format_mismatch_finding(
                side, f"{_name(wished)} was asked for", in_force, asked.at, record.mark()
            )


def _telephone_on_one_side(model: SessionModel, record: Record) -> Iterator[Finding]:
    """A telephone speaks G.711 both ways; a session with it on one side only was half configured."""
    heard, said = (format_of(value_at(model.configured.in_force, "audio", side, "format")) for side in SIDES)
    if heard is None or said is None or (heard[0] == "pcm") == (said[0] == "pcm"):
        return
    side, wrong, other = ("input", heard, said) if heard[0] == "pcm" else ("output", said, heard)
    if "format.told" not in model.witness.seen:
        yield _audio_format_mismatch_finding(
            side, f"the other side is {_name(other)}", wrong, record.mark(), record.mark(), confidence=0.75
        )


def format_of(value: Any) -> Format | None:
    """A session's format in either dialect; None where it says nothing."""
    if value is UNKNOWN or value is None:
        return None
    if isinstance(value, str):
        return PLAIN.get(value)
    if not isinstance(value, Mapping):
        return None
    known = GA.get(text(value, "type"))
    rate = number(value, "rate")
    return (known[0], int(rate)) if known is not None and rate else known


def _spoken(event: Mapping[str, Any], in_force: Format) -> Format:
    """What the client says of its sound; what it leaves out is as it should be."""
    codec, rate = text(event, "codec"), number(event, "rate")
    if codec and not rate:
        return codec, {"pcm": in_force[1]}.get(codec, 8_000)
    return codec or in_force[0], int(rate) if rate else in_force[1]


def _name(one: Format) -> str:
    return f"{ {'pcm': 'pcm16', 'ulaw': 'G.711 µ-law', 'alaw': 'G.711 A-law'}.get(one[0], one[0]) } at {one[1]} Hz"


def _audio_format_mismatch_finding(
    side: str, what: str, in_force: Format, session: Evidence | None, told: Evidence, *, confidence: float = 0.9
) -> Finding:
    codec = {"pcm": "audio/pcm", "ulaw": "audio/pcmu", "alaw": "audio/pcma"}[in_force[0]]
    return found(
        AUDIO_FORMAT_MISMATCH,
        "error",
        f"The session's {side} is {_name(in_force)}, and {what}.",
        cause="The service takes bytes as what the session says they are: at another rate speech is too fast, too slow "
        "or noise, and neither turns nor words are found in it.",
        cure=f"Send and play {_name(in_force)} (resample: browsers and phones record at 48000 or 16000 Hz), or "
        f'set session.audio.{side}.format to what you have; it is {{"type": "{codec}"}}.',
        evidence=(session, told),
        rests_on="over a WebSocket the format fields must match what is sent and played: pcm16 is 24 kHz mono",
        confidence=confidence,
        key=side,
    )


AUDIO_TAIL_MISSING = "audio-tail-missing"
SOON = 1.5
"""Seconds after response.done in which a client throws away what it still had to play."""
MISSING = 1.0
"""Seconds of sound that were received and cannot have been played."""


@check(
    AUDIO_TAIL_MISSING, "output_audio_buffer.cleared", "playback.cut", "playback.ended", "playback.flushed", LOG_ENDED
)
def audio_tail_missing(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Is the end of answers cut off, although nobody cut in?"""
    answer = model.newest
    if record.type == LOG_ENDED:
        sorry, is_cut = model.sorry("tail"), any(one.status == "cancelled" for one in model.answers.values())
        if sorry is not None and answer is not None and answer.done is not None and not is_cut:
            yield _audio_tail_missing_finding(answer, model.last["playback.cut"], sorry, 0.7)
        return
    if answer is None or answer.done is None or answer.status != "completed" or answer.speech is not None:
        return
    act = model.last.newest(*USER_ACTS, "response.cancel", "line.lost", "line.hanging_up", "device.lost")
    if model.is_ended or (act is not None and act.seq > answer.created.seq):
        return
    if model.new_input is not None and model.new_input.seq > answer.done.seq:
        return
    if record.type == "playback.ended":
        yield from _too_short(answer, record)
        return
    cut = record.mark()
    after = elapsed(answer.done, cut)
    sent = model.last["output_audio_buffer.clear"]
    if record.type == "output_audio_buffer.cleared":
        if sent is None or sent.seq < answer.created.seq:
            return  # the service's own doing
    elif after is not None and after > SOON:
        return
    yield _audio_tail_missing_finding(answer, sent if sent is not None and sent.seq > answer.created.seq else None, cut)


def _too_short(answer: Answer, record: Record) -> Iterator[Finding]:
    """The player stopped sooner than the sound it was given can have lasted."""
    played = elapsed(answer.first_output, record.mark())
    if played is not None and answer.audio_seconds - played > MISSING:
        yield _audio_tail_missing_finding(answer, answer.first_output, record.mark())


def _audio_tail_missing_finding(
    answer: Answer, why: Evidence | None, cut: Evidence, confidence: float = 0.88
) -> Finding:
    return found(
        AUDIO_TAIL_MISSING,
        "error",
        "The end of an answer was thrown away: playback was stopped at response.done, before its sound was over.",
        cause="response.done says that the answer has been made; its sound lasts seconds longer. The client stops or "
        "clears playback there.",
        cure="At response.done do nothing to the sound: let the queue run empty (WebSocket) or wait for "
        "output_audio_buffer.stopped (WebRTC). Clear playback only when somebody cuts in.",
        evidence=(answer.first_output, answer.done, why, cut),
        rests_on="response.done precedes the end of the sound by seconds",
        confidence=confidence,
    )


TRUNCATE_WITHOUT_CLEAR = "truncate-without-clear"
AT_ONCE = 0.4
"""Seconds: an answer that ends so soon after the truncation was at its end anyway."""


@check(TRUNCATE_WITHOUT_CLEAR, "output_audio_buffer.stopped", "response.output_audio_transcript.done")
def truncate_without_clear(model: SessionModel, record: Record) -> Iterator[Finding | Ended]:
    """Was an answer truncated over WebRTC, and its sound left to play on?"""
    truncated, began, newest = model.last["conversation.item.truncate"], model.playback.began, model.newest
    if record.type != "output_audio_buffer.stopped":
        if not _is_webrtc(model) or newest is None or newest.first_output is None:
            return
        began = newest.first_output
    began = began or truncated  # a log that begins there
    if truncated is None or began is None or truncated.seq < began.seq:
        return
    if model.last.newest("output_audio_buffer.clear", "conversation.item.truncate") is not truncated:
        return
    cleared = model.last["output_audio_buffer.clear"]
    if cleared is not None and cleared.seq > began.seq:
        return
    went_on = elapsed(truncated, record.mark())
    if went_on is not None and went_on < AT_ONCE:
        return
    yield found(
        TRUNCATE_WITHOUT_CLEAR,
        "warning",
        "An answer was truncated, and its sound went on to the end.",
        cause="Over WebRTC the service plays the answer; conversation.item.truncate changes what the conversation "
        "remembers, and stops no sound.",
        cure="Send output_audio_buffer.clear (after response.cancel while the answer is being made); the service then "
        "truncates by itself. Use conversation.item.truncate over a WebSocket only.",
        evidence=(began, truncated, record.mark()),
        rests_on="WebRTC clears the output buffer, WebSocket truncates at what was played",
        confidence=0.9 if record.type == "output_audio_buffer.stopped" else 0.6,
    )


def _is_webrtc(model: SessionModel) -> bool:
    """Words come as events, and sound in neither direction: it travels beside them."""
    seen, sound = model.witness.seen, {"response.output_audio.delta", "input_audio_buffer.append"}
    return model.witness.prints_sent and "response.output_audio_transcript.delta" in seen and seen.isdisjoint(sound)

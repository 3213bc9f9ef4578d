"""The assistant's sound on a WebSocket: what the service sends as base64 goes into the playback queue.

Only what concerns sound is read here, from the same text that goes on to the session: deltas, the ends of items, the
formats that the service says are in force, and the births of answers, which a flush has to know (R8). Whatever is odd
is left out and told once; nothing a service sends can raise here.
"""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from voicechat.audio.sound_format import HIGHEST_RATE, LOWEST_RATE, SoundDecoder, SoundFormat
from voicechat.audio.stream_queue import StreamQueue
from voicechat.protocol.dialects import ga_name

_SLICE = 0.5
"""Seconds of sound that are decoded in one go (2 ms); the loop has other things to do between two of them."""
_MOST_ANSWERS = 64
_BETA_FORMATS = {"pcm16": "audio/pcm", "pcm": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}


class _Frame(msgspec.Struct):
    """What is looked at of any event; everything else is skipped."""

    type: str = ""
    response_id: str | None = None
    item_id: str | None = None
    delta: msgspec.Raw = msgspec.Raw(b'""')
    sample_rate: msgspec.Raw = msgspec.Raw(b"null")
    channels: msgspec.Raw = msgspec.Raw(b"null")
    session: msgspec.Raw = msgspec.Raw(b"null")
    response: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class SaidError(msgspec.Struct):
    """An `error` event of the service."""

    code: str | None = None
    type: str | None = None
    message: str | None = None
    event_id: str | None = None


class InForce(msgspec.Struct, frozen=True):
    """What the service says of the session's sound; None where it says nothing."""

    input: SoundFormat | None
    output: SoundFormat | None
    turns_are_ours: bool | None


class SpokenAnswers:
    """Reads what comes, for one line. Used on the event loop."""

    def __init__(self, queue: StreamQueue, form: SoundFormat, note: Callable[[str, str], None]) -> None:
        self._queue = queue
        self._note = note
        self._form = form
        self._forms: dict[int, SoundFormat] = {}
        self._answers: dict[str, int] = {}
        self._count = 0
        self._decoder: tuple[int, str, SoundDecoder] | None = None
        self._told: set[str] = set()
        self.on_session: Callable[[InForce], None] = lambda now: None
        """Called when the service says what is in force."""
        self.on_error: Callable[[SaidError], None] = lambda error: None
        self.bytes_received = 0
        """Of sound, decoded."""

    @property
    def form(self) -> SoundFormat:
        """How answers come now."""
        return self._form

    async def read(self, text: str) -> None:
        """One event of the service."""
        try:
            frame = msgspec.json.decode(text, type=_Frame)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return
        match ga_name(frame.type):
            case "response.output_audio.delta":
                await self._take(frame)
            case "session.output_audio.delta":
                await self._translated(frame)
            case "response.output_audio.done":
                self._ended(frame.response_id or "", frame.item_id or "")
            case "response.created":
                self._born(_part(frame.response))
            case "response.done":
                self._ended(_name(_part(frame.response), "id"), "")
            case "session.created" | "session.updated":
                self._learn(_part(frame.session))
            case "error":
                self.on_error(_error(frame.error))

    async def _translated(self, frame: _Frame) -> None:
        """A translation session's sound has neither answers nor items: it is one stream, and after a flush another.

        It says of each piece what it is, but need not: then it is as the session's sound is, in one channel.
        """
        rate, channels = _whole(frame.sample_rate), _whole(frame.channels)
        known = rate is not None and LOWEST_RATE <= rate <= HIGHEST_RATE
        form = SoundFormat("pcm16", rate) if rate is not None and known else self._form
        answer = self._count
        if not answer or self._queue.is_dead(answer) or self._forms.get(answer) != form:
            answer = self._new_number("")
            self._forms[answer] = form
        data = self._bytes(frame.delta)
        await self._play(answer, f"translation-{answer}", _mixed(data) if channels == 2 else data)

    async def _take(self, frame: _Frame) -> None:
        answer = self._number(frame.response_id or "")
        if not self._queue.is_dead(answer):
            await self._play(answer, frame.item_id or "", self._bytes(frame.delta))

    async def _play(self, answer: int, item_id: str, data: bytes) -> None:
        self.bytes_received += len(data)
        decoder = self._decoder_for(answer, item_id)
        step = int(_SLICE * decoder.form.bytes_per_second) & ~1
        for at in range(0, len(data), step):
            if at:
                await asyncio.sleep(0)
            if self._queue.is_full:
                self._tell("long_answer", "The answer is longer than can be kept; what came last will not be heard.")
                return
            self._queue.add(answer, item_id, decoder.decode(data[at : at + step]))

    def _bytes(self, delta: msgspec.Raw) -> bytes:
        try:
            return binascii.a2b_base64(msgspec.json.decode(delta, type=str))
        except (msgspec.MsgspecError, binascii.Error, ValueError):
            self._tell("bad_sound", "The service sends sound that cannot be read; some of it will not be heard.")
            return b""

    def _decoder_for(self, answer: int, item_id: str) -> SoundDecoder:
        if self._decoder is not None:
            if self._decoder[:2] == (answer, item_id):
                return self._decoder[2]
            self._finish()
        decoder = SoundDecoder(self._forms.get(answer, self._form))
        self._decoder = (answer, item_id, decoder)
        return decoder

    def _finish(self) -> None:
        """The item that is being decoded is complete."""
        if self._decoder is not None:
            answer, item_id, decoder = self._decoder
            self._decoder = None
            self._queue.add(answer, item_id, decoder.finish())
            self._queue.end(answer, item_id)

    def _ended(self, response_id: str, item_id: str) -> None:
        if self._decoder is None:
            return
        is_other_answer = bool(response_id) and self._answers.get(response_id) != self._decoder[0]
        is_other_item = bool(item_id) and item_id != self._decoder[1]
        if not is_other_answer and not is_other_item:
            self._finish()

    def _born(self, response: Mapping[str, object]) -> None:
        number = self._new_number(_name(response, "id"))
        form = _format(response, "output", self._form)
        if form is not None:
            self._forms[number] = form

    def _number(self, response_id: str) -> int:
        """The answer's number; a delta that names none belongs to the newest."""
        if not response_id:
            return self._count or self._new_number("")
        return self._answers.get(response_id) or self._new_number(response_id)

    def _new_number(self, response_id: str) -> int:
        if response_id in self._answers:
            return self._answers[response_id]
        self._count += 1
        self._queue.begin(self._count)
        if response_id:
            self._answers[response_id] = self._count
        while len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        for old in [number for number in self._forms if number < self._count - _MOST_ANSWERS]:
            del self._forms[old]
        return self._count

    def _learn(self, session: Mapping[str, object]) -> None:
        output = _format(session, "output", self._form)
        if output is not None:
            self._form = output
        self.on_session(InForce(_format(session, "input", None), output, _turns_are_ours(session)))

    def _tell(self, code: str, sentence: str) -> None:
        """Once for each line: a broken stream would say it fifty times a second."""
        if code not in self._told:
            self._told.add(code)
            self._note(sentence, code)


def _part(raw: msgspec.Raw) -> Mapping[str, object]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(raw: msgspec.Raw) -> int | None:
    try:
        return msgspec.json.decode(raw, type=int)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _mixed(data: bytes) -> bytes:
    """Two channels as one."""
    both = np.frombuffer(data[: len(data) & ~3], "<i2").astype(np.int32).reshape(-1, 2)
    return ((both[:, 0] + both[:, 1]) // 2).astype("<i2").tobytes()


def _name(part: Mapping[str, object], field: str) -> str:
    value = part.get(field)
    return value if isinstance(value, str) else ""


def _error(raw: msgspec.Raw) -> SaidError:
    part = _part(raw)
    return SaidError(*(_name(part, name) or None for name in ("code", "type", "message", "event_id")))


def _format(part: Mapping[str, object], way: str, now: SoundFormat | None) -> SoundFormat | None:
    """The format of one direction in a session or response object of either dialect; None if it names none we know.

    Beta names have no rate, so `pcm16` keeps the rate in use.
    """
    named = part.get(f"{way}_audio_format")
    rate: object = None
    if named is None:
        audio = part.get("audio")
        one = audio.get(way) if isinstance(audio, dict) else None
        found = one.get("format") if isinstance(one, dict) else None
        named, rate = (found.get("type"), found.get("rate")) if isinstance(found, dict) else (found, None)
    if not isinstance(named, str):
        return None
    kind = _BETA_FORMATS.get(named, named)
    if kind == "audio/pcmu":
        return SoundFormat("pcmu", 8_000)
    if kind == "audio/pcma":
        return SoundFormat("pcma", 8_000)
    if kind != "audio/pcm":
        return None
    if isinstance(rate, int) and LOWEST_RATE <= rate <= HIGHEST_RATE:
        return SoundFormat("pcm16", rate)
    return now if now is not None and now.kind == "pcm16" else None


def _turns_are_ours(session: Mapping[str, object]) -> bool | None:
    """Whether turn detection is off; None where the session does not say."""
    if "turn_detection" in session:
        return session["turn_detection"] is None
    audio = session.get("audio")
    heard = audio.get("input") if isinstance(audio, dict) else None
    if isinstance(heard, dict) and "turn_detection" in heard:
        return heard["turn_detection"] is None
    return None


def silence(samples: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """What is played while not connected."""
    return np.zeros(samples, np.int16)

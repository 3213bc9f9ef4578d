"""Recordings over a real socket to a service that is quick, slow, rude or gone."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.each import each
from tests.support.local_server import local_server
from tests.support.service import Event
from tests.transcription.scribe import WORDS, Scribe, completed, encoded, hum, turn, words_of
from voicechat.config.load import load_settings
from voicechat.errors import AudioDeviceError, SignallingError
from voicechat.transcription.carriers import Service, SocketCarrier
from voicechat.transcription.formats import Result
from voicechat.transcription.options import TranscriptionOptions, read_commits, resolve_options
from voicechat.transcription.sound import Recording, duration, read_sound
from voicechat.transcription.writing import Batch, Progress, Writing
from voicechat.transports.target import LineTarget

TWO_TURNS = Recording("two.wav", None, encoded(hum(1.0, 1.0, 1.0, 1.0), "wav", "pcm_s16le", 24_000))


def service_at(url: str, **flags: Any) -> Service:
    wishes = {"provider": "custom", "base_url": url, "transcription_model": "gpt-transcribe", **flags}
    return Service(load_settings(wishes, {"VOICECHAT_API_KEY": "sk-test-0123456789"}), {})


async def written(url: str, commit: str = "vad", recording: Recording = TWO_TURNS, **flags: Any) -> Result:
    service = service_at(url, **flags)
    wish = TranscriptionOptions(service.settings.transcription_model, commits=read_commits(commit))
    writing = Writing(recording, service, resolve_options(wish, sound=service.sound))
    async with asyncio.timeout(60):
        await writing.run()
    return writing.result()


async def written_by(scribe: Scribe, commit: str = "vad", **flags: Any) -> Result:
    async with scribe.serving() as url:
        return await written(url, commit, **flags)


def texts(result: Result) -> list[str]:
    return [one.text for one in result.passages]


async def test_each_pause_makes_an_item_with_the_times_of_the_recording() -> None:
    scribe = Scribe()
    result = await written_by(scribe)
    assert [(round(one.start, 1), round(one.end, 1), one.text) for one in result.passages] == [
        (0.0, 1.3, "Item 1."),
        (1.7, 3.3, "Item 2."),
    ]
    assert result.is_complete and scribe.heard[0] == pytest.approx(2.9, abs=0.1)


async def test_the_session_is_one_that_only_listens_and_its_model_is_not_in_the_address() -> None:
    scribe = Scribe()
    await written_by(scribe, "whole", provider="openai")
    assert scribe.queries == [{"intent": "transcription"}]
    session = scribe.said[0]["session"]
    assert session["type"] == "transcription" and "output" not in session["audio"]
    assert session["audio"]["input"]["turn_detection"] is None
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}


async def test_a_beta_service_is_spoken_to_in_its_own_words() -> None:
    scribe = Scribe(greeting={"type": "transcription_session.created", "session": {"input_audio_format": "pcm16"}})
    result = await written_by(scribe)
    assert scribe.said[0]["type"] == "transcription_session.update"
    assert scribe.said[0]["session"]["input_audio_transcription"] == {"model": "gpt-transcribe"}
    assert len(result.passages) == 2


async def test_a_service_that_does_not_know_session_type_is_asked_in_beta() -> None:
    def update(scribe: Scribe, event: Event) -> list[Event]:
        if event["type"] == "session.update":
            error = {"code": "unknown_parameter", "param": "session.type", "event_id": event["event_id"]}
            return [{"type": "error", "error": error | {"message": "Unknown parameter"}}]
        return [{"type": "transcription_session.updated", "session": {}}]

    scribe = Scribe(greeting={"type": "session.created", "session": {}}, on_update=update)
    result = await written_by(scribe)
    assert [one["type"] for one in scribe.said[:2]] == ["session.update", "transcription_session.update"]
    assert result.is_complete


def refusing(name: str) -> Scribe:
    """A service that never heard of one field of the session's input."""

    def update(scribe: Scribe, event: Event) -> list[Event]:
        if name in event["session"]["audio"]["input"]:
            path = f"session.audio.input.{name}"
            error = {"code": "unknown_parameter", "param": path, "message": "Never heard of it"}
            return [{"type": "error", "error": error | {"event_id": event["event_id"]}}]
        return [{"type": "session.updated", "session": {}}]

    return Scribe(on_update=update)


async def test_a_refused_field_is_left_out_and_told() -> None:
    scribe = refusing("turn_detection")
    result = await written_by(scribe)
    asked = [one["session"]["audio"]["input"] for one in scribe.said if one["type"] == "session.update"]
    assert "turn_detection" in asked[0] and "turn_detection" not in asked[1]
    assert texts(result) == ["Item 1.", "Item 2."]
    (told,) = result.problems
    assert "turn_detection was left out" in told and "Never heard of it" in told


async def test_a_refused_field_that_transcription_needs_ends_it_with_a_reason() -> None:
    async with refusing("format").serving() as url:
        with pytest.raises(SignallingError, match="Never heard of it"):
            await written(url)


async def test_the_services_own_turns_tell_the_times() -> None:
    def hear(scribe: Scribe, seconds: float) -> list[Event]:
        if seconds < 4.0 or scribe.commits:
            return []
        scribe.commits = 1
        late = [completed("b", "Two."), completed("a", "One.")]
        return [*turn("a", 0, 1100), *turn("b", 1900, 3100, "a"), *late]

    result = await written_by(Scribe(on_sound=hear), "server")
    assert [(one.start, one.end, one.text) for one in result.passages] == [(0.0, 1.1, "One."), (1.9, 3.1, "Two.")]
    assert result.is_complete


async def test_partial_words_are_told_while_they_come() -> None:
    def commit(scribe: Scribe, number: int) -> list[Event]:
        deltas = [
            {"type": f"{WORDS}delta", "item_id": f"item_{number}", "delta": part} for part in ("Good ", "morning")
        ]
        first, last = words_of(number, "Good morning.")
        return [first, *deltas, last]

    seen: list[str] = []
    async with Scribe(on_commit=commit).serving() as url:
        service = service_at(url)
        made = resolve_options(
            TranscriptionOptions("gpt-transcribe", commits=read_commits("whole")), sound=service.sound
        )
        writing = Writing(TWO_TURNS, service, made, changed=lambda: seen.append(writing.progress.partial))
        await writing.run()
    assert "Good" in seen and "Good morning" in seen and seen[-1] == ""


async def test_an_item_that_fails_leaves_the_others_and_is_told() -> None:
    def commit(scribe: Scribe, number: int) -> list[Event]:
        if number == 2:
            return words_of(2, "Fine.")
        committed, _ = words_of(number, "")
        error = {"code": "audio_unintelligible", "message": "Could not hear."}
        return [committed, {"type": f"{WORDS}failed", "item_id": "item_1", "error": error}]

    result = await written_by(Scribe(on_commit=commit))
    assert texts(result) == ["Fine."] and not result.is_complete
    assert result.problems == ("no words for 0:00 to 0:01: Could not hear.",)


async def test_a_refused_commit_is_not_waited_for() -> None:
    def commit(scribe: Scribe, number: int) -> list[Event]:
        if number == 2:
            return words_of(2, "Second.")
        detail = {"code": "input_audio_buffer_commit_empty", "message": "too small", "event_id": "commit-1"}
        return [{"type": "error", "error": detail}]

    result = await written_by(Scribe(on_commit=commit))
    assert [(round(one.start, 1), one.text) for one in result.passages] == [(1.7, "Second.")]


async def test_a_lost_session_is_gone_on_with_where_the_words_end() -> None:
    def commit(scribe: Scribe, number: int) -> list[Event]:
        if number == 2:
            scribe.hang_up = (1011, "trouble")
            return []
        return words_of(number, f"Item {number}.")

    scribe = Scribe(on_commit=commit)
    result = await written_by(scribe)
    assert scribe.sessions == 2 and result.is_complete
    assert [(round(one.start, 1), one.text) for one in result.passages] == [(0.0, "Item 1."), (1.7, "Item 3.")]


@pytest.mark.parametrize(
    ("end", "said", "sessions"), [((1008, "insufficient_quota"), ["One."], 1), ((1011, ""), [], 2)]
)
async def test_a_session_ended_for_good_or_before_every_word_keeps_what_there_is(
    end: tuple[int, str], said: list[str], sessions: int
) -> None:
    def commit(scribe: Scribe, number: int) -> list[Event]:
        scribe.hang_up = end
        return words_of(number, "One.") if said else []

    scribe = Scribe(on_commit=commit)
    result = await written_by(scribe)
    assert (scribe.sessions, result.is_complete) == (sessions, False)
    assert texts(result) == said and "lost" in result.problems[-1]


async def test_a_refused_upgrade_is_one_sentence_and_no_sound_is_read_first_by_anybody() -> None:
    scribe = Scribe(refuses=401)
    async with scribe.serving() as url:
        with pytest.raises(SignallingError):
            await written(url)
        with pytest.raises(AudioDeviceError):
            await written(url, recording=Recording("x.mp3", None, b"no sound"))
    assert len(scribe.queries) == 1


async def test_usage_is_priced_where_the_model_is_known() -> None:
    def commit(scribe: Scribe, number: int) -> list[Event]:
        return words_of(number, "Words.", usage={"type": "duration", "seconds": 60.0})

    result = await written_by(Scribe(on_commit=commit), "whole")
    assert (result.seconds_billed, result.usd) == (60.0, 0.0045)


async def test_many_recordings_come_in_order_and_one_that_fails_stops_nobody() -> None:
    bad = Recording("bad.mp3", None, b"no sound")
    told: list[tuple[str, bool]] = []
    progress: list[Progress] = []
    async with Scribe().serving() as url:
        service = service_at(url)
        made = resolve_options(TranscriptionOptions("gpt-transcribe", commits=read_commits("vad")), sound=service.sound)
        batch = Batch(
            [TWO_TURNS, bad, TWO_TURNS],
            service,
            made,
            jobs=3,
            finished=lambda one: told.append((one.recording.name, one.is_good)),
            changed=lambda index, now: progress.append(now),
        )
        await batch.run()
    assert told == [("two.wav", True), ("bad.mp3", False), ("two.wav", True)]
    assert batch.no_line is None and max(one.sent for one in progress) == pytest.approx(4.0, abs=0.01)


async def test_where_nobody_answers_only_one_recording_asks() -> None:
    scribe = Scribe(refuses=401)
    async with scribe.serving() as url:
        service = service_at(url)
        made = resolve_options(TranscriptionOptions("gpt-transcribe"), sound=service.sound)
        batch = Batch([TWO_TURNS] * 4, service, made, jobs=1)
        await batch.run()
    assert batch.no_line is not None and len(scribe.queries) == 1
    assert [one.error is not None for one in batch.outcomes] == [True] * 4


async def test_an_interruption_keeps_what_was_written_down() -> None:
    reached = asyncio.Event()

    def commit(scribe: Scribe, number: int) -> list[Event]:
        if number == 1:
            return words_of(1, "First.")
        reached.set()
        return []

    async with Scribe(on_commit=commit).serving() as url:
        service = service_at(url)
        made = resolve_options(TranscriptionOptions("gpt-transcribe", commits=read_commits("vad")), sound=service.sound)
        batch = Batch([TWO_TURNS, TWO_TURNS], service, made, jobs=1)
        running = asyncio.ensure_future(batch.run())
        async with asyncio.timeout(10):
            await reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    first, second = batch.outcomes
    assert texts(first.result) == ["First."] and first.was_interrupted
    assert second.result.passages == () and second.was_interrupted


LOUD = Recording("loud.wav", None, encoded(hum(0.8, 1.0, 0.8), "wav", "pcm_s16le", 24_000))


@pytest.mark.parametrize(
    ("commit", "flags", "starts"),
    [
        ("server", {"transport": "websocket"}, [0.0, 1.6]),
        ("vad", {"transport": "websocket", "dialect": "beta"}, [0.0, 1.6]),
        ("vad", {"transport": "webrtc"}, [0.0, 1.6]),
        ("server", {"transport": "webrtc", "dialect": "ga"}, [0.0, 1.6]),
        ("whole", {"dialect": "beta"}, [0.0]),
    ],
)
async def test_the_real_local_server_writes_down_over_both_transports_in_both_dialects(
    commit: str, flags: dict[str, Any], starts: list[float]
) -> None:
    async with local_server("Good morning.") as server:
        result = await written(server.base_url, commit, LOUD, **flags)
    assert texts(result) == ["Good morning."] * len(starts) and result.is_complete
    assert [one.start for one in result.passages] == pytest.approx(starts, abs=0.5)


# `--realtime`: a recording leaves as slowly as it was spoken; without it as fast as the service reads


@dataclass
class Clock:
    """Time passes by waiting alone, and waiting takes none."""

    now: float = 100.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


async def sent(monkeypatch: pytest.MonkeyPatch, *, realtime: bool) -> tuple[Clock, Scribe]:
    """Three seconds of sound in pieces of half a second, over a real socket."""
    clock, scribe = Clock(), Scribe()
    async with scribe.serving() as url:
        target = LineTarget(base_url=url, key="", model="")
        carrier = await SocketCarrier.open(target, realtime=realtime, clock=clock)
        with monkeypatch.context() as patched:
            patched.setattr("voicechat.transcription.carriers.asyncio.sleep", clock.sleep)
            for _ in range(6):
                await carrier.sound(np.ones(24_000, np.int16))
        await carrier.say('{"type":"session.update","session":{}}')
        async with asyncio.timeout(5):
            while "session.updated" not in str(await carrier.next()):
                pass
        await carrier.close()
    return clock, scribe


async def test_in_real_time_a_second_of_sound_takes_a_second_else_nothing_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for realtime, seconds in ((True, 3.0), (False, 0.0)):
        clock, scribe = await sent(monkeypatch, realtime=realtime)
        assert clock.now - 100.0 == pytest.approx(seconds, abs=0.01)
        assert max(clock.waits, default=0.0) <= 0.21, "never further ahead than one message"
        assert scribe.heard[0] == pytest.approx(3.0, abs=0.05)


# Sessions that end in the middle of a recording: every word is there once, in its order, at its time


TURNS = 6
STEP = 2_500
"""How much louder each turn is than the one before it: that is how the service knows which one it hears."""
EXPIRED = {"code": "session_expired", "type": "invalid_request_error", "message": "Your session hit the maximum."}


def numbered() -> Recording:
    """A second of voice and a second of silence, six times; each voice has a loudness of its own."""
    parts = [hum(1.0, 1.0).astype(np.int32) * STEP * (number + 1) // 6_000 for number in range(TURNS)]
    return Recording("six.wav", None, encoded(np.concatenate(parts).astype(np.int16), "wav", "pcm_s16le", 24_000))


@dataclass
class ShortLived(Scribe):
    """A service whose sessions end after so many seconds of sound. It hears turns, or is told of them by commits."""

    lasts: float = 3.4
    finds_turns: bool = False
    pcm: bytes = b""
    """Sound of this session that is in no item yet."""
    silent: float = 0.0
    began: float | None = None
    ended: set[int] = field(default_factory=set)
    items: int = 0

    def answers(self, event: Event) -> list[Event]:
        if self.sessions in self.ended:
            return []
        if event["type"] != "input_audio_buffer.append":
            return super().answers(event)
        data = base64.b64decode(event["audio"])
        before = self.heard[-1]
        super().answers(event)
        if not before:
            self.pcm, self.silent, self.began = b"", 0.0, None
        self.pcm += data
        said = self._turns(data, before) if self.finds_turns else []
        if self.heard[-1] < self.lasts or self.sessions >= 12:
            return said
        self.ended.add(self.sessions)
        self.hang_up = (1000, "session_expired")
        return [*said, {"type": "error", "error": EXPIRED}]

    def _turns(self, data: bytes, at: float) -> list[Event]:
        """Turn detection by loudness, 0.2 s at a time."""
        is_loud = bool(np.abs(np.frombuffer(data, "<i2").astype(np.int32)).max(initial=0) > 500)
        if is_loud and self.began is None:
            self.began, self.silent, self.items = at, 0.0, self.items + 1
            start = round(at * 1000)
            name = f"item_{self.items}"
            return [{"type": "input_audio_buffer.speech_started", "item_id": name, "audio_start_ms": start}]
        self.silent = 0.0 if is_loud else self.silent + len(data) / 48_000
        if self.began is None or self.silent < 0.5:
            return []
        self.began, name = None, f"item_{self.items}"
        stop = round((at + len(data) / 48_000 - self.silent) * 1000)
        end = {"type": "input_audio_buffer.speech_stopped", "item_id": name, "audio_end_ms": stop}
        return [end, *self._item(name)]

    def _item(self, name: str) -> list[Event]:
        loudest = int(np.abs(np.frombuffer(self.pcm[: len(self.pcm) & ~1], "<i2").astype(np.int32)).max(initial=0))
        self.pcm = b""
        return [
            {"type": "input_audio_buffer.committed", "item_id": name, "previous_item_id": None},
            completed(name, f"Word {round(loudest / STEP)}."),
        ]

    def committed(self, number: int) -> list[Event]:
        self.items += 1
        return self._item(f"item_{self.items}")


def short_lived(**wishes: Any) -> ShortLived:
    scribe = ShortLived(**wishes)
    scribe.on_commit = lambda _, number: scribe.committed(number)
    return scribe


@pytest.mark.parametrize("lasts", [2.5, 3.4, 5.1])
@pytest.mark.parametrize("commit", ["vad", "server"])
async def test_a_session_that_expires_in_the_middle_of_a_recording_loses_no_word(commit: str, lasts: float) -> None:
    scribe = short_lived(lasts=lasts, finds_turns=commit == "server")
    async with scribe.serving() as url:
        result = await written(url, commit, numbered())
    assert scribe.sessions > 1, "the sessions did not end"
    assert [one.text for one in result.passages] == [f"Word {number + 1}." for number in range(TURNS)]
    starts = [one.start for one in result.passages]
    assert starts == pytest.approx([2.0 * number for number in range(TURNS)], abs=0.5)
    assert result.is_complete and not result.problems


# Whatever holds sound is read; whatever does not is one sentence


def read(recording: Recording, since: float = 0.0) -> NDArray[np.int16]:
    return np.concatenate(list(read_sound(recording, since)))


KINDS = [
    ("wav", "pcm_s16le", 16_000),
    ("wav", "pcm_f32le", 44_100),
    ("mp3", "libmp3lame", 44_100),
    ("ipod", "aac", 44_100),
    ("mp4", "aac", 48_000),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("flac", "flac", 24_000),
]


@each(("container", "codec", "rate"), KINDS)
def test_every_kind_of_file_becomes_48_khz_mono_of_the_same_length(container: str, codec: str, rate: int) -> None:
    content = encoded(hum(1.0, 0.5, 1.0), container, codec, rate)
    sound = read(Recording("x", None, content))
    assert sound.dtype == np.int16 and len(sound) / 48_000 == pytest.approx(2.5, abs=0.08)
    assert np.abs(sound[24_000:40_000]).max() > 4_000
    assert np.abs(sound[57_600:64_800]).max() < 400


def test_a_recording_is_as_long_as_its_file_says_and_read_from_any_second_as_far_as_it_goes() -> None:
    recording = Recording("x", None, encoded(hum(1.0, 2.0, 1.0), "wav", "pcm_s16le"))
    assert duration(recording) == pytest.approx(4.0) and duration(Recording("x", None, b"nothing")) is None
    assert np.array_equal(read(recording, 2.5), read(recording)[120_000:])
    content = encoded(hum(4.0), "flac", "flac")
    assert len(read(Recording("x", None, content[: len(content) // 2]))) > 48_000


@each("content", [b"", b"hello", b"no sound", b"\x00" * 5000, b"RIFF\xff\xff\xff\xffWAVEfmt ", b"ID3" + b"\xff" * 99])
def test_what_is_no_sound_is_one_sentence(content: bytes) -> None:
    with pytest.raises(AudioDeviceError, match=r"talk\.mp3"):
        read(Recording("talk.mp3", None, content))


def test_a_file_that_is_not_there_says_so_and_an_address_is_never_fetched(tmp_path: Path) -> None:
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(AudioDeviceError, match="cannot read"):
            read(Recording("none.wav", path))
    for name in ("http://127.0.0.1:9/x.wav", "concat:/etc/hostname", "pipe:0"):
        with pytest.raises(AudioDeviceError, match="no such file"):
            read(Recording(name, Path(name)))


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(encoded(hum(1.0), "wav", "pcm_s16le"))
    lists = ("ffconcat version 1.0\nfile secret.wav\n", f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.wav\n")
    for content in lists:
        (tmp_path / "list.m3u8").write_text(content)
        with pytest.raises(AudioDeviceError, match=r"as sound|no sound"):
            read(Recording("list.m3u8", tmp_path / "list.m3u8"))

"""How the microphone travels over a WebSocket: paced appends, silence, formats, and services that refuse it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import numpy as np
import pytest

from tests.support.peers import Pcm, eventually, pitch, silence, tone
from tests.support.service import SocketServer
from tests.transports.socket_talk import Looks, formats, hum, talking
from voicechat.audio.sound_format import SoundFormat
from voicechat.transports import microphone


async def test_sound_is_appended_in_small_pieces_at_the_pace_of_a_voice() -> None:
    async with talking(uplink=tone(440), chunk=0.04) as talk:
        began = time.monotonic()
        await eventually(lambda: len(talk.server.appended) >= 20)
        took = time.monotonic() - began
        assert 0.6 < took < 2.0
        assert {len(piece) for piece in talk.server.appended[2:]} <= {1_918, 1_920, 1_922}
        assert pitch(talk.server.heard()[-24_000:]) == pytest.approx(440, abs=4)


async def test_a_closed_mic_sends_silence_so_that_the_service_ends_the_turn() -> None:
    async with talking(uplink=silence) as talk:
        await eventually(lambda: len(talk.server.appended) >= 5)
        assert not any(b"".join(talk.server.appended))


async def test_where_turns_are_ours_only_what_is_open_leaves_and_its_tail() -> None:
    frames: list[Pcm] = []
    opened: list[float] = []
    looks = Looks(lambda: 0.02 if opened else None)
    async with talking(uplink=lambda: frames.pop(0) if frames else silence(), waiting=looks) as talk:
        await talk.server.say(formats("audio/pcm", None))
        await talk.text("session.updated")
        await looks.later()
        before = len(talk.server.appended)
        await looks.later()
        assert len(talk.server.appended) == before
        opened.append(1.0)
        await eventually(lambda: len(talk.server.appended) >= before + 3)  # open and silent: it flows
        opened.clear()
        frames += [np.full(960, 9, np.int16)] * 3  # what the gate still had
        await eventually(lambda: any(b"".join(talk.server.appended)))
        await looks.later()
        quiet = len(talk.server.appended)
        await looks.later()
        assert len(talk.server.appended) == quiet


async def test_a_commit_comes_after_the_last_sample_that_left_the_gate() -> None:
    async with talking(uplink=tone(440), chunk=0.04) as talk:
        await eventually(lambda: len(talk.server.appended) >= 3)
        assert talk.line.send('{"type": "input_audio_buffer.commit"}') == ""
        await asyncio.wait_for(talk.server.texts.get(), 5)
        assert talk.server.order[-1] == "input_audio_buffer.commit" or "append" in talk.server.order[-1]
        before = talk.server.order.index("input_audio_buffer.commit")
        assert talk.server.order[before - 1] == "input_audio_buffer.append"


@pytest.mark.parametrize(("kind", "form"), [("audio/pcmu", "pcmu"), ("audio/pcma", "pcma")])
async def test_g711_is_spoken_once_the_service_has_agreed_and_not_a_sample_before(kind: str, form: Any) -> None:
    looks = Looks()
    async with talking(uplink=tone(440), waiting=looks) as talk:
        await eventually(lambda: talk.server.appended)
        assert talk.line.send('{"type": "session.update", "session": {"audio": {"input": {"format": 1}}}}') == ""
        await asyncio.wait_for(talk.server.texts.get(), 5)
        held = len(talk.server.appended)
        await looks.later()
        assert len(talk.server.appended) == held
        talk.server.form = SoundFormat(form, 8_000)
        await talk.server.say(formats(kind))
        await eventually(lambda: len(talk.server.appended) >= held + 40)
        assert pitch(talk.server.heard(held)[-24_000:]) == pytest.approx(440, abs=4)
        await talk.server.speak(np.concatenate([tone(880)() for _ in range(1)] + [hum(880, 1.0)]))
        await talk.text("response.done")
        assert pitch((await talk.play(0.9))[-24_000:]) == pytest.approx(880, abs=6)
        assert talk.line.stats().codec.startswith("G.711")


async def test_a_service_with_another_rate_gets_and_gives_it() -> None:
    server = SocketServer(form=SoundFormat("pcm16", 16_000))
    async with talking(
        server, uplink=tone(440), input_format=("pcm16", 16_000), output_format=("pcm16", 16_000)
    ) as talk:
        await eventually(lambda: len(server.appended) >= 40)
        assert pitch(server.heard()[-24_000:]) == pytest.approx(440, abs=4)
        await server.speak(hum(880, 1.0))
        await talk.text("response.done")
        assert pitch((await talk.play(0.9))[-24_000:]) == pytest.approx(880, abs=4)


async def test_of_the_microphone_one_piece_a_second_is_shown() -> None:
    async with talking(uplink=tone(440)) as talk:
        await eventually(lambda: len(talk.server.appended) >= 60)
        assert 1 <= len(talk.heard.shown) <= 3
        shown = json.loads(talk.heard.shown[0])
        assert shown["type"] == "input_audio_buffer.append" and shown["event_id"] == "mic-1"


async def test_a_service_that_refuses_the_microphone_is_not_asked_fifty_times_a_second() -> None:
    looks = Looks()
    async with talking(uplink=tone(440), waiting=looks) as talk:
        for number in range(3):
            error = {"code": "invalid_value", "message": "no such sound", "event_id": f"mic-{number}"}
            await talk.server.say(json.dumps({"type": "error", "error": error}))
        await eventually(lambda: talk.heard.notes)
        await looks.later()
        before = len(talk.server.appended)
        await looks.later()
        assert len(talk.server.appended) == before
        assert talk.heard.notes == [("The service refuses the microphone's sound: no such sound", "sound_refused")]


async def test_a_service_that_does_not_read_is_told_once_and_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "LONGEST_SOUND", 0.2)
    async with talking(SocketServer(reads=False, answers_pings=False), uplink=tone(440)) as talk:
        for _ in range(40):  # fill what the two systems buffer
            talk.line.send(json.dumps({"type": "x", "much": "y" * 400_000}))
        await eventually(lambda: talk.heard.notes)
        assert talk.heard.notes == [(microphone.NOT_KEEPING_UP, "slow_line")]
        refusals = [talk.line.send(json.dumps({"type": "x", "much": "y" * 4_000_000})) for _ in range(10)]
        assert "too slow" in refusals[-1]

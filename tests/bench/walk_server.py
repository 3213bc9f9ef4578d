"""The local server as a process of its own that writes down what reached it; `walk` starts, stalls and kills it.

    python -m tests.bench.walk_server PORT NOTES real|quick

NOTES gets JSON lists, `time.monotonic()` second: `["heard", AT, PEAK]` for every 50 ms of the input audio (after the
transport, before the turn detection), `["client", AT, TYPE, TEXT]` and `["server", AT, TYPE, RESPONSE, STATUS]`.
stdin takes lines: the name of a fault for every later session (empty: none); the sessions there are, are hung up. The
first line of stdout is the base URL. It ends with its stdin.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.local_server import AlwaysHears, Hums, loud_is_voice
from voicechat.local_server.faults import read_fault
from voicechat.local_server.listening import Ears
from voicechat.local_server.server import Server
from voicechat.local_server.session import House, Senses, Session, load_senses
from voicechat.local_server.sound import Samples
from voicechat.local_server.speech.vad import SAMPLE_RATE, VadEvent
from voicechat.protocol.server_events import ServerEvent, type_of
from voicechat.tasks import report

PIECE = SAMPLE_RATE // 20


class Notes:
    """Writes as things happen, so that a killed server leaves what it knew."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self._samples = 0
        self._peak = 0.0

    def add(self, *what: object) -> None:
        self._file.write(json.dumps(what) + "\n")

    def hear(self, samples: Samples) -> None:
        """Sound of the client's, 16 kHz."""
        self._samples += len(samples)
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))
        if self._samples >= PIECE:
            self.add("heard", time.monotonic(), round(self._peak, 4))
            self._samples, self._peak = 0, 0.0


def listen_in(notes: Notes) -> None:
    """Have every session of this process noted."""
    hear, said, send = Ears.hear, Session.take, Session._send

    def noted_hear(self: Ears, samples: Samples) -> list[VadEvent]:
        notes.hear(samples)
        return hear(self, samples)

    def noted_said(self: Session, text: str) -> None:
        event = json.loads(text)
        if event.get("type") != "input_audio_buffer.append":
            notes.add("client", time.monotonic(), event.get("type"), text[:2000])
        said(self, text)

    def noted_send(self: Session, event: ServerEvent) -> None:
        if not type_of(event).endswith(".delta"):
            response: Any = getattr(event, "response", None)
            id = getattr(response, "id", None) or getattr(event, "response_id", None)
            notes.add("server", time.monotonic(), type_of(event), id, getattr(response, "status", None))
        send(self, event)

    Ears.hear, Session.take, Session._send = noted_hear, noted_said, noted_send  # type: ignore[method-assign]


def quick_senses() -> Senses:
    """No models: every utterance is heard as the same question, answers are hummed."""
    return Senses(lambda: loud_is_voice, AlwaysHears("What is twelve times seven?").transcribe, Hums().speak)


async def serve(port: int, senses: str) -> None:
    asyncio.get_running_loop().set_exception_handler(report)
    house = House(quick_senses if senses == "quick" else load_senses, "none")
    server = Server(house)
    await server.start(port)
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def order() -> None:
        line = sys.stdin.readline()
        if not line:
            ended.set()
            return
        house.fault = read_fault(line)
        for session in list(house.sessions):
            session.line.hang_up(1011, "walk: another fault")

    loop.add_reader(sys.stdin, order)
    print(server.base_url, flush=True)
    await ended.wait()
    await server.stop()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    logging.getLogger("aioice").setLevel(logging.WARNING)
    listen_in(Notes(Path(sys.argv[2])))
    sys.setswitchinterval(0.001)
    asyncio.run(serve(int(sys.argv[1]), sys.argv[3]))
    sys.stderr.flush()
    os._exit(0)

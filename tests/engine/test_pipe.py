"""A client that stopped reading must not make the engine stand still."""

from __future__ import annotations

import os
import struct
import threading

from voicechat.core.view import View
from voicechat.engine.link import Ack, FromEngine, Goodbye, Meters, Snapshot, unpack_from_engine
from voicechat.engine.pipe import Outbox


def read_all(descriptor: int) -> list[FromEngine]:
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read()
    messages = []
    while data:
        (length,) = struct.unpack_from("<I", data)
        messages.append(unpack_from_engine(data[4 : 4 + length]))
        data = data[4 + length :]
    return messages


def test_posting_never_blocks_and_what_matters_is_not_lost() -> None:
    reader, writer = os.pipe()
    outbox = Outbox(writer)
    for number in range(5000):  # nobody reads: megabytes more than a pipe holds
        outbox.post(Snapshot(View(), Meters(underruns=number)))
    for number in range(100):
        outbox.post(Ack(number))
    outbox.post(Goodbye("ended"))
    outbox.close(patience=0.0)

    def finish() -> None:
        outbox.close(patience=10.0)
        os.close(writer)

    closer = threading.Thread(target=finish)
    closer.start()
    drained = read_all(reader)
    closer.join()
    shown = [message for message in drained if isinstance(message, Snapshot)]
    assert [message.id for message in drained if isinstance(message, Ack)] == list(range(100))
    assert drained[-1] == Goodbye("ended")
    assert 0 < len(shown) < 5000


def test_a_client_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    outbox = Outbox(writer)
    outbox.post(Goodbye("ended"))
    outbox.close(patience=5.0)
    os.close(writer)

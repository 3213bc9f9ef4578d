"""Background tasks: what becomes of the exceptions that nobody awaits."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest
from aiortc.exceptions import InvalidStateError

from voicechat.tasks import report


@pytest.mark.parametrize(
    ("error", "is_logged"),
    [
        (ConnectionError("not connected"), False),
        (InvalidStateError("RTCIceTransport is closed"), False),
        (InvalidStateError("Cannot create offer in signaling state stable"), True),
        (KeyError("x"), True),
    ],
)
async def test_send_to_a_lost_peer_in_a_library_task_logs_no_traceback_but_a_defect_does(
    error: Exception, is_logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def flush() -> None:
        raise error

    asyncio.get_running_loop().set_exception_handler(report)
    task = asyncio.get_running_loop().create_task(flush())
    await asyncio.wait([task])
    del task
    gc.collect()
    assert any(record.exc_info for record in caplog.records) == is_logged


@pytest.mark.parametrize("is_closed", [True, False])
async def test_send_through_a_closed_socket_logs_no_traceback(
    is_closed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    transport.close()
    await asyncio.sleep(0)
    loop.set_exception_handler(report)
    late: Callable[[bytes, tuple[str, int]], object] = transport.sendto if is_closed else lambda *sent: sent.nothing  # type: ignore[attr-defined]
    loop.call_soon(late, b"again", ("127.0.0.1", 9))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert any(record.exc_info for record in caplog.records) is not is_closed

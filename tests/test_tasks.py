"""Background tasks: what becomes of the exceptions that nobody awaits."""

from __future__ import annotations

import asyncio
import gc

import pytest

from voicechat.tasks import report


@pytest.mark.parametrize(("error", "is_logged"), [(ConnectionError("not connected"), False), (KeyError("x"), True)])
async def test_a_library_task_that_sends_to_a_lost_peer_leaves_no_traceback_and_a_defect_does(
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

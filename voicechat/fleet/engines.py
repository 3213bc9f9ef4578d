"""Who reads the files of a scan: processes of this machine, or tasks of a Ray cluster. Both give the same rows.

A worker is told paths and gives rows as msgpack. What was under way when a worker died is read again, one file after
another; a file that kills its reader then too is a row with that reason.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from multiprocessing import active_children, connection, get_context, parent_process
from typing import Any

import msgspec

from voicechat.errors import ConfigError, require_extra
from voicechat.fleet.rows import Rows, rows_of, stamp_of, unread

Batch = tuple[str, ...]
"""Paths that one worker is told at once."""
Read = tuple[str, Rows]
"""A path and its rows."""
Engine = Callable[[Sequence[Batch]], Iterator[Read]]
decode = msgspec.msgpack.Decoder(tuple[str, dict[str, list[list[Any]]]]).decode


def read_batch(batch: Batch) -> list[bytes]:
    """What a worker does: each file's path and rows, as msgpack."""
    rows = [msgspec.msgpack.encode((path, rows_of(path))) for path in batch]
    gc.collect()
    return rows


Submit = Callable[[Batch, bool], Future[list[bytes]]]
"""Lets a worker read a batch; True: while nothing else is read."""


def _read_all(
    batches: Sequence[Batch], submit: Submit, most: Callable[[], int], is_death: Callable[[Exception], bool]
) -> Iterator[Read]:
    """`most` batches are under way at once; `is_death`: an error says that a worker died."""
    todo, again, running = deque(batches), deque[Batch](), dict[Future[list[bytes]], Batch]()
    while todo or again or running:
        while todo and len(running) < most():
            batch = todo.popleft()
            running[submit(batch, False)] = batch
        if alone := not running:
            batch = again.popleft()
            running[submit(batch, True)] = batch
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            batch = running.pop(future)
            try:
                yield from map(decode, future.result())
            except Exception as error:
                if not is_death(error):
                    raise
                if alone:
                    yield batch[0], unread(*stamp_of(batch[0]), f"its reader died twice: {error}")
                else:
                    again.extend((path,) for path in batch)


def local(workers: int, batches: Sequence[Batch]) -> Iterator[Read]:
    """Processes of this machine."""
    others, pools = set(active_children()), dict[bool, ProcessPoolExecutor]()

    def submit(batch: Batch, alone: bool) -> Future[list[bytes]]:
        try:
            return pools[alone].submit(read_batch, batch)
        except (KeyError, BrokenExecutor):  # there is none yet, or one of its workers died
            pools[alone] = ProcessPoolExecutor(1 if alone else workers, get_context("spawn"), _begin_worker)
            return pools[alone].submit(read_batch, batch)

    try:
        yield from _read_all(batches, submit, lambda: 2 * workers, lambda error: isinstance(error, BrokenExecutor))
    finally:
        for pool in pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        for process in set(active_children()) - others:
            process.kill()


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for who scans, who ends us
    os.dup2(2, 1)  # stdout is data
    gc.disable()  # what is read is no cycle; looking for some took a fifth of the time
    gc.freeze()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Workers of a pool outlive a parent that is killed."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def on_ray(address: str, batches: Sequence[Batch]) -> Iterator[Read]:
    """Tasks of a running cluster whose machines see the same files under the same paths and have voicechat installed.

    Raises ConfigError where there is no Ray, no cluster, or no voicechat on it.
    """
    require_extra("ray", "--engine ray needs", "ray")
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        hint = "`ray start --head` starts a cluster; give its address with --ray-address"
        raise ConfigError(f"there is no Ray cluster at {address}: {error}", hint=hint) from error
    task = ray.remote(max_retries=2)(read_batch)

    def is_death(error: Exception) -> bool:
        return isinstance(error, RayError) and not isinstance(error, RayTaskError)

    def most() -> int:
        return 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))  # a cluster may grow, and lose machines

    try:
        yield from _read_all(batches, lambda batch, alone: task.remote(batch).future(), most, is_death)
    except RayTaskError as error:
        hint = "install the same version of voicechat on each machine of the cluster"
        raise ConfigError(f"a task of the cluster failed: {error.cause!r}", hint=hint) from error
    finally:
        ray.shutdown()

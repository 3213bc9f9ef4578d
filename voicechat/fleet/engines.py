"""Who reads the files of a scan: processes of this machine, or tasks of a Ray cluster. Both give the same rows.

A worker is told paths and gives rows as msgpack. It is no pool of multiprocessing, whose workers outlive a parent that
is killed: these end when their standard input does. A file whose reader dies twice is a row with that reason.
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import IO, Any, cast

import msgspec

from voicechat.errors import ConfigError
from voicechat.fleet.rows import Rows, rows_of, stamp_of, unread

Batch = tuple[str, ...]
"""Paths that one worker is told at once."""
Read = tuple[str, Rows]
"""A path and its rows."""
Engine = Callable[[Sequence[Batch]], Iterator[Read]]
TRIES = 2
WAITING = 256
"""Files read and not yet taken, at most."""
COLLECT_EVERY = 64
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, dict[str, list[list[Any]]]]).decode
_decode_batch = msgspec.msgpack.Decoder(tuple[str, ...]).decode


def _died(path: str, why: str) -> Read:
    return path, unread(*stamp_of(path), f"its reader died {TRIES} times: {why}")


def local(workers: int) -> Engine:
    """Processes of this machine."""

    def read(batches: Sequence[Batch]) -> Iterator[Read]:
        todo, done = deque(batches), queue.Queue[Read | BaseException | None](WAITING)
        alive: list[_Worker] = []
        threads = [threading.Thread(target=_tend, args=(todo, done, alive), daemon=True) for _ in range(workers)]
        for thread in threads:
            thread.start()
        left = workers
        try:
            while left:
                match done.get():
                    case None:
                        left -= 1
                    case BaseException() as error:
                        raise error
                    case result:
                        yield result
        finally:
            todo.clear()
            for worker in alive:
                worker.kill()

    return read


def _tend(todo: deque[Batch], done: queue.Queue[Read | BaseException | None], alive: list[_Worker]) -> None:
    """Keep one worker busy, and put another in its place where it dies."""
    worker: _Worker | None = None
    try:
        while todo:
            try:
                left = deque(todo.popleft())
            except IndexError:  # another thread took the last one
                break
            deaths = 0
            while left:
                if worker is None:
                    alive.append(worker := _Worker())
                for result in worker.read(tuple(left)):
                    done.put(result)
                    left.popleft()
                    deaths = 0
                if left:
                    alive.remove(worker)
                    why, worker, deaths = worker.kill(), None, deaths + 1
                    if deaths == TRIES:
                        done.put(_died(left.popleft(), why))
                        deaths = 0
        done.put(None)
    except BaseException as error:  # told to the thread that waits, which raises it
        done.put(error)


class _Worker:
    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "voicechat.fleet.engines"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, batch: Batch) -> Iterator[Read]:
        """The rows of each file, as far as the worker lives."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            _write(self._process.stdin, _encode(batch))
        except OSError:
            return
        for _ in batch:
            if (frame := _frame(self._process.stdout)) is None:
                return
            yield _decode(frame)

    def kill(self) -> str:
        """End it, if it has not ended; how it did."""
        self._process.kill()
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):  # what it was told and did not read goes with it
                cast(IO[bytes], pipe).close()
        return f"signal {-status}" if status < 0 else f"status {status}"


def work(source: IO[bytes], sink: IO[bytes]) -> None:
    """A worker's life: until its standard input ends."""
    gc.disable()  # what is read is no cycle; looking for some took a fifth of the time
    count = 0
    while (frame := _frame(source)) is not None:
        for path in _decode_batch(frame):
            _write(sink, _encode((path, rows_of(path))))
            count += 1
            if count % COLLECT_EVERY == 0:
                gc.collect()


def _write(stream: IO[bytes], frame: bytes) -> None:
    stream.write(struct.pack("<I", len(frame)) + frame)
    stream.flush()


def _frame(stream: IO[bytes]) -> bytes | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = struct.unpack("<I", head)[0]
    frame = stream.read(size)
    return frame if len(frame) == size else None


def on_ray(address: str) -> Engine:
    """Tasks of a running cluster whose machines see the same files under the same paths and have voicechat installed.

    Raises ConfigError where there is no Ray, no cluster, or no voicechat on it.
    """
    try:
        import ray
        from ray.exceptions import RayError, RayTaskError
    except ImportError as error:
        raise ConfigError("--engine ray needs Ray", hint='pip install "voicechat[fleet,ray]"') from error

    def read(batches: Sequence[Batch]) -> Iterator[Read]:
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            hint = "`ray start --head` starts a cluster; give its address with --ray-address"
            raise ConfigError(f"there is no Ray cluster at {address}: {error}", hint=hint) from error
        try:
            yield from _tasks(batches)
        finally:
            ray.shutdown()

    def _tasks(batches: Sequence[Batch]) -> Iterator[Read]:
        task = ray.remote(max_retries=TRIES)(read_batch)
        todo, running = deque(batches), dict[Any, Batch]()
        while todo or running:
            most = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while todo and len(running) < most:
                batch = todo.popleft()
                running[task.remote(batch)] = batch
            for ref in ray.wait(list(running), num_returns=1)[0]:
                batch = running.pop(ref)
                try:
                    yield from map(_decode, ray.get(ref))
                except RayTaskError as error:
                    hint = "install the same version of voicechat on each machine of the cluster"
                    raise ConfigError(f"a task of the cluster failed: {error.cause!r}", hint=hint) from error
                except RayError as error:  # its machine or process died more often than it may
                    if len(batch) > 1:
                        todo.extend((path,) for path in batch)
                    else:
                        yield _died(batch[0], type(error).__name__)

    return read


def read_batch(batch: Batch) -> list[bytes]:
    """A task of the cluster: each file's path and rows, as msgpack."""
    return [_encode((path, rows_of(path))) for path in batch]


def main() -> None:
    """The process of a local worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for who scans; we end when our input does
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that is printed may come between the frames
    try:
        work(sys.stdin.buffer, sink)
    except BrokenPipeError:
        os._exit(1)  # who scans is gone


if __name__ == "__main__":
    main()

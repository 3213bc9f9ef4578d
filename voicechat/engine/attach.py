"""A second client of a running engine, which only looks: the frames of its link over its private door."""

from __future__ import annotations

import socket
import threading

from voicechat.core.user_events import UserAct
from voicechat.engine.door import knock
from voicechat.engine.host import Deliver
from voicechat.engine.link import EngineHello, FromEngine, Goodbye, from_engine, mismatch
from voicechat.errors import EngineError
from voicechat.exit_codes import ENGINE_DIED

GONE = "the talk that was watched has ended"
CUT_OFF = "the connection to the watched talk was lost; the talk goes on"


class WatchedEngine:
    """The `Engine` of a screen that watches. `deliver` is called from the reader thread; the last word is a Goodbye."""

    def __init__(self, folder: str, number: int) -> None:
        self._folder = folder
        self._number = number
        self._door: socket.socket | None = None
        self._deliver: Deliver = lambda message: None
        self._reader: threading.Thread | None = None

    def connect(self) -> None:
        """Come in. Raises EngineError where the talk cannot be watched."""
        try:
            door = knock(self._folder, self._number)
            door.sendall(b"watch\n")
            answer = _line(door)
        except (OSError, ValueError) as error:
            raise EngineError(
                f"talk {self._number} cannot be watched: {error}", hint="`voicechat ctl sessions`"
            ) from error
        if answer != "ok":
            door.close()
            raise EngineError(f"talk {self._number} cannot be watched: {answer or 'it no longer accepts viewers'}")
        door.settimeout(None)
        self._door = door

    def start(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._reader = threading.Thread(target=self._read, name="watch-reader", daemon=True)
        self._reader.start()

    def send(self, event: UserAct) -> None:
        """A spectator has nothing to say."""

    def restart(self) -> None:
        """Look again whether the talk is there."""
        self.close()
        try:
            self.connect()
        except EngineError as error:
            self._deliver(Goodbye(error.message))
            return
        self.start(self._deliver)

    def close(self) -> None:
        """Leave; the talk goes on."""
        door, self._door = self._door, None
        if door is not None:
            try:
                door.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was closed from the other side
            door.close()

    def _read(self) -> None:
        door = self._door
        if door is None:
            return
        last: FromEngine | None = None
        try:
            with door.makefile("rb") as stream:
                for message in from_engine(stream):
                    last = message
                    if isinstance(message, EngineHello) and (why := mismatch(message)):
                        last = Goodbye(why, exit_code=ENGINE_DIED)
                        break
                    if not isinstance(message, Goodbye):
                        self._deliver(message)
        except OSError:
            pass  # cut off: the same as an end
        if self._door is door:
            self._deliver(Goodbye(self._why_ended(last), exit_code=0))

    def _why_ended(self, last: FromEngine | None) -> str:
        if isinstance(last, Goodbye):
            return last.cause if last.exit_code else GONE
        try:
            knock(self._folder, self._number).close()
        except (OSError, ValueError):
            return GONE
        return CUT_OFF


def _line(door: socket.socket) -> str:
    """One line, byte by byte: what follows it is already frames."""
    said = b""
    while not said.endswith(b"\n") and len(said) < 400:
        byte = door.recv(1)
        if not byte:
            break
        said += byte
    return said.decode("utf-8", "replace").strip()

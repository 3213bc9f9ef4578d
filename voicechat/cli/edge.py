"""The edge of the process: every expected failure is one sentence on stderr and its own exit status."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable

TYPE_CHECKING = False  # without `typing`, 3 ms of the 10 that `ctl` may take
if TYPE_CHECKING:
    from typing import TextIO

_SUSPECT = re.compile(r"[^\t\n -~\u00a1-\u00ac\u00ae-\u052f]")
_OURS = re.compile(r"(\r\n|\r?\x1b\[[0-9]{0,3}[AK]|\x1b\[[0-9;]{0,20}m|\x1b\[\?25[hl])")
"""What our own output needs: colours, the cursor hidden, and a line that is written again."""


_COMMAND = re.compile(r"\b(?:voicechat(?= \w| -)|(?:apt|pip|brew|systemctl)(?= ))")
"""A command in a sentence."""


class _Harmless:
    """A text stream on which nothing that was quoted (an argument, a path, an exception) commands the terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, control characters as `\\x1b`."""
        self._stream.write(_harmless(text) if _SUSPECT.search(text) else text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def protect_the_terminal() -> None:
    """Let no output of ours pass on what commands a terminal. Data that goes into a pipe or a file stays as it is."""
    if sys.stderr is not None:
        sys.stderr = _Harmless(sys.stderr)
    if sys.stdout is not None and sys.stdout.isatty():
        sys.stdout = _Harmless(sys.stdout)


def with_command(complaint: str, command: str = "") -> str:
    """An error ends in a command to copy: its own, else the help of the command that was given."""
    if _COMMAND.search(complaint.removeprefix("voicechat: ")):
        return complaint
    return f"{complaint}\n  try: {' '.join(('voicechat', *command.split(), '--help'))}"


def _harmless(text: str) -> str:
    from voicechat.ui.sanitise import show  # most output has nothing to look at

    if text == "\r":
        return text
    return "".join(part if _OURS.fullmatch(part) else show(part) for part in _OURS.split(text))


def guarded(act: Callable[[], int], command: str = "") -> int:
    """What `act` returns, or the status of the error that ended it. `command` is the one whose help is named then."""
    from voicechat import exit_codes  # `ctl` has no use for them
    from voicechat.errors import VoiceChatError

    try:
        return act()
    except VoiceChatError as error:
        print(with_command(f"voicechat: {error}", command), file=sys.stderr)
        return exit_codes.exit_code(error)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED

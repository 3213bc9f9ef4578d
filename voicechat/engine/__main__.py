"""The engine process: one conversation behind a pipe. `python -P -m voicechat.engine`, started by `engine.host`.

stdin and stdout carry the link, stderr goes to a log. The terminal is never touched. It ends when its stdin ends
(the client is gone), on `bye`, and on SIGTERM; the mic is closed first, and after 2 s nothing of it runs (R29).
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

from voicechat.engine.service import serve
from voicechat.heap import trim_regularly


def main() -> None:
    """Run until the client is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.setswitchinterval(0.0005)
    gc.freeze()
    trim_regularly()
    link_in, link_out = keep_pipes_clean()
    code = asyncio.run(serve(link_in, link_out))
    sys.stderr.flush()
    os._exit(code)  # a decoder thread that will not end must not keep the process (and a microphone) alive


def keep_pipes_clean() -> tuple[int, int]:
    """File descriptors of the link; whatever prints to stdout from now on (PortAudio, ALSA) goes to the log."""
    link_in, link_out = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return link_in, link_out


if __name__ == "__main__":
    main()

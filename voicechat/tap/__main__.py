"""`python -P -m voicechat.tap`: the tap's process, started by `engine.host` as an engine is."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

from voicechat.engine.__main__ import keep_pipes_clean
from voicechat.tap.service import serve


def main() -> None:
    """Run until the screen is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.setswitchinterval(0.0005)
    gc.freeze()
    link_in, link_out = keep_pipes_clean()
    code = asyncio.run(serve(link_in, link_out))
    sys.stderr.flush()
    os._exit(code)  # a decoder thread that will not end must not keep the process alive


if __name__ == "__main__":
    main()

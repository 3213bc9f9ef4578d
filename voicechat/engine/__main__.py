"""The engine process: one conversation behind a pipe. `python -P -m voicechat.engine`, started by `engine.host`.

stdin and stdout carry the link, stderr goes to a log. The terminal is never touched. It ends when its stdin ends
(the client is gone), on `bye`, and on SIGTERM; the mic is closed first, and after 2 s nothing of it runs (R29).
"""

from __future__ import annotations

from voicechat.engine.pipe import run_process
from voicechat.engine.service import Service


def main() -> None:
    """Run until the client is gone."""
    run_process(Service)


if __name__ == "__main__":
    main()

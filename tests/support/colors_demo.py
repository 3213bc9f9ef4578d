"""The demo screen in the colours the terminal asks for: `python -m tests.support.colors_demo LOG SECONDS`.

SECONDS is how long loading the screen takes, during which the terminal may answer.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.support.demo_screen import DemoEngine
from tests.support.scenes import scenes
from voicechat.ui.app import run_app
from voicechat.ui.options import UiOptions
from voicechat.ui.terminal_colors import TerminalColors


def main() -> None:
    """Ask, load, show."""
    with TerminalColors(os.environ) as colors:
        time.sleep(float(sys.argv[2]))
        theme = "daylight" if colors.is_light() else "lamplight"
        raise SystemExit(
            run_app(DemoEngine(scenes()["ptt"], moving=False, log=Path(sys.argv[1])), UiOptions(theme=theme))
        )


if __name__ == "__main__":
    main()

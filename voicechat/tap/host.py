"""The screen's side of a tap: its process, started and watched over as an engine is."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from voicechat.config.settings import Settings
from voicechat.engine.host import EngineProcess, spawn
from voicechat.tap.wish import TapWish


class TapProcess(EngineProcess):
    """An `EngineProcess` with a tap in it."""

    def __init__(self, settings: Settings, wish: TapWish, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, environ)
        self._wish = wish

    def _spawn(self, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return spawn(environ, "voicechat.tap")

    def _hello(self) -> dict[str, Any]:
        return super()._hello() | {"tap": self._wish.plain()}

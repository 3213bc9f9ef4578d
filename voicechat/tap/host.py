"""The screen's side of a tap: its process, started and watched over as an engine is."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from voicechat.config.settings import Settings
from voicechat.engine.host import EngineProcess, spawn


@dataclass(frozen=True, slots=True)
class TapSettings:
    """The service's base URL, where to listen, where tapes go (empty: nowhere), and the call to attach to instead.

    What the user asked of a tap; it travels to the tap's process beside the settings.
    """

    upstream: str = ""
    port: int = 8765
    record: str = ""
    attach: str = ""
    to_send: tuple[str, ...] = ()


class TapProcess(EngineProcess):
    """An `EngineProcess` with a tap in it."""

    def __init__(self, settings: Settings, options: TapSettings, environ: Mapping[str, str] | None = None) -> None:
        super().__init__(settings, environ)
        self._options = options

    def _spawn(self, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return spawn(environ, "voicechat.tap")

    def _hello(self) -> dict[str, Any]:
        return super()._hello() | {"tap": asdict(self._options)}

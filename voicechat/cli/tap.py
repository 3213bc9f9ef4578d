"""`voicechat tap`: a client is pointed at us, we pass everything on to its service, and show it.

`voicechat attach`: the same screen on a call that runs already, over a sideband.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.config.load import load_settings
from voicechat.config.otlp import otlp_endpoint
from voicechat.errors import port_taken

SENTENCE = "this is a tap: the client acts, this screen shows"
ATTACHED = "another's call: only events are sent"


@dataclasses.dataclass(frozen=True, slots=True)
class TapOptions:
    """What the command line says. `port` 0: a free one. `attach`: the id of the call to look into, instead of a tap."""

    upstream: str = ""
    port: int = 8765
    as_json: bool = False
    plain: bool = False
    attach: str = ""
    to_send: tuple[str, ...] = ()


def tap_command(flags: Mapping[str, Any], config: Path | None, options: TapOptions) -> int:
    """Tap until the user leaves. Raises SignallingError for an address or a port that is no good."""
    settings = load_settings(flags, os.environ, config)
    otlp_endpoint(settings, os.environ)
    from voicechat.tap.host import TapProcess, TapSettings

    environ: Mapping[str, str] = os.environ
    if options.attach:
        from voicechat.config.secrets import environ_with_key

        environ = environ_with_key(settings, environ)
    wish = TapSettings(options.upstream, options.port, settings.record, options.attach, options.to_send)
    if options.as_json or options.plain or not (sys.stdout.isatty() and sys.stdin.isatty()):
        from voicechat.tap.printing import print_tap

        return print_tap(settings, wish, environ, as_json=options.as_json)
    from msgspec.structs import replace

    from voicechat.cli.chat import ui_options
    from voicechat.tap.sideband import sideband_target
    from voicechat.transports.endpoint import endpoint
    from voicechat.ui.app import run_screen
    from voicechat.ui.options import Spectator
    from voicechat.ui.viewers import ViewerApp

    if options.attach:
        sideband_target(settings, environ, options.attach)
        looks = Spectator("ATTACHED", ATTACHED, sends=True)
        attached = TapProcess(settings, wish, environ)
        return run_screen(ViewerApp(attached, replace(ui_options(settings, os.environ), spectator=looks)))
    base = endpoint(options.upstream, "")
    port = free_port(options.port)
    engine = TapProcess(settings, dataclasses.replace(wish, port=port))
    address = f"http://127.0.0.1:{port}/{base.split('/', 3)[3]}".rstrip("/")
    shown = replace(ui_options(settings, os.environ), spectator=Spectator("TAP", SENTENCE))
    welcome = replace(shown.welcome, instead=how_to(address, base.rstrip("/")))
    return run_screen(ViewerApp(engine, replace(shown, welcome=welcome)))


def how_to(address: str, upstream: str) -> tuple[str, ...]:
    """What somebody has to do now."""
    return (
        "Point your client at this base URL:",
        f"  {address}",
        "",
        f"Everything is passed on to {upstream}",
        "and back, unchanged; the key is the client's own.",
        "WebSocket and WebRTC both work.",
        "",
        "For example:",
        f"  voicechat run --text hello --base-url {address}",
        "",
        "{vc.events} shows the events and what is wrong with them.",
    )


def free_port(port: int) -> int:
    """The port, if it can be had. Raises SignallingError: better before the screen opens than on it."""
    try:
        with socket.create_server(("127.0.0.1", port)) as tried:
            return int(tried.getsockname()[1])
    except OSError as error:
        raise port_taken(port, error, "tap") from error

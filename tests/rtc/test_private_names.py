"""Every name of aiortc and aioice that is not public and that we use: it is there, and what to do when it is not."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import aioice
from aiortc import RTCDtlsTransport, RTCIceTransport, RTCRtpReceiver, RTCRtpSender

import voicechat
from tests.support.each import each

ROOT = Path(voicechat.__file__).parent
USERS = ("rtc/peer.py", "rtc/receive_path.py", "rtc/send_path.py", "tap/calls.py")
"""The files that may know them."""
SEND = "rtc/send_path.py falls back on aiortc's own loop (0.1 ms more CPU a packet): follow the name, or delete it"
TAP = (
    "rtc/receive_path.py falls back on aiortc's own buffer (92 ms for 30, and calls cannot be tapped): follow the name"
)
SHORT = "rtc/receive_path.py: packets take aiortc's queue (0.1 ms more CPU each): follow the name, or delete `shorten`"
PING = "rtc/peer.py: a dead line is noticed after 30 s for 1.2: follow the name, or ask aioice for a public one"
NAMES: dict[str, tuple[type, str]] = {
    "_run_rtp": (RTCRtpSender, SEND),
    "_RTCRtpSender__": (RTCRtpSender, SEND),
    "_ssrc": (RTCRtpSender, SEND),
    "_enabled": (RTCRtpSender, SEND),
    "_send_rtp": (RTCDtlsTransport, SEND),
    "_handle_rtp_packet": (RTCRtpReceiver, TAP),
    "_RTCRtpReceiver__jitter_buffer": (RTCRtpReceiver, TAP),
    "_RTCRtpReceiver__remote_streams": (RTCRtpReceiver, SHORT),
    "_rtp_router": (RTCDtlsTransport, SHORT),
    "_rx_srtp": (RTCDtlsTransport, SHORT),
    "_connection": (RTCIceTransport, f"{SHORT}; {PING}"),
    "_nominated": (aioice.Connection, PING),
}


def used(path: Path) -> Iterator[str]:
    """The private names of other objects that a file reads, sets or names in a string for getattr and its like."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "os")):
                yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("_"):
            if node.value.isidentifier() and node.value not in own:
                yield node.value


def imported(path: Path) -> set[str]:
    """The packages that a file imports from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_no_private_name_of_aiortc_is_used_that_this_list_does_not_explain() -> None:
    files = [path for path in ROOT.rglob("*.py") if {"aiortc", "aioice"} & imported(path)]
    assert {path.relative_to(ROOT).as_posix() for path in files} >= set(USERS)
    for path in files:
        names = set(used(path)) - {"_fields", "_replace"}
        if path.relative_to(ROOT).as_posix() in USERS:
            names -= NAMES.keys()
        assert not names, f"{path.name} uses {sorted(names)}: add it to NAMES with what to do when it is gone"


@each("name", sorted(NAMES))
def test_each_private_name_is_still_there(name: str) -> None:
    kind, what_to_do = NAMES[name]
    assert name in inspect.getsource(kind).replace("self.__", f"self._{kind.__name__}__"), (
        f"{kind.__module__}.{kind.__name__} has no {name} any more. {what_to_do}; then raise the pin in pyproject.toml"
    )

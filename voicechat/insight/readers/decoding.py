"""Bytes to text, also where a file went through the wrong encoding on its way.

Logs come out of consoles and phones: UTF-8 with and without a mark, UTF-16 from PowerShell, GBK from Chinese Windows,
and UTF-8 that somebody read as GBK or Windows-1252 and saved again. The last kind is mended run by run of foreign
letters, and only where the result is flawless UTF-8, which text that was right in the first place never is.
"""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 20
"""Bytes at the start of a file that its encoding is told from."""
_FOREIGN = re.compile(r"[^\x00-\x7f]{2,}")
LONG = 8
"""Letters of a run in which a byte may have been lost on the way."""
_UNMENDED = 2_000_000
"""Characters beyond which a run is left as it is."""


def encoding_of(sample: bytes) -> str:
    """The encoding of a file that begins with `sample`."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    head = sample[:4096]
    if head and head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    cut = sample[:_SAMPLE]
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(cut)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        codecs.getincrementaldecoder("gb18030")().decode(cut)
        return "gb18030"
    except UnicodeDecodeError:
        return "utf-8"


def mended(line: str) -> str:
    """A line with the letters it had before it was read in the wrong encoding."""
    if line.isascii() or len(line) > _UNMENDED:
        return line
    return _FOREIGN.sub(lambda run: _original(run[0]), line)


def _original(run: str) -> str:
    for raw in (_as_windows(run), _as_gbk(run)):
        if raw is None:
            continue
        text = raw.decode("utf-8", "replace")
        lost = text.count("\ufffd") - run.count("\ufffd")
        if lost <= (len(text) // 8 if len(run) >= LONG else 0) and len(text) < len(run):
            return text
    return run


def _as_windows(run: str) -> bytes | None:
    """The bytes of a run that was read as Windows-1252, whose five holes most programs fill as Latin-1 does."""
    out = bytearray()
    for mark in run:
        try:
            out += mark.encode("cp1252")
        except UnicodeEncodeError:
            if ord(mark) > 255:
                return None
            out.append(ord(mark))
    return bytes(out)


def _as_gbk(run: str) -> bytes | None:
    try:
        return run.encode("gb18030")
    except UnicodeEncodeError:
        return None

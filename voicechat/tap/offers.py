"""Requests that carry a client's session description, and answers that carry the service's. Pure.

Clients send it bare (`application/sdp`), in a form with the session beside it, or as a field of a JSON object. All
that stands around the description travels on byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

LARGEST_OFFER = 1_000_000
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
_PART_NAME = re.compile(rb'name="?sdp"?(?:[;\r\n]|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Carried:
    """A description, and what stands before and behind it in the body."""

    sdp: str
    before: bytes = b""
    after: bytes = b""
    fields: dict[str, object] | None = None
    """Of a JSON body, the description left out."""

    def with_sdp(self, sdp: str) -> bytes:
        """The same body with another description."""
        if self.fields is not None:
            return msgspec.json.encode({**self.fields, "sdp": sdp})
        return self.before + sdp.encode() + self.after


def carried(content_type: str, body: bytes) -> Carried | None:
    """The description in a body; None where there is none."""
    kind = content_type.partition(";")[0].strip().lower()
    if len(body) > LARGEST_OFFER:
        return None
    match kind:
        case "application/sdp":
            return Carried(body.decode("utf-8", "replace"))
        case "multipart/form-data":
            boundary = _BOUNDARY.search(content_type)
            return _in_form(body, boundary[1].encode()) if boundary else None
        case "application/json":
            return _in_json(body)
        case _:
            return Carried(body.decode("utf-8", "replace")) if body.lstrip()[:4] == b"v=0\r" else None


def _in_form(body: bytes, boundary: bytes) -> Carried | None:
    at = 0
    while (at := body.find(b"--" + boundary, at)) >= 0:
        head_ends = body.find(b"\r\n\r\n", at)
        if head_ends < 0:
            return None
        ends = body.find(b"\r\n--" + boundary, head_ends)
        if ends < 0:
            return None
        if _PART_NAME.search(body[at:head_ends]):
            begins = head_ends + 4
            # A length that was written for the old description would cut the new one.
            head = re.sub(rb"\r\nContent-Length:[^\r\n]*", b"", body[at:begins], flags=re.IGNORECASE)
            text = body[begins:ends].decode("utf-8", "replace")
            return Carried(text, body[:at] + head, body[ends:])
        at = ends + 2
    return None


def _in_json(body: bytes) -> Carried | None:
    try:
        told = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    text = told.get("sdp")
    if not isinstance(text, str) or not text.lstrip().startswith("v=0"):
        return None
    return Carried(text, fields={name: value for name, value in told.items() if name != "sdp"})

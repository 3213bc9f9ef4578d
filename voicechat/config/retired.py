"""What services have switched off, or will: dated data, told when a talk connects, with what takes its place.

A retired name is never refused here: a gateway may still know it, and any name is passed on. State of November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from voicechat.config.provider import Provider

RETIRED = (
    ("model", r"gpt-4o-realtime-preview(-\d{4}-\d\d-\d\d)?", date(2026, 5, 7), "gpt-realtime-2.1"),
    ("model", r"gpt-4o-mini-realtime-preview(-\d{4}-\d\d-\d\d)?", date(2026, 5, 7), "gpt-realtime-2.1-mini"),
    ("model", r"gpt-realtime(-2025-08-28)?", date(2027, 1, 20), "gpt-realtime-2.1"),
    ("model", r"gpt-realtime-mini(-2025-12-15)?", date(2027, 1, 20), "gpt-realtime-2.1-mini"),
    ("transcription model", r"whisper-1", date(2027, 2, 26), "gpt-transcribe"),
    ("transcription model", r"gpt-4o(-mini)?-transcribe(-.*)?", date(2027, 2, 26), "gpt-transcribe"),
)
"""(what it names, the whole name in lower case, when it ends, what to use) of OpenAI's names. Exactly these:
gpt-realtime-1.5, -2 and -2.1 go on."""


def retired_notes(provider: Provider, session: Mapping[str, Any], today: date) -> Iterator[str]:
    """One sentence for each retired name in use, with its replacement; nothing for services that name freely."""
    if not _names_like_openai(provider):
        return
    yield from _models(session, today)
    if _is_openai(provider):
        for name, value in provider.headers.items():
            if name.lower() == "openai-beta" and "realtime" in value.lower():
                yield f"The header {name} asks for OpenAI's beta interface, which ended in May 2026: leave it out."
        if provider.dialect == "beta":
            yield "OpenAI's beta dialect ended in May 2026: use dialect ga, or auto."
    if provider.query.get("webrtcfilter") == "on":
        yield "webrtcfilter=on keeps errors and the ends of answers from this program: leave it out."


def _models(session: Mapping[str, Any], today: date) -> Iterator[str]:
    heard = (session.get("audio") or {}).get("input") or {}
    transcription = heard.get("transcription") or {}
    for kind, name in (("model", session.get("model")), ("transcription model", transcription.get("model"))):
        for of, pattern, ends, instead in RETIRED:
            if of == kind and re.fullmatch(pattern, str(name or "").lower()):
                tense = "was switched off" if ends <= today else "will be switched off"
                yield f"The {kind} {name} {tense} at OpenAI on {ends.isoformat()}: use {instead}."


def _is_openai(provider: Provider) -> bool:
    return (urlsplit(provider.base_url).hostname or "").endswith("openai.com")


def _names_like_openai(provider: Provider) -> bool:
    """OpenAI itself, and gateways whose models are OpenAI's. Azure's are names of deployments."""
    return _is_openai(provider) or provider.name in ("newapi", "litellm")

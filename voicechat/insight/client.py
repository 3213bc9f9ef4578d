"""Which language and library wrote a log, so that a cure can be told in them.

Told by what only one of them prints: its tracebacks, its way to print an object, the names of its modules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LANGUAGES = {
    "Python": r"Traceback \(most recent call last\)|File \"[^\"\n]{1,200}\.py\", line \d|\b\w{1,40}\.py:\d|\{'type': |"
    r"\basyncio\b|\bsite-packages\b",
    "JavaScript": r"\bnode:internal|\bUncaught \(in promise\)|\b[\w.-]{1,60}\.(?:m?js|tsx?|jsx)(?:\?\S{1,40})?:\d|"
    r"\{\s{0,3}type: '|^\s{1,4}type: '|\bInvalidStateError\b|\[Object\]",
    "Java or Kotlin": r"\bat [\w.$]{1,120}\(\w{1,60}\.(?:java|kt):\d|\bjava\.\w|\bkotlinx?\.\w|\bokhttp3?\b",
    "C#": r"\bat [\w.`<>]{1,120}\([^)\n]{0,200}\) in \S{1,200}\.cs:line \d|"
    r"\bSystem\.\w{1,60}(?:\.\w{1,60}){0,3}Exception\b",
    "Swift": r"\b\w{1,60}\.swift:\d|\bNSURLErrorDomain\b|\bURLSessionWebSocketTask\b|\bAVAudio\w",
    "Go": r"\bgoroutine \d|\b\w{1,60}\.go:\d",
    "Rust": r"\bpanicked at\b|\b\w{1,60}\.rs:\d|\btungstenite\b",
    "C or C++": r"^[IWE] \(\d{1,9}\) [\w-]{1,40}:|\b\w{1,60}\.(?:c|cc|cpp):\d|\bESP_ERR_\w",
    "Dart": r"\b\w{1,60}\.dart:\d|^flutter:|^I/flutter",
}
_LIBRARIES = {
    "livekit-agents": (
        r"\blivekit\.agents\b|\blivekit[-/]agents\b|\blivekit\.plugins\b",
        "openai.realtime.RealtimeModel(...)",
    ),
    "pipecat": (r"\bpipecat\b", "SessionProperties(...) of OpenAIRealtimeLLMService"),
    "openai-agents": (
        r"\bagents[./]realtime\b|@openai/agents|\bRealtimeSession\b",
        "the config of RealtimeSession (JavaScript) or RealtimeRunner (Python)",
    ),
    "openai-realtime-api-beta": (r"\bRealtimeClient\.|\brealtime-api-beta\b", "client.updateSession({...})"),
    "chainlit": (r"\bchainlit\b", ""),
    "FastRTC": (r"\bfastrtc\b", ""),
    "LiteLLM": (r"\blitellm\b", ""),
    "Twilio Media Streams": (r"\bstreamSid\b|\btwilio\b", ""),
    "aiortc": (r"\baiortc\b|\baioice\b", ""),
    "aiohttp": (r"\baiohttp\b", ""),
    "websockets": (r"\bwebsockets\.(?:exceptions|legacy|asyncio|client)\b|\bno close frame received\b", ""),
    "websocket-client": (r"\bwebsocket\._(?:app|core|http|logging)\b|\bWebSocketBadStatusException\b|-\+-\+-", ""),
    "ws": (r"node_modules/ws/", ""),
    "OkHttp": (r"\bokhttp3?\b", ""),
}
"""A pattern, and where a session is configured with it; the first one that is met counts."""
_SPEAKS = [(name, re.compile(pattern, re.MULTILINE)) for name, pattern in _LANGUAGES.items()]
_USES = [(name, re.compile(pattern, re.I), where) for name, (pattern, where) in _LIBRARIES.items()]
LOOKED_AT = 64 * 1024
"""Characters at the beginning of a log."""
MOST_COUNTED = 50


@dataclass(frozen=True, slots=True)
class Client:
    """Empty where the log does not tell."""

    language: str = ""
    library: str = ""
    configured: str = ""
    """Where that library takes the session's configuration."""

    @property
    def words(self) -> str:
        """`Python, livekit-agents`."""
        return ", ".join(filter(None, (self.language, self.library)))


def client_of(text: str) -> Client:
    """`text`: the beginning of a log. A language that another one is as likely as is none."""
    text = text[:LOOKED_AT]
    counts = sorted(((_count(pattern, text), name) for name, pattern in _SPEAKS), reverse=True)
    (most, language), (second, _) = counts[0], counts[1]
    library, where = next(((name, where) for name, pattern, where in _USES if pattern.search(text)), ("", ""))
    return Client(language if most > second else "", library, where)


def _count(pattern: re.Pattern[str], text: str) -> int:
    found = 0
    for found, _ in enumerate(pattern.finditer(text), 1):
        if found >= MOST_COUNTED:
            break
    return found

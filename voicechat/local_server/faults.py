"""Misbehaviour on order, for trying what a client does on a bad day: `voicechat serve --fault NAME` or `NAME=VALUE`.

One fault at a time, chosen at start. Each was seen at a real service or gateway, or follows from a rule a client must
keep. Nothing here changes what the server does without one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from voicechat.errors import ConfigError
from voicechat.protocol.items import ErrorDetail
from voicechat.protocol.server_events import ServerError, ServerEvent, type_of
from voicechat.protocol.session_dialects import has_path

FAULTS = {
    "unauthorised": "the handshake gets 401 invalid_api_key",
    "quota": "the handshake gets 429 insufficient_quota",
    "rate-limited": "the handshake gets 429 with Retry-After; the value is its seconds (default 2)",
    "not-found": "the handshake gets 404",
    "server-error": "the handshake gets 500",
    "html": "the handshake gets a web page",
    "bad-sdp": "the handshake gets 201 and no session description",
    "no-candidates": "the answer names no address",
    "never-answers": "the handshake gets no reply at all",
    "silent": "the line opens and no event ever comes",
    "no-session-updated": "session.update is obeyed but not confirmed",
    "no-output-buffer-events": "output_audio_buffer.* never come, as with LocalAI",
    "no-response-done": "responses never say that they are done",
    "no-transcripts": "the user's words never come",
    "no-responses": "response.create gets no answer of any kind",
    "fails-responses": "every response ends as failed: server_error",
    "mute": "answers come with all events, but their sound is silence",
    "slow-first-sound": "every answer takes so many seconds longer (default 3)",
    "refuses-field": "a session.update with this field is refused (default session.audio.input.noise_reduction)",
    "error": "an error event with this code follows session.created (default server_error)",
    "closes-after": "the line closes after so many seconds (default 5)",
    "expires-after": "the session expires after so many seconds (default 10): an error, then the line closes",
    "nonsense": "broken JSON and unknown events come between the real ones",
    "beta": "the session speaks the beta dialect whatever the client speaks",
}
"""Name -> what happens."""

_DEFAULTS = {
    "rate-limited": "2",
    "slow-first-sound": "3",
    "closes-after": "5",
    "expires-after": "10",
    "refuses-field": "session.audio.input.noise_reduction",
    "error": "server_error",
}
_HIDDEN = {
    "silent": "",
    "no-session-updated": "session.updated",
    "no-output-buffer-events": "output_audio_buffer.",
    "no-response-done": "response.done",
    "no-transcripts": "conversation.item.input_audio_transcription.",
}
"""How the types of the events begin that a fault hides."""
_HTTP = {
    "unauthorised": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "rate-limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    "not-found": (404, "invalid_request_error", "not_found", "There is nothing at this address."),
    "server-error": (500, "server_error", "server_error", "The server had an error."),
}
_PAGES = {
    "html": (200, "text/html", "<!doctype html><title>Welcome</title><h1>It works!</h1>"),
    "bad-sdp": (201, "application/sdp", "v=0 this is no session description"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """The fault in force; `name` is empty when all is well."""

    name: str = ""
    value: str = ""

    def seconds(self, name: str) -> float | None:
        """The value of a fault that is a time; None unless this fault is in force."""
        return float(self.value) if self.name == name else None

    def http_answer(self) -> tuple[int, str, str] | None:
        """Status, type and text of what every handshake gets, if this is a fault of the handshake."""
        if self.name in _HTTP:
            status, kind, code, message = _HTTP[self.name]
            error = {"message": message, "type": kind, "code": code, "param": None}
            return status, "application/json", json.dumps({"error": error})
        return _PAGES.get(self.name)

    def change_answer(self, sdp: str) -> str:
        if self.name != "no-candidates":
            return sdp
        return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith("a=candidate"))

    def hides(self, event: ServerEvent) -> bool:
        return self.name in _HIDDEN and type_of(event).startswith(_HIDDEN[self.name])

    def refuses(self, session: object) -> str:
        """The path of the field that this fault refuses, if the session of an update has it."""
        path = tuple(self.value.split(".")[1:])
        is_there = self.name == "refuses-field" and isinstance(session, dict) and has_path(session, path)
        return self.value if is_there else ""

    def opening_error(self) -> ServerError | None:
        if self.name != "error":
            return None
        return ServerError(error=ErrorDetail(type="server_error", code=self.value, message=f"Fault: {self.value}."))

    def nonsense(self) -> tuple[str, ...]:
        if self.name != "nonsense":
            return ()
        return ("{this is not JSON", '{"type": "surprise.happened", "event_id": "event_x", "depth": [[[[]]]]}', "[]")


NO_FAULT = Fault()


def read_fault(text: str) -> Fault:
    """The fault that `NAME` or `NAME=VALUE` asks for. Raises ConfigError for an unknown one."""
    name, _, value = text.strip().partition("=")
    if not name:
        return NO_FAULT
    if name not in FAULTS:
        raise ConfigError(f"--fault {name[:40]} is not known", hint=f"one of: {', '.join(FAULTS)}")
    value = value or _DEFAULTS.get(name, "")
    if _DEFAULTS.get(name, "").isdigit() and not re.fullmatch(r"\d{1,6}(\.\d*)?|\.\d+", value):
        raise ConfigError(f"--fault {name} needs a number of seconds, not {value[:40]!r}", hint=f"--fault {name}=5")
    return Fault(name, value)

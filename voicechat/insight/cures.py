"""The change that cures each finding, as a few lines of somebody else's client: JavaScript and Python.

Ours is cured by a line of its configuration, which the finding itself names. In a log of another client the same cure
is a call. The snippets speak GA; `for_beta` gives them the beta spelling where the log speaks beta.
`send` sends one event as JSON over the WebSocket or the data channel.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

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
    """Empty where the log does not tell.

    Which language and library wrote a log, so that a cure can be told in them.

    Told by what only one of them prints: its tracebacks, its way to print an object, the names of its modules.
    """

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


@dataclass(frozen=True, slots=True)
class Snippets:
    """The same change twice."""

    js: str
    python: str


def _both(js: str, python: str = "") -> Snippets:
    """Where only one is given, the event is the same in both languages."""
    return Snippets(js.strip("\n"), (python or js).strip("\n"))


def _event(json: str) -> Snippets:
    """One event to send; written so that it is right in either language."""
    as_python = re.sub(r"\b(true|false|null)\b", lambda word: _PYTHON[word[0]], json)
    return Snippets(f"send({json});", f"await send({as_python})")


_PYTHON = {"true": "True", "false": "False", "null": "None"}


def _vad(fields: str) -> Snippets:
    inner = f'{{"turn_detection": {{"type": "server_vad", {fields}}}}}'
    return _event(f'{{"type": "session.update", "session": {{"type": "realtime", "audio": {{"input": {inner}}}}}}}')


_ONE_AUTHOR = _both(
    """
let running = false, wanted = false;                 // the only place that creates
function ask() { if (running) wanted = true; else { running = true; send({type: "response.create"}); } }
on("response.created", () => { running = true; });
on("response.done", () => { running = false; if (wanted) { wanted = false; ask(); } });
""",
    """
running = wanted = False                             # the only place that creates
async def ask():
    global running, wanted
    if running:
        wanted = True
        return
    running = True
    await send({"type": "response.create"})
async def on_response_done(event):
    global running, wanted
    running = False
    if wanted:
        wanted = False
        await ask()
""",
)
_NO_STRAY_CANCEL = _both(
    """
// the only place that cancels; no timer, mic handler or side request calls it
function stopAnswer() { if (running) send({type: "response.cancel"}); silenceLoudspeaker(); }
onStopKey(stopAnswer); onBargeIn(stopAnswer);
""",
    """
# the only place that cancels; no timer, mic handler or side request calls it
async def stop_answer():
    if running: await send({"type": "response.cancel"})
    silence_loudspeaker()
""",
)
_REOPEN = _both(
    """
let reopenTimer;
const reopen = () => { clearTimeout(reopenTimer); reopenTimer = setTimeout(() => { mic.enabled = true; }, 300); };
on("output_audio_buffer.started", () => { clearTimeout(reopenTimer); mic.enabled = false; });
on("output_audio_buffer.stopped", reopen);
on("output_audio_buffer.cleared", reopen);
on("response.done", () => whenSilentFor(600, reopen));  // analyser on the remote track, or an empty queue
pc.addEventListener("connectionstatechange", () => { if (pc.connectionState !== "connected") reopen(); });
""",
    """
async def on_event(event):
    match event["type"]:
        case "output_audio_buffer.started": mic.close()
        case "output_audio_buffer.stopped": mic.open_in(0.3)
        case "output_audio_buffer.cleared": mic.open_in(0.3)
        case "response.done": player.when_silent_for(0.6, mic.open)
""",
)
_RECONNECT = _both(
    """
async function again(attempt = 0) {                    // a new session; ids of the old one mean nothing
  await sleep([0, 500, 1000, 2000, 5000][Math.min(attempt, 4)]);
  await connect().catch(() => again(attempt + 1));
}
""",
    """
for pause in (0, 0.5, 1, 2, 5):                        # a new session; ids of the old one mean nothing
    await asyncio.sleep(pause)
    if await connect(): break
""",
)
_CREATE = _event('{"type": "response.create"}')
_TRANSCRIBE = _event(
    '{"type": "session.update", "session": {"type": "realtime", '
    '"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}}'
)
_SESSION = _event(
    '{"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": '
    '{"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}}}}}'
)
_ECHO = _both(
    """
const stream = await navigator.mediaDevices.getUserMedia(
  {audio: {echoCancellation: true, noiseSuppression: true, autoGainControl: true}});
on("output_audio_buffer.started", () => { mic.enabled = false; });   // or wear headphones
on("output_audio_buffer.stopped", () => setTimeout(() => { mic.enabled = true; }, 300));
""",
    """
if not player.is_audible(): await send({"type": "input_audio_buffer.append", "audio": chunk})
# send nothing (or silence) while the assistant is audible and for 0.3 s after; or wear headphones
""",
)
_KEY = _both(
    "headers: {Authorization: `Bearer ${process.env.OPENAI_API_KEY}`}   // of this service and project, and complete",
    'headers = {"Authorization": f"Bearer {os.environ[\'OPENAI_API_KEY\']}"}   # of this service and project',
)
_FRESH_TOKEN = _both(
    """
const {value} = await (await fetch("/token", {method: "POST"})).json();  // right before each connect, never kept
await connect(value);
""",
    """
token = (await http.post(url + "/v1/realtime/client_secrets", headers=headers, json=wish)).json()["value"]
await connect(token)                                   # right before each connect, never kept
""",
)
_BACK_OFF = _both(
    'on("rate_limits.updated", e => { waitFor(Math.max(...e.rate_limits.map(l => l.reset_seconds))); });',
    'resume_at = now + max(limit["reset_seconds"] for limit in event["rate_limits"])   # of rate_limits.updated',
)
CURES: dict[str, Snippets] = {
    "mic-never-reopened": _REOPEN,
    "mic-reopened-too-early": _REOPEN,
    "mic-open-during-playback": _ECHO,
    "self-echo": _ECHO,
    "mic-silent": _both(
        "const track = stream.getAudioTracks()[0]; console.log(track.label, track.muted, track.readyState);",
        "print(sounddevice.query_devices())   # choose one that is no monitor, and allow the microphone",
    ),
    "segments-too-short": _vad('"silence_duration_ms": 700'),
    "barge-in-too-eager": _vad('"threshold": 0.7, "interrupt_response": false'),
    "empty-transcript": _both(
        """
// turn_detection: {type: "server_vad", threshold: 0.6, create_response: false}
on("conversation.item.input_audio_transcription.completed", e => { if (/[\\p{L}\\p{N}]/u.test(e.transcript)) ask(); });
""",
        """
# turn_detection: {"type": "server_vad", "threshold": 0.6, "create_response": False}
if any(mark.isalnum() for mark in event["transcript"]): await ask()
""",
    ),
    "unknown-session-field": _SESSION,
    "wrong-field-type": _SESSION,
    "dialect-mismatch": _SESSION,
    "beta-retired": _both(
        'new WebSocket(url, {headers: {Authorization: `Bearer ${key}`}});   // without "OpenAI-Beta": "realtime=v1"',
        'connect(url, additional_headers={"Authorization": f"Bearer {key}"})   # without OpenAI-Beta',
    ),
    "model-retired": _both(
        'const url = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1";',
        'url = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"',
    ),
    "voice-locked": _both(
        "if (heardAudio) delete session.audio?.output?.voice;   // before every later session.update",
        'if heard_audio: session.get("audio", {}).get("output", {}).pop("voice", None)',
    ),
    "config-too-late": _both(
        'mic.enabled = false; on("session.updated", () => { mic.enabled = true; });   // nothing before it',
        'await wait_for("session.updated")   # before the first audio and the first response.create',
    ),
    "transcription-off": _TRANSCRIBE,
    "transcription-failed": _TRANSCRIBE,
    "transcription-late": _TRANSCRIBE,
    "cancelled-at-birth": _NO_STRAY_CANCEL,
    "cancelled-by-client": _NO_STRAY_CANCEL,
    "cancel-without-response": _NO_STRAY_CANCEL,
    "active-response-conflict": _ONE_AUTHOR,
    "duplicate-create": _ONE_AUTHOR,
    "empty-commit": _both(
        'send({type: sentMs >= 100 ? "input_audio_buffer.commit" : "input_audio_buffer.clear"}); sentMs = 0;',
        'await send({"type": "input_audio_buffer.commit" if sent_ms >= 100 else "input_audio_buffer.clear"})',
    ),
    "commit-with-server-vad": _both(
        """
// either: leave input_audio_buffer.commit out. Or decide yourself, and then commit:
send({type: "session.update", session: {type: "realtime", audio: {input: {turn_detection: null}}}});
""",
        """
# either: leave input_audio_buffer.commit out. Or decide yourself, and then commit:
await send({"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}})
""",
    ),
    "no-response": _CREATE,
    "response-failed": _CREATE,
    "response-incomplete": _event(
        '{"type": "session.update", "session": {"type": "realtime", "max_output_tokens": "inf"}}'
    ),
    "quota-or-billing": _both(
        'if (["insufficient_quota", "billing_hard_limit_reached"].includes(code)) stopRetrying();',
        'if code in ("insufficient_quota", "billing_hard_limit_reached"): stop_retrying()',
    ),
    "rate-limited": _BACK_OFF,
    "auth-failed": _KEY,
    "token-expired": _FRESH_TOKEN,
    "session-expired": _both(
        "setTimeout(() => inNextPause(newSession), 55 * 60_000);   // same configuration, last turns as text items",
        "loop.call_later(55 * 60, new_session_in_next_pause)   # same configuration, last turns as text items",
    ),
    "session-limit": _RECONNECT,
    "connection-lost": _RECONNECT,
    "socket-leaked": _both(
        "old?.close(); old?.removeAllListeners?.(); old = new WebSocket(url);   // useEffect: return () => old.close()",
        "if self.socket is not None: await self.socket.close()\nself.socket = await connect(url)",
    ),
    "truncate-without-clear": _both(
        'if (running) send({type: "response.cancel"}); send({type: "output_audio_buffer.clear"});   // WebRTC',
        'await send({"type": "output_audio_buffer.clear"})   # WebRTC; truncate is for WebSockets',
    ),
    "audio-tail-missing": _both(
        'on("response.done", () => {});   // leave the player alone: its queue runs empty by itself',
        "# at response.done: nothing. The player's queue runs empty by itself",
    ),
    "audio-format-mismatch": _both(
        """
const context = new AudioContext({sampleRate: 24000});   // and send 16 bit little endian
send({type: "session.update", session: {type: "realtime", audio: {input: {format: {type: "audio/pcm", rate: 24000}}}}});
""",
        """
stream = sounddevice.RawInputStream(samplerate=24000, channels=1, dtype="int16")
session = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}}
await send({"type": "session.update", "session": session})
""",
    ),
    "tool-output-unanswered": _both(
        """
for (const {call_id, output} of results)
  send({type: "conversation.item.create",
        item: {type: "function_call_output", call_id, output: JSON.stringify(output)}});
send({type: "response.create"});                        // once, after all outputs and after response.done
""",
        """
for call_id, output in results:
    item = {"type": "function_call_output", "call_id": call_id, "output": json.dumps(output)}
    await send({"type": "conversation.item.create", "item": item})
await send({"type": "response.create"})                 # once, after all outputs and after response.done
""",
    ),
    "mcp-no-tools": _event(
        '{"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "mcp", "server_label": "docs", '
        '"server_url": "https://example.com/mcp", "authorization": "TOKEN", "require_approval": "never"}]}}'
    ),
    "slow-first-sound": _vad('"silence_duration_ms": 300'),
    "side-request-interferes": _both(
        """
// a text endpoint, or out of band; it never cancels, and its end changes no state
send({type: "response.create", response: {conversation: "none", output_modalities: ["text"],
      metadata: {purpose: "translation"}, input: [{type: "item_reference", id: itemId}]}});
""",
        """
# a text endpoint, or out of band; it never cancels, and its end changes no state
await send({"type": "response.create", "response": {"conversation": "none", "output_modalities": ["text"],
            "metadata": {"purpose": "translation"}, "input": [{"type": "item_reference", "id": item_id}]}})
""",
    ),
}
CURES |= {
    "handshake-refused": _both(
        """
const url = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1";   // no other path; Azure: its own host and path
ws.on("unexpected-response", (_, answer) => answer.on("data", body => console.log(String(body))));   // says why
""",
        """
url = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"   # no other path; Azure: its own host and path
# websockets: except InvalidStatus as refused: print(refused.response.body)   # says why
""",
    ),
    "client-sends-invalid-json": _both(
        'ws.send(JSON.stringify({type: "input_audio_buffer.append", audio: base64}));   // text, never the raw bytes',
        'await ws.send(json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}))',
    ),
    "client-event-refused": _both(
        "on('error', e => console.error(e.error.param, e.error.message, e.error.event_id));   // the field it names",
        'print(error["param"], error["message"], error["event_id"])   # the field it names',
    ),
    "audio-buffer-full": _both(
        'ws.send(JSON.stringify({type: "input_audio_buffer.commit"}));   // or .clear, long before the limit',
        'await ws.send(json.dumps({"type": "input_audio_buffer.commit"}))   # or .clear, long before the limit',
    ),
    "model-cannot-do-realtime": CURES["model-retired"],
    "sends-without-connection": _both(
        "if (ws.readyState === WebSocket.OPEN && isConfigured) ws.send(text); else recorder.pause();",
        "if is_open and is_configured: await ws.send(text)   # and stop the recorder when the socket closes",
    ),
    "client-unknown-event": _both(
        "if (!(event.type in handlers)) return;   // an event that is not known is passed over",
        'handler = handlers.get(event["type"], ignore)   # an event that is not known is no error',
    ),
    "delegation-unanswered": _both(
        """
on("session.delegation.created", async ({delegation}) => {           // the ask stands in the transcript
  const text = await work(transcript);
  send({type: "session.commentary.append", delegation_id: delegation.id, text});
});
""",
        """
async def on_delegation(event):                                      # the ask stands in the transcript
    said = {"delegation_id": event["delegation"]["id"], "text": await work(transcript)}
    await send({"type": "session.commentary.append", **said})
""",
    ),
    "fixed-after-start": _event('{"type": "session.start", "session": {"model": "gpt-live-1", "instructions": "..."}}'),
    "truncate-past-the-end": _both(
        """
const playedMs = Math.min(samplesPlayed, samplesReceived) / 24;      // of this item, counted from 0
send({type: "conversation.item.truncate", item_id: itemId, content_index: 0, audio_end_ms: Math.floor(playedMs)});
""",
        """
played_ms = min(samples_played, samples_received) // 24              # of this item, counted from 0
truncate = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": played_ms}
await send(truncate)
""",
    ),
    "answer-without-audio": _event('{"type": "response.create", "response": {"output_modalities": ["audio"]}}'),
    "unknown-call-id": CURES["tool-output-unanswered"],
    "transcript-hallucinated": CURES["empty-transcript"],
}
CURES["empty-response-after-tool"] = CURES["tool-output-unanswered"]
_BETA = (
    (re.compile(r'"type": "realtime", "audio": \{"input": (\{.*\})\}'), r"\1"),
    (re.compile(r'type: "realtime", audio: \{input: (\{.*\})\}'), r"\1"),
    (
        re.compile(r'"transcription": \{"model": "gpt-4o-transcribe"\}'),
        '"input_audio_transcription": {"model": "whisper-1"}',
    ),
    (re.compile(r'"format": \{"type": "audio/pcm", "rate": 24000\}'), '"input_audio_format": "pcm16"'),
    (re.compile(r'format: \{type: "audio/pcm", rate: 24000\}'), 'input_audio_format: "pcm16"'),
    (re.compile(r'"type": "realtime", '), ""),
    (re.compile(r"max_output_tokens"), "max_response_output_tokens"),
    (re.compile(r"output_modalities"), "modalities"),
)


def cure_of(code: str, *, beta: bool = False) -> Snippets | None:
    """The snippets for a finding, in the dialect that the log speaks."""
    known = CURES.get(code)
    if known is None or not beta or code == "beta-retired":
        return known
    return Snippets(for_beta(known.js), for_beta(known.python))


def for_beta(code: str) -> str:
    """Session fields in the flat spelling, without `session.type`."""
    for pattern, instead in _BETA:
        code = pattern.sub(_unnested if instead == r"\1" else instead, code)
    return code


def _unnested(match: re.Match[str]) -> str:
    """`{"input": {X}}` -> `X`: the fields of the input stand flat in a beta session."""
    return match[1][1:-1]


EXAMPLES = ("unknown-session-field", "wrong-field-type", "dialect-mismatch")
"""Findings whose snippet shows how a session is spelled; what is wrong there depends on the field."""


def session_fields(code: str) -> tuple[tuple[str, Any], ...]:
    """(path without `session.`, JSON value) of each session field that cures a finding; () where no field does."""
    snippet = CURES[code].js if code in CURES and code not in EXAMPLES else ""
    if not snippet.startswith('send({"type": "session.update"'):
        return ()
    path, value = "", json.loads(snippet.removeprefix("send(").removesuffix(");"))["session"]
    del value["type"]
    while len(value) == 1 and isinstance(inner := next(iter(value.values())), dict):
        path, value = f"{path}{next(iter(value))}.", inner
    if len(value) == 1 and path:  # a block that may be null is given as a whole
        return ((path.rstrip("."), value),)
    return tuple((f"{path}{name}", one) for name, one in value.items())

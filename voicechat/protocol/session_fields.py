"""Every field of a GA session: its type, its range, and the wrong names that are in circulation for it.

Ranges given as `low`/`high` are documented and refuse; `soft_` ones are experience and only warn. Names of models and
voices are open lists: services add to them faster than clients are released.
"""

from __future__ import annotations

from dataclasses import replace

from voicechat.protocol.session_dialects import BETA_NAMES, GA_PATHS
from voicechat.protocol.shapes import ByKind, Fields, Flag, FreeForm, ListOf, Mistake, Number, Shape, Tagged, Text, Word

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
LANGUAGES = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali",
    "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean", "la": "Latin",
    "lb": "Luxembourgish", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mi": "Maori", "mk": "Macedonian",
    "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "my": "Burmese",
    "nb": "Norwegian Bokmål", "ne": "Nepali", "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian",
    "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "so": "Somali", "sq": "Albanian", "sr": "Serbian",
    "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese", "yi": "Yiddish", "zh": "Chinese",
    "zu": "Zulu",
}  # fmt: skip
"""ISO 639-1 code -> English name. Others may be written by name: any model knows more languages than this table."""

_INVENTED = "it was made up by a guide; no service has it"
_FIXED_PCM = "the sound's shape is fixed (16-bit mono, 24000 Hz; Opus over WebRTC)"
_ASIDE = {
    name: Mistake(_FIXED_PCM, severity="warning")
    for name in ("sample_rate", "channels", "bits_per_sample", "encoding", "sample_size", "bit_depth")
}

_PCM_RATE = Number(24000, 24000, whole=True, why="PCM is 24000 Hz here; over WebRTC leave the format out")
FORMAT = Tagged(
    {
        "audio/pcm": Fields({"rate": _PCM_RATE}, mistakes=_ASIDE),
        "audio/pcmu": Fields({}, mistakes=_ASIDE | {"rate": Mistake("G.711 is always 8000 Hz", severity="warning")}),
        "audio/pcma": Fields({}, mistakes=_ASIDE | {"rate": Mistake("G.711 is always 8000 Hz", severity="warning")}),
    }
)

_VAD_MISTAKES = {
    "max_speech_ms": Mistake(
        "does not exist: no service ends a turn after a given length of speech",
        hint="did you mean silence_duration_ms, the pause that ends a turn?",
    ),
    "post_speech_silence_ms": Mistake("the pause that ends a turn is silence_duration_ms", means="silence_duration_ms"),
    "min_speech_ms": Mistake(
        "does not exist: the server has no shortest utterance",
        hint="raise threshold against noises; a short noise does not interrupt here anyway",
    ),
    "inactivity_threshold_ms": Mistake(
        "does not exist", hint="the nearest is idle_timeout_ms: the model speaks up after so long a silence"
    ),
    "enabled": Mistake("turn detection is on unless turn_detection is null", severity="warning"),
} | _ASIDE
_REPLIES: dict[str, Shape] = {"create_response": Flag(), "interrupt_response": Flag()}
SERVER_VAD = Fields(
    {
        "threshold": Number(0.0, 1.0),
        "prefix_padding_ms": Number(0, soft_high=5000, soft_low=0, whole=True),
        "silence_duration_ms": Number(0, soft_low=100, soft_high=10_000, whole=True),
        "idle_timeout_ms": ByKind(number=Number(0, soft_low=5000, soft_high=30_000, whole=True), null=True),
        **_REPLIES,
    },
    mistakes=_VAD_MISTAKES
    | {"eagerness": Mistake("is out of place: only semantic_vad has it", hint='set type to "semantic_vad"')},
)
SEMANTIC_VAD = Fields(
    {"eagerness": Word(("low", "medium", "high", "auto")), **_REPLIES},
    mistakes={
        name: Mistake(
            "is out of place: only server_vad has it; semantic_vad listens to the meaning",
            hint='use eagerness, or set type to "server_vad"',
        )
        for name in ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms")
    }
    | {name: mistake for name, mistake in _VAD_MISTAKES.items() if not mistake.means}
    | {"post_speech_silence_ms": Mistake("does not exist", hint="use eagerness: high waits least")},
)
TURN_DETECTION = ByKind(table=Tagged({"server_vad": SERVER_VAD, "semantic_vad": SEMANTIC_VAD}), null=True)

TRANSCRIPTION_MODELS = (
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
    "gpt-4o-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "whisper-1",
)
TRANSCRIPTION = ByKind(
    table=Fields(
        {
            "model": Text(TRANSCRIPTION_MODELS),
            "language": Text(),
            "languages": ListOf(Text()),
            "prompt": Text(),
            "keywords": ListOf(Text()),
            "delay": Word(EFFORTS),
        },
        mistakes=_ASIDE,
    ),
    null=True,
)
NOISE_REDUCTION = ByKind(
    table=Fields(
        {"type": Word(("near_field", "far_field")), "strength": Number(0, soft_low=0, soft_high=1)}, required=("type",)
    ),
    null=True,
)
VOICE = ByKind(text=Text(VOICES), table=Fields({"id": Text()}, required=("id",)))

FUNCTION_TOOL = Fields({"name": Text(), "description": Text(), "parameters": FreeForm()}, required=("name",))
_TOOL_FILTER = Fields({"tool_names": ListOf(Text()), "read_only": Flag()})
MCP_TOOL = Fields(
    {
        "server_label": Text(),
        "server_url": Text(),
        "connector_id": Text(),
        "tunnel_id": Text(),
        "authorization": Text(),
        "headers": ByKind(table=FreeForm(), null=True),
        "allowed_tools": ByKind(listing=ListOf(Text()), table=_TOOL_FILTER, null=True),
        "require_approval": ByKind(
            text=Word(("always", "never")), table=Fields({"always": _TOOL_FILTER, "never": _TOOL_FILTER}), null=True
        ),
        "server_description": Text(),
        "defer_loading": Flag(),
        "allowed_callers": ListOf(Word(("direct", "programmatic"))),
    },
    required=("server_label",),
)
TOOLS = ListOf(Tagged({"function": FUNCTION_TOOL, "mcp": MCP_TOOL}))
TOOL_CHOICE = ByKind(
    text=Word(("none", "auto", "required")),
    table=Tagged(
        {
            "function": Fields({"name": Text()}, required=("name",)),
            "mcp": Fields({"server_label": Text(), "name": Text()}, required=("server_label",)),
        }
    ),
)
TRUNCATION = ByKind(
    text=Word(("auto", "disabled")),
    table=Tagged(
        {
            "retention_ratio": Fields(
                {
                    "retention_ratio": Number(0.0, 1.0),
                    "token_limits": Fields({"post_instructions": Number(0, whole=True)}),
                },
                required=("retention_ratio",),
            )
        }
    ),
)
TRACING = ByKind(
    text=Word(("auto",)),
    table=Fields({"workflow_name": Text(), "group_id": Text(), "metadata": FreeForm()}),
    null=True,
)
PROMPT = ByKind(
    table=Fields(
        {"id": Text(), "version": ByKind(text=Text(), null=True), "variables": ByKind(table=FreeForm(), null=True)},
        required=("id",),
    ),
    null=True,
)
INCLUDE = ListOf(Word(("item.input_audio_transcription.logprobs",)))
MAX_OUTPUT_TOKENS = ByKind(
    text=Word(("inf",)),
    number=Number(1, 4096, whole=True, why='write "inf" for all that the model can give'),
)
TEMPERATURE = Number(0.6, 1.2)
"""Beta only."""

_INPUT: dict[str, Shape] = {
    "format": FORMAT,
    "noise_reduction": NOISE_REDUCTION,
    "transcription": TRANSCRIPTION,
    "turn_detection": TURN_DETECTION,
}
_OUTPUT: dict[str, Shape] = {"format": FORMAT, "voice": VOICE, "speed": Number(0.25, 1.5)}


def _elsewhere() -> dict[str, str]:
    """Where a name lives that was written in the wrong place."""
    places = {name: ".".join(("session", *path)) for name, path in GA_PATHS.items()}
    places |= {name: f"session.audio.input.{name}" for name in _INPUT if name != "format"}
    places |= {name: f"session.audio.output.{name}" for name in ("voice", "speed")}
    for name in (*SERVER_VAD.members, *SEMANTIC_VAD.members):
        places[name] = f"session.audio.input.turn_detection.{name}"
    for name in ("language", "languages", "keywords", "delay"):
        places[name] = f"session.audio.input.transcription.{name}"
    return places | {"effort": "session.reasoning.effort", "retention_ratio": "session.truncation.retention_ratio"}


ELSEWHERE = _elsewhere()

AUDIO_INPUT = Fields(_INPUT, mistakes=_ASIDE, elsewhere=ELSEWHERE)
AUDIO_OUTPUT = Fields(_OUTPUT, mistakes=_ASIDE, elsewhere=ELSEWHERE)
AUDIO = Fields({"input": AUDIO_INPUT, "output": AUDIO_OUTPUT}, mistakes=_ASIDE, elsewhere=ELSEWHERE)

_HANDSHAKE = "it belongs to the handshake, not to the session; voicechat sends it itself where it is needed"
_READ_ONLY = "the service sets it"
_TOP_MISTAKES: dict[str, Mistake] = _ASIDE | {
    "max_tokens": Mistake("the limit is max_output_tokens", means="max_output_tokens"),
    "system": Mistake("the system message is called instructions", means="instructions"),
    "system_prompt": Mistake("the system message is called instructions", means="instructions"),
    **{name: Mistake(_READ_ONLY, severity="warning") for name in ("id", "object", "expires_at", "status")},
    **{
        name: Mistake(_HANDSHAKE, severity="warning")
        for name in ("client_secret", "expires_after", "headers", "authorization", "OpenAI-Beta", "ice_servers")
    },
    **{
        name: Mistake(_INVENTED, severity="warning")
        for name in ("timestamp", "metadata", "chunk_size", "latency", "compression", "enabled", "codec")
    },
}

REALTIME = Fields(
    {
        "type": Word(("realtime", "transcription")),
        "model": Text(),
        "instructions": Text(),
        "output_modalities": ListOf(Word(("audio", "text")), at_least=1),
        "audio": AUDIO,
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        "tools": TOOLS,
        "tool_choice": TOOL_CHOICE,
        "parallel_tool_calls": Flag(),
        "reasoning": Fields({"effort": Word(EFFORTS)}),
        "truncation": TRUNCATION,
        "tracing": TRACING,
        "prompt": PROMPT,
        "include": INCLUDE,
    },
    mistakes=_TOP_MISTAKES,
    elsewhere=ELSEWHERE,
)
TRANSCRIPTION_SESSION = Fields(
    {
        "type": Word(("realtime", "transcription")),
        "audio": Fields({"input": AUDIO_INPUT}, elsewhere=ELSEWHERE),
        "include": INCLUDE,
    },
    mistakes=_TOP_MISTAKES
    | {
        name: Mistake("a transcription session only listens; it has no such field", severity="warning")
        for name in (*REALTIME.members, "temperature")
        if name not in ("type", "audio", "include")
    },
    elsewhere=ELSEWHERE,
)
BETA_SHAPES: dict[str, Shape] = {
    name: (_INPUT | _OUTPUT)[path[-1]] if path[0] == "audio" else REALTIME.members[path[0]]
    for path, name in BETA_NAMES.items()
}
"""The shapes of beta's flat fields, after `session_repair` has given their values GA's form."""


_NOT_LIVE = "GPT-Live has no turns: it listens all the time, and decides by itself when to speak"
_BEHIND = "it belongs to the model behind the voice"
_LIVE_FORMAT = Tagged(
    {
        "audio/pcm": Fields({"rate": Number(16000, 24000, whole=True, only=(16000, 24000))}, required=("rate",)),
        "audio/pcmu": Fields({"rate": Number(8000, 8000, whole=True)}, required=("rate",)),
        "audio/pcma": Fields({"rate": Number(8000, 8000, whole=True)}, required=("rate",)),
    }
)
_DELAY: dict[str, Shape] = {"acknowledgement_delay_ms": Number(0, 60_000, whole=True)}
_RESPONSES = Fields(
    {
        "model": Text(),
        "instructions": ByKind(text=Text(), null=True),
        "tools": ByKind(listing=ListOf(FreeForm()), null=True),
        "tool_choice": ByKind(text=Word(("none", "auto", "required")), table=FreeForm()),
        "parallel_tool_calls": ByKind(table=Flag(), null=True),
        "max_output_tokens": ByKind(number=Number(1, whole=True), null=True),
        "reasoning": ByKind(table=FreeForm(), null=True),
        "text": ByKind(table=FreeForm(), null=True),
        "service_tier": ByKind(text=Text(), null=True),
    }
)
_MESSAGE: dict[str, Shape] = {
    "type": Word(("message",)),
    "id": Text(),
    "status": Text(),
    "content": ListOf(FreeForm(), at_least=1),
}
_DATA_CHANNEL: dict[str, Shape] = {
    f"allowed_{side}_events": ByKind(text=Word(("all",)), listing=ListOf(ByKind(text=Text(), table=FreeForm())))
    for side in ("client", "server")
}


def _delegation(*, is_whole: bool) -> Shape:
    """Who works for a GPT-Live session; an update may leave out what stays."""
    responses = replace(_RESPONSES, required=("model",)) if is_whole else _RESPONSES
    owners = {
        "client": Fields(_DELAY),
        "responses": Fields({"responses": responses, **_DELAY}, required=("responses",) if is_whole else ()),
        "decisions": Fields({"decisions": FreeForm(), **_DELAY}, required=("decisions",) if is_whole else ()),
    }
    return ByKind(table=Tagged(owners), null=True)


LIVE_SESSION = Fields(
    {
        "model": Text(),
        "instructions": ByKind(text=Text(), null=True),
        "input": ListOf(
            Fields({"role": Word(("developer", "user", "assistant")), **_MESSAGE}, required=("role", "content"))
        ),
        "audio": Fields(
            {"format": _LIVE_FORMAT, "output": Fields({"voice": VOICE})},
            mistakes={
                "input": Mistake(_NOT_LIVE, hint="leave audio.input out; the format of both ways is audio.format"),
            },
            elsewhere={"voice": "session.audio.output.voice"},
        ),
        "delegation": _delegation(is_whole=True),
        "triggers": ListOf(FreeForm()),
        "store": Flag(),
        "client": Fields({"data_channel": Fields(_DATA_CHANNEL)}, required=("data_channel",)),
        "safety_identifier": ByKind(text=Text(), null=True),
    },
    mistakes={
        "type": Mistake("GPT-Live has one kind of session, and no such field"),
        "turn_detection": Mistake(_NOT_LIVE),
        "modalities": Mistake("GPT-Live always speaks"),
        "output_modalities": Mistake("GPT-Live always speaks"),
        "temperature": Mistake("GPT-Live has no such field"),
        "max_output_tokens": Mistake(_BEHIND, hint="session.delegation.responses.max_output_tokens"),
        "max_response_output_tokens": Mistake(_BEHIND, hint="session.delegation.responses.max_output_tokens"),
        "truncation": Mistake("GPT-Live has no such field"),
        "input_audio_transcription": Mistake("GPT-Live always writes down both sides; leave it out"),
    },
    elsewhere={
        "voice": "session.audio.output.voice",
        **{
            name: f"session.delegation.responses.{name}"
            for name in ("tools", "tool_choice", "parallel_tool_calls", "reasoning")
        },
        "history": "session.input",
        "messages": "session.input",
    },
)
"""What a GPT-Live session starts with. Source: `openai.types.live` (openai 3.54)."""
LIVE_UPDATE = Fields(
    {"delegation": _delegation(is_whole=False), "triggers": ListOf(FreeForm())},
    mistakes={
        name: Mistake(
            "GPT-Live fixes it when the session starts", hint="session.update changes delegation and triggers"
        )
        for name in LIVE_SESSION.members
        if name not in ("delegation", "triggers")
    }
    | dict(LIVE_SESSION.mistakes),
    elsewhere={name: path for name, path in LIVE_SESSION.elsewhere.items() if path.startswith("session.delegation.")},
)
"""What may change of a running GPT-Live session."""

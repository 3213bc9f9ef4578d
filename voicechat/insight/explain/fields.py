"""Every field of a session, by its GA path, and the wrong names in circulation: what it does, what to know about it."""

from __future__ import annotations

_IN, _OUT = "session.audio.input", "session.audio.output"
_VAD, _TEXT = f"{_IN}.turn_detection", f"{_IN}.transcription"

FIELDS: dict[str, tuple[str, str]] = {
    "session.type": (
        'The kind of session: "realtime" talks, "transcription" only writes down.',
        "GA wants it in every update; beta services refuse it.",
    ),
    "session.model": ("The model that answers.", "Fixed at the start: it is chosen by the address or the handshake."),
    "session.instructions": (
        "What the assistant should be and do.",
        "May change at any time; a change makes the next answer dearer once (cache).",
    ),
    "session.output_modalities": (
        'How it answers: ["audio"] or ["text"], never both.',
        "Sound always carries its words.",
    ),
    "session.audio": ("Everything about sound: input and output.", "GA only; beta keeps these fields flat."),
    _IN: ("How your sound is taken: format, noise, transcription, turns.", "GA only."),
    _OUT: ("How the answer sounds: format, voice, speed.", "GA only."),
    f"{_IN}.format": (
        "How your sound is coded on WebSocket; over WebRTC it is Opus whatever stands here.",
        'Objects in GA ({"type": "audio/pcm", "rate": 24000}), words in beta (pcm16).',
    ),
    f"{_IN}.format.rate": ("Samples a second of PCM.", "24000 at OpenAI and nothing else; other services take more."),
    f"{_IN}.noise_reduction": (
        "Takes noise out at the service, before turn detection hears it.",
        "near_field for headsets, far_field for laptops and rooms, null for none.",
    ),
    f"{_IN}.noise_reduction.type": ("near_field or far_field.", "Take what fits the microphone."),
    f"{_IN}.noise_reduction.strength": ("How much noise is taken out.", "1 when first enabled."),
    _TEXT: ("Whether your words are written down, and by whom.", "Off (null) unless you set it."),
    f"{_TEXT}.model": (
        "The model that writes down what you say.",
        "At Azure: the name of a deployment. It is billed apart from the answers.",
    ),
    f"{_TEXT}.language": (
        "The language you speak, as an ISO 639-1 code.",
        'Leave it out to have it found out; "auto" is no value.',
    ),
    f"{_TEXT}.languages": ("Several languages you may speak.", "gpt-transcribe and gpt-live-transcribe only."),
    f"{_TEXT}.prompt": (
        "Words or style to expect: keywords for whisper-1, free text for the others.",
        "Not with diarizing models nor gpt-realtime-whisper.",
    ),
    f"{_TEXT}.keywords": ("Names and terms to listen for.", "gpt-transcribe and gpt-live-transcribe only."),
    f"{_TEXT}.delay": ("How long it may wait for certainty.", "gpt-realtime-whisper only."),
    _VAD: (
        "Who decides that your turn is over: server_vad by silence, semantic_vad by meaning, null: the client.",
        "null must be said; left out it stays as it was.",
    ),
    f"{_VAD}.type": ("server_vad or semantic_vad.", "Each has fields of its own."),
    f"{_VAD}.threshold": (
        "How sure of a voice the server must be, 0 to 1.",
        "0.5 normally; higher in noise, lower for a quiet voice. server_vad only.",
    ),
    f"{_VAD}.prefix_padding_ms": (
        "So much sound from before the voice is kept.",
        "300 normally; less cuts first syllables. server_vad only.",
    ),
    f"{_VAD}.silence_duration_ms": (
        "So long a silence ends your turn.",
        "500 normally; less answers sooner and cuts sentences in pieces. server_vad only.",
    ),
    f"{_VAD}.idle_timeout_ms": (
        "After so long a silence the model speaks up by itself.",
        "Off (null) normally; each firing costs tokens. GA, server_vad only.",
    ),
    f"{_VAD}.eagerness": (
        "How soon semantic_vad takes the turn: low waits 8 s at most, medium 4 s, high 2 s.",
        "auto is medium.",
    ),
    f"{_VAD}.create_response": (
        "Whether the server answers by itself after your turn.",
        "false: the client sends response.create, for instance after a transcript with words.",
    ),
    f"{_VAD}.interrupt_response": (
        "Whether your voice cancels the running answer at the server.",
        "false leaves cutting in to the client.",
    ),
    f"{_OUT}.format": ("How the answer's sound is coded on WebSocket.", "Over WebRTC it is Opus whatever stands here."),
    f"{_OUT}.format.rate": ("Samples a second of PCM.", "24000 at OpenAI."),
    f"{_OUT}.voice": (
        "The voice of the answers.",
        "Can change until the first sound only; later the whole update is refused.",
    ),
    f"{_OUT}.speed": ("How fast it speaks, 0.25 to 1.5.", "Changes between turns only."),
    "session.max_output_tokens": (
        'The longest answer in tokens, or "inf"; a second of speech is 20.',
        "Reached, the answer ends as incomplete (max_output_tokens).",
    ),
    "session.tools": ("What the model may call: functions of yours, or MCP servers.", "[] takes all away."),
    "session.tool_choice": ("Whether it may, must or must not call a tool.", "auto, none, required, or one by name."),
    "session.parallel_tool_calls": ("Whether one answer may call several tools.", "Reasoning models only."),
    "session.reasoning": ("How the model thinks before it speaks.", "Models that do not reason refuse the update."),
    "session.reasoning.effort": ("minimal to xhigh.", "More effort, later first sound."),
    "session.truncation": (
        "What is dropped when the conversation outgrows the model: auto, disabled or a share to keep.",
        "disabled ends in an error when it is full.",
    ),
    "session.truncation.retention_ratio": ("The share that is kept at each overflow.", "0.8 keeps the cache longer."),
    "session.truncation.token_limits": (
        "A cap below the model's own window.",
        "post_instructions counts without them.",
    ),
    "session.tracing": ("Whether the service keeps a trace for its dashboard.", "Once on it cannot change."),
    "session.prompt": ("A prompt stored at the service.", "Stored prompts end on 2026-11-30; do not build on them."),
    "session.include": ("Extras to send along: log probabilities of transcripts.", "One value exists."),
    "session.id": ("The session's name at the service.", "Read only; forgotten with the connection."),
    "session.object": ("What kind of object this is.", "Read only."),
    "session.expires_at": ("When the session ends, in Unix seconds.", "Read only; sessions last 60 minutes."),
    "session.temperature": ("How freely it chooses words, 0.6 to 1.2.", "Beta only; GA services refuse it."),
}
"""GA path -> what it does, what to know."""

WRONG_FIELDS: dict[str, tuple[str, str]] = {
    "max_speech_ms": (
        "Does not exist: no service ends a turn after a given length of speech.",
        "silence_duration_ms is the pause that ends a turn.",
    ),
    "post_speech_silence_ms": ("Does not exist under this name.", "The pause that ends a turn is silence_duration_ms."),
    "min_speech_ms": ("Does not exist: the server has no shortest utterance.", "Raise threshold against noises."),
    "inactivity_threshold_ms": ("Does not exist.", "The nearest is idle_timeout_ms (GA, server_vad)."),
    "max_tokens": ("Does not exist under this name.", "The limit is max_output_tokens."),
    "system_prompt": ("Does not exist under this name.", "It is called instructions."),
    "sample_rate": ("Does not exist in a session: the shape of the sound is fixed.", "Leave it out."),
    "channels": ("Does not exist in a session: sound is mono.", "Leave it out."),
    "enabled": ("Does not exist: an object that is there is on, null is off.", "Leave it out."),
}
"""Names from guides that no service knows."""

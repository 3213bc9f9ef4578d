"""`--live-translate LANG`: a translation session, in which nobody answers and everything said comes out in LANG.

Such a session (OpenAI's `/v1/realtime/translations`) has no items, no responses, no instructions and no voice: its
configuration is a target language and, if the words of the speaker are wanted too, a model that writes them down.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from voicechat.config.languages import LANGUAGES, language_name
from voicechat.config.provider import Provider
from voicechat.config.providers import TRANSLATION_MODEL
from voicechat.config.settings import Settings
from voicechat.core.policy import PRESETS
from voicechat.errors import ConfigError

TRANSCRIBER = "gpt-realtime-whisper"
"""What the service's own examples use for the speaker's words."""
CHUNK = 0.2
"""Seconds of microphone in one message: the length of the frames in which the service translates."""
CONTINUOUS = replace(
    PRESETS["quick"],
    name="live-translation",
    create_response=False,
    interrupt_response=False,
    barge_in=False,  # whoever goes on talking while the translation is spoken is not interrupting it
)
"""There are no turns: the mic stays open, and what comes is played as it comes."""
INSTEAD = "--translate LANG writes translations beneath the lines, --interpreter A:B lets the assistant interpret"
_MEANINGLESS = ("instructions", "voice", "language", "preset", "barge_in", "output", "tools", "mcp", "allow_tools")
_IMPOSSIBLE = {
    "greet": "nobody who could speak first",
    "session": "a configuration of its own",
    "interpreter": "no assistant that could interpret",
    "translate": "its own translation already",
    "token_url": "keys of another kind than a token server gives out",
}


def is_translating(settings: Settings) -> bool:
    """Whether this talk is a translation session."""
    return bool(settings.live_translate)


def language_code(text: str) -> str:
    """The ISO code of a language by name or code, its region kept. Raises ConfigError for what is neither."""
    name = language_name(text)
    codes = {known: code for code, known in LANGUAGES.items()}
    if name in codes:
        return codes[name]
    said = "-".join(text.split()).replace("_", "-")
    language, dash, region = said.partition("-")
    if language.lower() in LANGUAGES and dash:
        return f"{language.lower()}-{region}"
    raise ConfigError(f"the language code of {name!r} is not known", hint="write its ISO code, such as de or pt-BR")


def refuse_live_translation(settings: Settings, provider: Provider) -> None:
    """Raises ConfigError, in one sentence, where such a session cannot be, or is asked for what it has not."""
    if not is_translating(settings):
        if settings.model == TRANSLATION_MODEL:
            raise ConfigError(
                f"{TRANSLATION_MODEL} only translates and never answers", hint="add --live-translate LANG"
            )
        return
    language_code(settings.live_translate)
    if not provider.translates:
        raise ConfigError(f"{provider.title} has no live translation sessions", hint=INSTEAD)
    if settings.turn_mode != "hands-free":
        raise ConfigError("a translation session has no turns: the mic is open", hint="leave out --turn-mode")
    if settings.transport == "webrtc":
        raise ConfigError("live translation goes over WebSocket here, not over WebRTC", hint="leave out --transport")
    for name, why in _IMPOSSIBLE.items():
        if getattr(settings, name):
            option = "--" + name.replace("_", "-")
            raise ConfigError(f"a translation session has {why}", hint=f"leave out {option} or --live-translate")


def translation_session(settings: Settings, provider: Provider) -> dict[str, Any]:
    """The session as the service names its parts. Raises ConfigError for a language that is none.

    Where models go by names of the user's own (Azure), nobody writes down what was said unless a model is named.
    """
    transcriber = settings.transcription_model or ("" if provider.needs_model else TRANSCRIBER)
    heard: dict[str, Any] = {"transcription": {"model": transcriber}} if transcriber else {}
    return {
        "type": "translation",
        "model": settings.model or TRANSLATION_MODEL,
        "audio": {"input": heard, "output": {"language": language_code(settings.live_translate)}},
    }


def unused(settings: Settings) -> tuple[str, ...]:
    """A sentence about what was chosen for this talk and means nothing in it."""
    named = [name.replace("_", " ") for name in _MEANINGLESS if name in settings.given]
    return (f"a translation session has no {', '.join(named)}; left out",) if named else ()

"""`--live-translate LANG`: a translation session, in which nobody answers and everything said comes out in LANG.

Such a session (OpenAI's `/v1/realtime/translations`) has no items, no responses, no instructions and no voice: its
configuration is a target language and, if the words of the speaker are wanted too, a model that writes them down.

The preset `interpreter`: one session whose model says everything once more in the other language.

It lives here and not among the presets that can be chosen while talking, because it is more than a way of taking
turns: without its instructions it would be `balanced` with cutting in switched off.

Languages as people write them: `de`, `pt-BR`, `German`, `deutsch`. Models are told the English name.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from voicechat.config.provider import Provider
from voicechat.config.providers import TRANSLATION_MODEL
from voicechat.config.settings import Settings
from voicechat.core.policy import PRESETS, Preset
from voicechat.errors import ConfigError
from voicechat.protocol.session_fields import LANGUAGES

INTERPRETER = replace(
    PRESETS["balanced"],
    name="interpreter",
    # Two people share one loudspeaker: whoever says "yes" while the other's words are being rendered would cut them
    # off, and half of what was said would never arrive. Stopping by hand works as ever.
    barge_in=False,
)
"""R23: turns as in `balanced`; barge-in is off."""
_RULES = (
    "You are an interpreter, not an assistant. {task} Render everything that is said completely and faithfully, in the"
    " first person, in the same tone, with names and numbers unchanged. Say the translation and nothing else: never"
    " answer a question, never comment, never add or leave anything out. What sounds like a request to you is meant for"
    " the other person: translate it. If you did not understand, ask for it again in the language you heard."
)


def is_interpreting(settings: Settings) -> bool:
    """Whether this talk is one between two people, with the model between them."""
    return bool(settings.interpreter) or settings.preset == "interpreter"


def preset_of(settings: Settings) -> Preset:
    """How turns are taken from the start: another preset that was asked for by name overrules the interpreter's."""
    if settings.preset == "interpreter" or (settings.interpreter and "preset" not in settings.given):
        return INTERPRETER
    return PRESETS[settings.preset]  # type: ignore[index]  # checked when the settings were loaded


def interpreter_instructions(settings: Settings) -> str:
    """What the model is told. Raises ConfigError where the languages are not known."""
    if settings.interpreter:
        one, other = language_pair(settings.interpreter)
    elif not settings.translate:
        raise ConfigError(
            "an interpreter needs languages", hint="--interpreter en:de, or --preset interpreter --translate German"
        )
    else:
        one = language_name(settings.translate)
        other = language_name(settings.language) if settings.language else ""
    if other:
        task = f"What you hear in {one} you say in {other}, and what you hear in {other} you say in {one}."
    else:
        task = (
            f"One person speaks {one}, the other a language that you find out by listening. What you hear in any other"
            f" language you say in {one}, and what you hear in {one} you say in the other person's language."
        )
    return _RULES.format(task=task)


def side_language(settings: Settings) -> str:
    """The language that lines are translated to beside the talk; empty for none.

    `--preset interpreter --translate LANG` names the interpreter's language: there the session itself translates.
    """
    if not settings.translate or (settings.preset == "interpreter" and not settings.interpreter):
        return ""
    return language_name(settings.translate)


_TAG = re.compile(r"([A-Za-z]{2})(?:[-_]([A-Za-z0-9]{2,8}))?")
_NAME = re.compile(r"[^\W\d_][\w '’().,-]{1,40}")
HINT = "a language by name or ISO code, such as German or de"


def language_name(text: str) -> str:
    """The English name for a code, a code with its region in brackets, or the name as it was written.

    Raises ConfigError for what can be neither.
    """
    said = " ".join(text.split())
    if tag := _TAG.fullmatch(said):
        name = LANGUAGES.get(tag[1].lower())
        if name is None:
            raise ConfigError(f"there is no language {said!r}", hint=HINT)
        return f"{name} ({tag[2]})" if tag[2] else name
    if not _NAME.fullmatch(said):
        raise ConfigError(f"{said[:60]!r} is not a language", hint=HINT)
    known = {name.lower(): name for name in LANGUAGES.values()}
    return known.get(said.lower(), said)


def language_pair(text: str) -> tuple[str, str]:
    """The names of `A:B`. Raises ConfigError."""
    one, colon, other = text.partition(":")
    if not (colon and one.strip() and other.strip()):
        raise ConfigError(f"{text[:60]!r} does not name two languages", hint="for example --interpreter en:de")
    pair = language_name(one), language_name(other)
    if pair[0] == pair[1]:
        raise ConfigError(f"between {pair[0]} and {pair[1]} there is nothing to interpret", hint="name two languages")
    return pair


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

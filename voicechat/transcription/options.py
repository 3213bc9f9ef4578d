"""What is asked of a transcription session, and what of it the chosen model can do. Pure.

A model without an option refuses the whole session, so an option that cannot be met is left out and said in
one sentence; only where nothing useful would be left, or the user would get something else than asked, it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from voicechat.errors import ConfigError
from voicechat.protocol.session_advice import MANUAL_ONLY, NO_PROMPT, ONLY_WITH
from voicechat.protocol.session_config import check_session
from voicechat.protocol.session_dialects import set_path
from voicechat.protocol.session_fields import EFFORTS, TRANSCRIPTION_MODELS
from voicechat.protocol.wire import JsonValue

CommitBy = Literal["server", "whole", "vad", "every"]
"""Who ends an item: the service's turn detection; nobody before the end; our own look for pauses; that look, about
every so many seconds."""
SILENCE = 0.5
"""Seconds of silence that end an item, wherever that is decided."""
SHORTEST_EVERY, LONGEST_EVERY = 2.0, 600.0
_DETECTION: dict[str, JsonValue] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": round(SILENCE * 1000),
}
_FORMATS = {"pcmu": "audio/pcmu", "pcma": "audio/pcma"}


@dataclass(frozen=True, slots=True)
class Commits:
    """How the sound is divided into items."""

    by: CommitBy = "server"
    seconds: float = 0.0
    """With `every`: the longest item."""


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """What the user asked for; empty: not asked."""

    model: str = ""
    language: str = ""
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    delay: str = ""
    commits: Commits | None = None
    """None: as the model needs it."""


@dataclass(frozen=True, slots=True)
class ResolvedOptions:
    """What will be sent, and what became of the rest."""

    session: dict[str, JsonValue]
    """GA, of type transcription, checked."""
    commits: Commits
    remarks: tuple[str, ...] = ()


def read_commits(text: str) -> Commits:
    """`server`, `whole`, `vad` or seconds. Raises ConfigError."""
    match text.strip().lower():
        case "server" | "whole" | "vad" as word:
            return Commits(word)
        case other:
            try:
                seconds = float(other.removesuffix("s"))
            except ValueError:
                seconds = 0.0
            if not SHORTEST_EVERY <= seconds <= LONGEST_EVERY:
                raise ConfigError(
                    f"--commit {text} is not known",
                    hint=f"server, whole, vad, or {SHORTEST_EVERY:g} to {LONGEST_EVERY:g} seconds",
                )
            return Commits("every", seconds)


def resolve_options(options: TranscriptionOptions, *, sound: tuple[str, int] | None = None) -> ResolvedOptions:
    """The session for the options. `sound`: encoding and rate of the sound in the events; None over WebRTC.

    Raises ConfigError for what cannot be done at all.
    """
    remarks: list[str] = []
    commits = _commits(options)
    transcription = _transcription(options, remarks)
    heard: dict[str, JsonValue] = {
        "transcription": transcription,
        "turn_detection": dict(_DETECTION) if commits.by == "server" else None,
    }
    if sound is not None:
        heard["format"] = _format(*sound)
    checked = check_session({"type": "transcription", "audio": {"input": heard}})
    errors = [problem for problem in checked.problems if problem.severity == "error"]
    rates = [problem for problem in errors if problem.path.endswith("format.rate")]
    if len(errors) > len(rates):
        worst = next(problem for problem in errors if problem not in rates)
        raise ConfigError(f"{worst.path}: {worst.message}", hint=worst.hint)
    session = checked.session
    if rates and sound is not None:  # a provider with a rate of its own: its settings know better than our table
        set_path(session, ("audio", "input", "format"), _format(*sound))
    return ResolvedOptions(session, commits, tuple(remarks))


def is_about(model: str, name: str) -> bool:
    """Whether the model is `name` or a dated snapshot of it."""
    return model == name or model.startswith(f"{name}-20")


def _commits(options: TranscriptionOptions) -> Commits:
    manual = any(is_about(options.model, one) for one in MANUAL_ONLY)
    if options.commits is None:
        return Commits("vad" if manual else "server")
    if manual and options.commits.by == "server":
        raise ConfigError(
            f"{options.model} detects no turns",
            hint="--commit vad ends an item at each pause; whole or seconds work too",
        )
    return options.commits


def _transcription(options: TranscriptionOptions, remarks: list[str]) -> dict[str, JsonValue]:
    made: dict[str, JsonValue] = {"model": options.model} if options.model else {}
    if options.language:
        made["language"] = options.language
    prompt, keywords = options.prompt, list(options.keywords)
    if keywords and _lacks(options.model, "keywords"):
        if is_about(options.model, "whisper-1") and not prompt:
            prompt = ", ".join(keywords)
            remarks.append("whisper-1 has no keywords; they are sent as its prompt, which is a list of words")
        else:
            remarks.append(_left_out("--keywords", options.model, "keywords"))
        keywords = []
    if prompt and any(is_about(options.model, one) for one in NO_PROMPT):
        remarks.append(f"--prompt is left out: {options.model} takes none")
        prompt = ""
    if options.delay:
        _add_delay(made, options, remarks)
    return made | ({"prompt": prompt} if prompt else {}) | ({"keywords": list(keywords)} if keywords else {})


def _add_delay(made: dict[str, JsonValue], options: TranscriptionOptions, remarks: list[str]) -> None:
    if options.delay not in EFFORTS:
        raise ConfigError(f"--delay {options.delay} is not known", hint=f"one of {', '.join(EFFORTS)}")
    if _lacks(options.model, "delay"):
        remarks.append(_left_out("--delay", options.model, "delay"))
    else:
        made["delay"] = options.delay


def _lacks(model: str, field: str) -> bool:
    """Known not to have the field; of a model that nobody here knows anything may be asked."""
    is_known = any(is_about(model, one) for one in TRANSCRIPTION_MODELS)
    return is_known and not any(is_about(model, one) for one in ONLY_WITH[field])


def _left_out(option: str, model: str, field: str) -> str:
    return f"{option} is left out: {model} has none (only {' and '.join(ONLY_WITH[field])})"


def _format(encoding: str, rate: int) -> dict[str, JsonValue]:
    name = _FORMATS.get(encoding)
    return {"type": name} if name else {"type": "audio/pcm", "rate": rate}


def model_in_address(provider: str, model: str) -> str:
    """What stands as `model` in the address of a transcription session.

    OpenAI and Azure want none there (the session names it, and Azure refuses with 400); elsewhere an address without
    a model is often refused.
    """
    return "" if provider in ("openai", "azure", "azure-preview", "local") else model


def refused_field(session: Mapping[str, JsonValue], path: str) -> bool:
    """Whether a refused field is one that we could leave out and still have a transcription."""
    return bool(session) and not path.endswith((".type", ".model", "audio", ".input", ".transcription"))

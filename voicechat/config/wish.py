"""From settings to what the session should be: preset below, session file above it, explicit options on top (R23)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from msgspec import structs

from voicechat.config.providers import Provider, provider_of
from voicechat.config.session_file import read_session_file
from voicechat.config.settings import Settings
from voicechat.config.translation import (
    CHUNK,
    CONTINUOUS,
    interpreter_instructions,
    is_interpreting,
    is_translating,
    preset_of,
    refuse_live_translation,
    translation_session,
    unused,
)
from voicechat.core.choosing import turn_detection_of
from voicechat.core.policy import Preset, TurnPolicy, policy_for
from voicechat.core.state import Choices, Wishes
from voicechat.errors import ConfigError
from voicechat.protocol.live import MODELS as LIVE_MODELS
from voicechat.protocol.session_config import Problem, check_session
from voicechat.transports.endpoint import is_loopback

COMMIT_AFTER_STOP = 2.0
"""Seconds after which a service of that quirk is told to commit (R19)."""
DEFAULT_INSTRUCTIONS = "You are a friendly voice assistant. Answer briefly, as one does in a conversation."


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the core starts from."""

    wishes: Wishes
    choices: Choices
    policy: TurnPolicy
    provider: Provider
    remarks: tuple[str, ...] = ()
    """What was translated, dropped or doubted in a session file, one sentence each."""


def plan(settings: Settings) -> Plan:
    """Raises ConfigError for a session file that cannot be read or asks for something impossible."""
    provider = provider_of(settings)
    refuse_live_translation(settings, provider)
    if is_translating(settings):
        return translation_plan(settings, provider)
    preset = preset_of(settings)
    own, remarks = session_of_file(settings.session, provider.takes)
    session = merged(defaults(settings, provider, preset), own)
    if is_live(settings, provider, session):
        provider = replace(provider, dialect="live", handshake="live")
    if is_interpreting(settings):
        session["instructions"] = interpreter_instructions(settings)
    explicit(session, settings, turn_detection_of(preset))
    detection = session["audio"]["input"].get("turn_detection")
    push_to_talk = settings.turn_mode == "push-to-talk"
    barge_in = preset.barge_in if settings.barge_in is None else settings.barge_in
    policy = policy_for(preset)
    if "commit_after_stop" in provider.quirks:
        policy = structs.replace(policy, commit_after_stop=COMMIT_AFTER_STOP)
    if provider.dialect == "live":  # it decides by itself when to speak, and listens while it does
        policy = structs.replace(policy, full_duplex=True, history_at_start=True, billed_by_time=True)
        policy = structs.replace(policy, reply_to_transcript_only=False)
    elif isinstance(detection, dict) and detection.get("create_response") is False:
        policy = structs.replace(policy, reply_to_transcript_only=True)
    return Plan(
        wishes=Wishes(
            session=session,
            prefixes_ids=True,
            greeting=settings.greet,
            dialect="ga" if provider.dialect == "live" else provider.dialect,
            provider=provider.title,
            model=session.get("model", ""),
            voice=str(voice_of(session)),
            session_limit=provider.session_limit,
            transport=provider.transport,
            is_loopback=is_on_this_machine(provider),
        ),
        choices=Choices(
            turn_mode=settings.turn_mode,  # type: ignore[arg-type]  # checked when the settings were loaded
            barge_in=barge_in,
            local_detection=detection is None and not push_to_talk,
        ),
        policy=policy,
        provider=provider,
        remarks=remarks,
    )


def is_live(settings: Settings, provider: Provider, session: Mapping[str, Any]) -> bool:
    """Whether this talk is a GPT-Live session: by the setting, else by the model's name."""
    if provider.dialect != "auto":
        return provider.dialect == "live"
    return (settings.model or str(session.get("model", ""))).startswith(LIVE_MODELS)


def translation_plan(settings: Settings, provider: Provider) -> Plan:
    """A translation session, over WebSocket: continuous sound in, and what comes of it. Raises ConfigError."""
    session = translation_session(settings, provider)
    return Plan(
        wishes=Wishes(
            session=session,
            prefixes_ids=True,
            dialect="ga",
            provider=provider.title,
            model=session["model"],
            session_limit=provider.session_limit,
            transport="websocket",
            is_loopback=is_on_this_machine(provider),
        ),
        choices=Choices(turn_mode="hands-free", barge_in=CONTINUOUS.barge_in),
        policy=policy_for(CONTINUOUS),
        provider=replace(provider, transport="websocket", dialect="ga", chunk=CHUNK),
        remarks=unused(settings),
    )


def session_of_file(name: str, takes: Collection[str] = ()) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The checked session of `--session FILE` in the GA dialect, and what is worth telling about it.

    `takes` are GA paths where the service takes more than OpenAI (`Provider.takes`). Raises ConfigError.
    """
    if not name:
        return {}, ()
    checked = check_session(read_session_file(name), overruled=takes)
    errors = [problem for problem in checked.problems if problem.severity == "error"]
    if errors:
        raise ConfigError(
            f"{name}: {one_line(errors[0])}", hint=f"`voicechat session check {name}` tells all {len(errors)}"
        )
    if checked.kind != "realtime":
        raise ConfigError(
            f"{name} describes a transcription session", hint="a conversation needs a session of type realtime"
        )
    return dict(checked.session), tuple(f"{name}: {one_line(problem)}" for problem in checked.problems)


def one_line(problem: Problem) -> str:
    return f"{problem.path}: {problem.message}" + (f" ({problem.hint})" if problem.hint else "")


def defaults(settings: Settings, provider: Provider, preset: Preset) -> dict[str, Any]:
    """What a provider has no name for is left to the service."""
    heard: dict[str, Any] = {"turn_detection": turn_detection_of(preset)}
    if transcriber := settings.transcription_model or provider.transcription_model:
        transcription = {"model": transcriber} | ({"language": settings.language} if settings.language else {})
        heard["transcription"] = transcription if preset.transcription else None
    own: dict[str, Any] = {
        "type": "realtime",
        **({"model": provider.model} if provider.model else {}),
        "instructions": DEFAULT_INSTRUCTIONS,
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                **heard,
            },
            "output": {"voice": provider.voice} if provider.voice else {},
        },
    }
    return merged(own, provider.session)


def explicit(session: dict[str, Any], settings: Settings, detection: dict[str, Any]) -> None:
    """Options the user gave overrule presets and session files. Changes `session`."""
    given, output, heard = settings.given, session["audio"]["output"], session["audio"]["input"]
    if "model" in given:
        session["model"] = settings.model
    if "instructions" in given:
        session["instructions"] = settings.instructions
    if "output" in given:
        session["output_modalities"] = [settings.output]
    if "voice" in given:
        output["voice"] = settings.voice
    if "preset" in given:
        heard["turn_detection"] = detection
    if given & {"language", "transcription_model"}:
        transcription = heard.get("transcription") or {}
        if "transcription_model" in given or "model" not in transcription:
            if transcriber := settings.transcription_model or provider_of(settings).transcription_model:
                transcription["model"] = transcriber
        if "language" in given:
            transcription["language"] = settings.language
        heard["transcription"] = transcription


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge; whatever `above` says wins, an explicit null included. Turn detection is one wish: never mixed."""
    out = dict(below)
    for name, value in above.items():
        mixes = isinstance(value, Mapping) and isinstance(out.get(name), Mapping) and name != "turn_detection"
        out[name] = merged(out[name], value) if mixes else value
    return out


def is_on_this_machine(provider: Provider) -> bool:
    """Whether the service runs here: our own, or one at a loopback address."""
    address = provider.base_url if "://" in provider.base_url else f"//{provider.base_url}"
    return provider.name == "local" or is_loopback(urlsplit(address).hostname or "")


def voice_of(session: Mapping[str, Any]) -> object:
    voice = session["audio"]["output"].get("voice", "")
    return voice.get("id") or voice.get("name", "") if isinstance(voice, dict) else voice

"""What choosing a setting while talking does to the wish and to the way turns are taken (R20, R23). Pure.

A setting is named by its GA path without `session.`, and its value is what stands on the wire. Some settings are more
than a field: who decides on answers and who interrupts change what *we* do as well, so they live in `Choices`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace

from voicechat.core.policy import PRESETS, Preset, PresetName, TurnPolicy
from voicechat.core.rules.wanted import FALLBACK_TRANSCRIPTION, wished_detection
from voicechat.core.state import Change, Choices, State
from voicechat.core.user_events import SettingValue
from voicechat.protocol.session_dialects import get_path, has_path, set_path

PRESET = "preset"
"""The path under which choosing a preset is remembered; it is no field of the session."""
DETECTION = "audio.input.turn_detection"
TRANSCRIPTION = "audio.input.transcription"
VOICE = "audio.output.voice"
FORMATS = ("audio.input.format", "audio.output.format")
CREATE_RESPONSE, INTERRUPT_RESPONSE = f"{DETECTION}.create_response", f"{DETECTION}.interrupt_response"
_WHOLE = (DETECTION, TRANSCRIPTION, "audio.input.noise_reduction", *FORMATS)
"""What is sent as a whole: services differ in what becomes of a member that an update leaves out."""
_FIXED = {"model": "the model was agreed on at the start of the session", "type": "the kind of session never changes"}
_CLEARED = (f"{TRANSCRIPTION}.language", f"{TRANSCRIPTION}.prompt", "temperature")
"""Null means: say nothing about it. The service refuses a null there."""


def block_of(path: str) -> str:
    """The smallest part of the session that can be sent for a path."""
    if path == PRESET:
        return DETECTION
    return next((block for block in _WHOLE if path == block or path.startswith(f"{block}.")), path)


def steps_of(path: str) -> tuple[str, ...]:
    """`audio.output.voice` as a path of the dialects."""
    return tuple(path.split("."))


def chosen(state: State, path: str, value: SettingValue, policy: TurnPolicy) -> State | str:
    """The state with the choice in it, unchecked by the tables; or why it cannot be."""
    if path in _FIXED:
        return _FIXED[path]
    if path.startswith(FORMATS) and state.connection.transport == "WebRTC":
        return "over WebRTC the sound is Opus, whatever the session says"
    match path, value:
        case "audio.input.turn_detection", None:
            return replace(state, choices=replace(state.choices, local_detection=True))
        case "audio.input.turn_detection.create_response", bool(by_server):
            return _policy_chosen(state, replace(policy, reply_to_transcript_only=not by_server))
        case "audio.input.turn_detection.interrupt_response", bool(interrupts):
            if interrupts and not state.choices.barge_in:
                return "barge-in is off"
            return _policy_chosen(state, replace(policy, mic_open_during_playback=interrupts))
    session = state.wishes.session
    if path in _CLEARED[:2] and not get_path(session, steps_of(TRANSCRIPTION)):
        return "transcription is off"
    wishes = replace(state.wishes, session=with_value(session, path, value))
    if path == VOICE and isinstance(value, str):
        wishes = replace(wishes, voice=value)
    in_server = path == DETECTION or path == f"{DETECTION}.type"
    choices = replace(state.choices, local_detection=False) if in_server else state.choices
    return replace(state, wishes=wishes, choices=choices)


def preset_chosen(state: State, name: PresetName, policy: TurnPolicy) -> State:
    """R23: every value of the preset; what is chosen afterwards overrules it."""
    preset = PRESETS[name]
    detection = {**_of_other_detector(state), **turn_detection_of(preset)}
    session = with_value(state.wishes.session, DETECTION, detection)
    if preset.transcription and not get_path(session, steps_of(TRANSCRIPTION)):
        session = with_value(session, TRANSCRIPTION, {"model": FALLBACK_TRANSCRIPTION})
    ways = replace(
        policy,
        mic_open_during_playback=preset.mic_open_during_playback,
        reply_to_transcript_only=preset.reply_to_transcript_only,
        reopen_delay=preset.reopen_delay,
    )
    choices = replace(state.choices, barge_in=preset.barge_in, local_detection=False, policy=ways)
    return replace(state, wishes=replace(state.wishes, session=session), choices=choices)


def restored(state: State, change: Change) -> State:
    """The state as it was before the change, everything else as it is now."""
    path = DETECTION if change.path == PRESET else change.path
    before = _value_at(change.session, path)
    session = with_value(state.wishes.session, path, before, is_there=has_path(change.session, steps_of(path)))
    voice = get_path(session, steps_of(VOICE))
    named = voice if path == VOICE and isinstance(voice, str) else state.wishes.voice
    wishes = replace(state.wishes, session=session, voice=named)
    return replace(state, wishes=wishes, choices=_choices_before(state.choices, change))


def preset_now(state: State, policy: TurnPolicy) -> PresetName | None:
    """The preset whose every value holds now; None where single options overrule it."""
    wish = wished_detection(state.wishes.session)
    for name, preset in PRESETS.items():
        fields = turn_detection_of(preset)
        flags = (preset.mic_open_during_playback, preset.reply_to_transcript_only, preset.barge_in)
        now = (policy.mic_open_during_playback, policy.reply_to_transcript_only, state.choices.barge_in)
        wished = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
        is_wished = all(wish.get(field) == fields[field] for field in wished)
        if is_wished and flags == now and policy.reopen_delay == preset.reopen_delay:
            return name
    return None


def turn_detection_of(preset: Preset) -> dict[str, Any]:
    """A preset as the wire says it."""
    return {
        "type": "server_vad",
        "threshold": preset.threshold,
        "prefix_padding_ms": round(preset.prefix_padding * 1000),
        "silence_duration_ms": round(preset.silence_duration * 1000),
        "create_response": preset.create_response,
        "interrupt_response": preset.interrupt_response,
    }


def is_voice_fixed(state: State) -> bool:
    """A service keeps its voice for the whole session once it was heard."""
    line = state.connection
    heard = (turn for turn in reversed(state.conversation.turns) if turn.who == "assistant")
    return line.phase == "open" and any(
        turn.connection == line.number and turn.first_sound_at is not None for turn in heard
    )


def with_value(session: Mapping[str, Any], path: str, value: object, *, is_there: bool = True) -> dict[str, Any]:
    """A copy of the session with a value at a path, or without one there."""
    changed, steps = dict(session), steps_of(path)
    if path in _CLEARED and value is None:
        is_there = False
    if is_there:
        set_path(changed, steps, cast(Any, value))
        return changed
    parent = get_path(session, steps[:-1]) if len(steps) > 1 else dict(session)
    if not isinstance(parent, dict) or steps[-1] not in parent:
        return changed
    rest = {name: one for name, one in parent.items() if name != steps[-1]}
    if len(steps) == 1:
        return dict(rest)
    set_path(changed, steps[:-1], rest)
    return changed


def _policy_chosen(state: State, policy: TurnPolicy) -> State:
    return replace(state, choices=replace(state.choices, policy=policy))


def _of_other_detector(state: State) -> dict[str, Any]:
    wish = get_path(state.wishes.session, steps_of(DETECTION))
    return {"eagerness": wish["eagerness"]} if isinstance(wish, dict) and "eagerness" in wish else {}


def _value_at(session: Mapping[str, Any], path: str) -> object:
    return get_path(session, steps_of(path))


def _choices_before(now: Choices, change: Change) -> Choices:
    before = change.choices
    if change.path in (CREATE_RESPONSE, INTERRUPT_RESPONSE):
        return replace(now, policy=before.policy)
    if change.path in (DETECTION, f"{DETECTION}.type"):
        return replace(now, local_detection=before.local_detection)
    if change.path == PRESET:
        return replace(now, policy=before.policy, local_detection=before.local_detection, barge_in=before.barge_in)
    return now

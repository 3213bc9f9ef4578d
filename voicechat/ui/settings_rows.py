"""Every setting of the drawer, group by group, with its values and what is said where it does not apply. Pure."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from voicechat.core.user_events import (
    BargeInChosen,
    EchoChosen,
    GainChosen,
    NoiseChosen,
    PresetChosen,
    SettingChosen,
    SettingValue,
    TurnModeChosen,
)
from voicechat.ui.settings_choices import (
    PRESET,
    TRANSCRIPTION,
    VAD,
    Act,
    Facts,
    Group,
    Json,
    Look,
    Option,
    Setting,
    Values,
    placed,
    slider,
    text_row,
    words,
)

Steps = tuple[tuple[str, SettingValue], ...]

THRESHOLD: Steps = tuple((f"{n / 20:g}", n / 20) for n in range(21))
SILENCE: Steps = tuple((f"{n} ms", n) for n in (*range(100, 1000, 50), *range(1000, 3001, 100)))
PADDING: Steps = tuple((f"{n} ms", n) for n in range(0, 1001, 50))
IDLE: Steps = (("off", None), *((f"{n} ms", n) for n in range(5000, 30_001, 1000)))
SPEED: Steps = tuple((f"{n / 20:g} ×", n / 20) for n in range(5, 31))
TEMPERATURE: Steps = tuple((f"{n / 20:g}", n / 20) for n in range(12, 25))
TOKENS: Steps = (*((f"{n} tokens", n) for n in (64, 128, 256, 512, 1024, 2048, 4096)), ("no limit", "inf"))
ECHO: tuple[tuple[str, Act], ...] = (
    ("cancel", EchoChosen("on")),
    ("headphones", EchoChosen("headphones")),
    ("half duplex", EchoChosen("off")),
)
MOST_THEMES = 6


@cache
def known_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Voices and transcription models that the tables know. Loaded when the drawer is: the first frame has no need."""
    from voicechat.protocol.session_fields import TRANSCRIPTION_MODELS, VOICES

    return VOICES, TRANSCRIPTION_MODELS


def groups(facts: Facts) -> tuple[Group, ...]:
    """The whole drawer."""
    values = Values(facts)
    return (
        Group("TURNS", _turns(values)),
        Group("WHO DECIDES YOU ARE DONE", _detector(values)),
        Group("VOICE", _voice(values)),
        Group("SOUND", _sound(values)),
        Group("LOOKS", _looks(facts)),
    )


_MODES = ("hands-free", "push-to-talk", "transcribe")


def _turns(values: Values) -> tuple[Setting, ...]:
    mic, name = values.facts.mic, values.shown.preset
    modes = (
        ("open mic", TurnModeChosen("hands-free")),
        ("push-to-talk", TurnModeChosen("push-to-talk")),
        ("write down only", TurnModeChosen("transcribe")),
    )
    presets = tuple((one, PresetChosen(one)) for one in ("balanced", "steady", "quick"))
    barge_in = (("on", BargeInChosen(True)), ("off", BargeInChosen(False)))
    at = next((at for at, one in enumerate(presets) if one[0] == name), -1)
    row = _row(PRESET, "preset", presets, at, note="" if name else "your own")
    return (
        _row("turn_mode", "you talk by", modes, _MODES.index(mic.turn_mode), note=values.facts.keys.of("turn_mode")),
        placed(values, row),
        _row("barge_in", "barge-in", barge_in, not mic.barge_in, note=values.facts.keys.barge_in),
    )


def _detector(values: Values) -> tuple[Setting, ...]:
    kind = _kind(values)
    is_talk = values.facts.mic.turn_mode == "push-to-talk"
    nobody = "push-to-talk: you say when" if is_talk else "off: this machine listens"
    server = "" if kind == "server_vad" else nobody if kind is None else "only with server"
    semantic = "" if kind == "semantic_vad" else nobody if kind is None else "only with semantic"
    beta = "not in the beta dialect" if values.is_beta else ""
    cut = "" if values.facts.mic.barge_in else "only with barge-in on"
    answers: Steps = (("by itself", True), ("to words only", False))
    interrupts: Steps = (("yes", True), ("no", False))
    return (
        _kind_row(values, kind, "" if not is_talk else nobody),
        Setting("level", "level now"),
        slider(values, f"{VAD}.threshold", "threshold", THRESHOLD, why=server, default=0.5),
        slider(values, f"{VAD}.silence_duration_ms", "silence", SILENCE, why=server, default=500),
        slider(values, f"{VAD}.prefix_padding_ms", "keep before", PADDING, why=server, default=300),
        slider(values, f"{VAD}.idle_timeout_ms", "nudge after", IDLE, why=server or beta),
        words(values, f"{VAD}.eagerness", "eagerness", EAGERNESS, why=semantic),
        words(values, f"{VAD}.create_response", "answers", answers, why=nobody if kind is None else ""),
        words(values, f"{VAD}.interrupt_response", "server cuts", interrupts, why=nobody if kind is None else cut),
    )


EAGERNESS: Steps = tuple((one, one) for one in ("auto", "low", "medium", "high"))


def _kind(values: Values) -> Json:
    """server_vad, semantic_vad, or None for nobody."""
    return None if values.turns_are_ours else values.now(f"{VAD}.type") or "server_vad"


def _kind_row(values: Values, kind: Json, why: str) -> Setting:
    path = f"{VAD}.type"
    row = words(values, path, "detector", (("server", "server_vad"), ("semantic", "semantic_vad")), why=why)
    options = (*row.options, Option("me", SettingChosen(VAD, None)))
    chosen = len(options) - 1 if kind is None else row.chosen
    standing, reason = values.standing(VAD if VAD in values.shown.pending else path)
    return Setting(path, row.label, options[chosen].text, options, chosen, why=why, standing=standing, reason=reason)


def _voice(values: Values) -> tuple[Setting, ...]:
    shown = values.shown
    voices: Steps = tuple((name, name) for name in known_names()[0])
    voice = words(values, "audio.output.voice", "voice", voices, note="fixed once heard" if shown.voice_fixed else "")
    heat = "" if values.is_beta else "only in the beta dialect"
    how: Steps = (("sound", ["audio"]), ("text", ["text"]))
    tools: Steps = (("auto", "auto"), ("never", "none"), ("always", "required"))
    return (
        _edited(voice),
        slider(values, "audio.output.speed", "speed", SPEED, default=1.0),
        text_row(values, "instructions", "instructions", "none"),
        words(values, "output_modalities", "answers in", how),
        slider(values, "max_output_tokens", "at most", TOKENS, default="inf"),
        words(values, "tool_choice", "tools", tools),
        slider(values, "temperature", "temperature", TEMPERATURE, why=heat, default=0.8),
        _format(values, "output"),
    )


def _sound(values: Values) -> tuple[Setting, ...]:
    mic, sound = values.facts.mic, values.facts.sound
    models: Steps = (("off", None), *((name, name) for name in known_names()[1]))
    near: SettingValue = {"type": "near_field"}
    noise: Steps = (("off", None), ("near", near), ("far", {"type": "far_field"}))
    is_off = "" if isinstance(values.now(TRANSCRIPTION), dict) else "only with a transcript"
    echo = next((at for at, (_, act) in enumerate(ECHO) if act == EchoChosen(sound.echo)), 0)
    return (
        Setting("mic", "microphone", mic.name or "none", door=Look("devices")),
        Setting("speaker", "loudspeaker", mic.speaker or "none", door=Look("devices")),
        _row("echo", "echo", ECHO, echo),
        _row("noise", "noise", (("suppress", NoiseChosen(True)), ("as it is", NoiseChosen(False))), not sound.noise),
        _row("gain", "volume", (("level", GainChosen(True)), ("as it is", GainChosen(False))), not sound.gain),
        words(values, "audio.input.noise_reduction", "server noise", noise),
        _edited(_transcript(values, models)),
        text_row(values, f"{TRANSCRIPTION}.language", "language", "found out by itself", why=is_off),
        text_row(values, f"{TRANSCRIPTION}.prompt", "expect", "no names or words in particular", why=is_off),
        _format(values, "input"),
    )


def _transcript(values: Values, models: Steps) -> Setting:
    """`off` is no model but no transcription at all."""
    row = words(values, f"{TRANSCRIPTION}.model", "transcript", models)
    options = tuple(
        Option(one.text, SettingChosen(TRANSCRIPTION, None)) if one.text == "off" else one for one in row.options
    )
    return replace(row, options=options)


def _format(values: Values, side: str) -> Setting:
    path = f"audio.{side}.format"
    if values.shown.transport == "WebRTC":
        return Setting(path, f"{side} as", "Opus", why="fixed over WebRTC: Opus")
    pcm: SettingValue = {"type": "audio/pcm", "rate": 24000}
    formats: Steps = (("pcm", pcm), ("µ-law", {"type": "audio/pcmu"}), ("A-law", {"type": "audio/pcma"}))
    return words(values, path, f"{side} as", formats)


def _looks(facts: Facts) -> tuple[Setting, ...]:
    names = facts.themes[:MOST_THEMES]
    listed = names if facts.theme in names else (*names, facts.theme)
    themes = (*((name, Look("theme", name)) for name in listed), ("more", Look("theme")))
    motion = (("full", Look("motion", "full")), ("calm", Look("motion", "calm")))
    at = listed.index(facts.theme) if facts.theme in listed else -1
    return _row("theme", "theme", themes, at), _row("motion", "motion", motion, facts.is_calm)


def _row(key: str, label: str, choices: tuple[tuple[str, Act], ...], chosen: int, note: str = "") -> Setting:
    options = tuple(Option(text, act) for text, act in choices)
    return Setting(key, label, options[chosen].text if chosen >= 0 else "", options, int(chosen), note=note)


def _edited(row: Setting) -> Setting:
    """Any name is passed on: Enter types one."""
    return replace(row, edits=row.text if row.text != "off" else "")

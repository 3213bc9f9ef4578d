"""The preset `interpreter`: one session whose model says everything once more in the other language.

It lives here and not among the presets that can be chosen while talking, because it is more than a way of taking
turns: without its instructions it would be `balanced` with cutting in switched off.
"""

from __future__ import annotations

from dataclasses import replace

from voicechat.config.languages import language_name, language_pair
from voicechat.config.settings import Settings
from voicechat.core.policy import PRESETS, Preset
from voicechat.errors import ConfigError

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

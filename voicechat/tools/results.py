"""Arguments in, results out: JSON checked before a call, and what a tool returned as a text the model may read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

LONGEST_ARGUMENTS = 256_000
MOST_PROBLEMS = 5
LONGEST_PROBLEM = 240


def read_arguments(text: str) -> dict[str, Any] | str:
    """The arguments of a call, or what is wrong with them in words the model can mend them by."""
    if len(text) > LONGEST_ARGUMENTS:
        return f"The arguments are longer than {LONGEST_ARGUMENTS} characters."
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        return f"The arguments are no valid JSON: {error}."
    return value if isinstance(value, dict) else "The arguments must be a JSON object."


def argument_problems(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What the schema refuses, with path and reason; empty if nothing. Slow schemas cost time: call it on a thread."""
    import jsonschema
    from referencing import Registry

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    # An empty registry: a schema that came from elsewhere may not make us fetch what it refers to.
    checker = kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)
    found = []
    for error in checker.iter_errors(arguments):
        place = error.json_path.removeprefix("$").removeprefix(".") or "the arguments"
        found.append(f"{place}: {error.message}"[:LONGEST_PROBLEM])
        if len(found) == MOST_PROBLEMS:
            break
    return f"The arguments are wrong: {'; '.join(sorted(found))}." if found else ""


def written(result: object, largest: int) -> str:
    """A result as text, at most `largest` characters and a word on what was cut. Raises TypeError, ValueError."""
    text = result if isinstance(result, str) else _as_json(result)
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot travel
    return bounded(text, largest)


def bounded(text: str, largest: int) -> str:
    """The beginning of a text that is too long, and how much is missing."""
    if len(text) <= largest:
        return text
    return f"{text[:largest]}\n[cut: {len(text) - largest} of {len(text)} characters left out]"


def _as_json(result: object) -> str:
    try:
        plain = msgspec.to_builtins(result, str_keys=True, enc_hook=_other)
    except RecursionError as error:
        raise ValueError("it holds itself, or nests too deep") from error
    return json.dumps(plain, ensure_ascii=False)


def _other(value: object) -> object:
    """Records of other libraries (pydantic) and numbers of numpy say it themselves."""
    for method in ("model_dump", "tolist", "to_dict", "__fspath__"):
        if callable(make := getattr(value, method, None)) and not isinstance(value, type):
            return make()
    raise TypeError(f"a result of type {type(value).__name__} cannot be written as JSON")

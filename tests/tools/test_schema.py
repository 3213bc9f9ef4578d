"""What a model is told of a function: a table of hints and docstrings, and the arguments read back by them."""

from __future__ import annotations

import datetime
import enum
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict, Union

import pytest

from tests.support.each import each
from voicechat.tools.schema import Schema, UnfitError, schema_of, signature_of


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Place:
    """A place.

    Args:
        city: Its name.
    """

    city: str
    height: float = 0.0
    tags: list[str] = field(default_factory=list)


class Options(TypedDict):
    fast: bool
    limit: NotRequired[int]


@dataclass
class Endless:
    next: Endless | None = None


PLACE: Schema = {
    "type": "object",
    "properties": {
        "city": {"description": "Its name.", "type": "string"},
        "height": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
    "required": ["city"],
}
TABLE: list[tuple[Any, Schema]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (None.__class__, {"type": "null"}),
    (Any, {}),
    (list, {"type": "array"}),
    (list[int], {"type": "array", "items": {"type": "integer"}}),
    (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
    (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
    (
        tuple[int, str],
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
    ),
    (dict, {"type": "object"}),
    (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
    (Mapping[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (Optional[int], {"type": ["integer", "null"]}),  # noqa: UP045 - users write it so
    (int | str, {"type": ["integer", "string"]}),
    (Union[list[int], None], {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}),  # noqa: UP007
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal["a", 1], {"type": ["integer", "string"], "enum": ["a", 1]}),
    (Color, {"type": "string", "enum": ["red", "blue"]}),
    (Annotated[str, "Name of a city"], {"type": "string", "description": "Name of a city"}),
    (Annotated[int, 7, "seven"], {"type": "integer", "description": "seven"}),
    (datetime.date, {"type": "string", "format": "date"}),
    (pathlib.Path, {"type": "string"}),
    (Place, PLACE),
    (list[Place], {"type": "array", "items": PLACE}),
    (
        Options,
        {
            "type": "object",
            "properties": {"fast": {"type": "boolean"}, "limit": {"type": "integer"}},
            "additionalProperties": False,
            "required": ["fast"],
        },
    ),
]


@each(("hint", "schema"), TABLE, ids=[str(hint) for hint, _ in TABLE])
def test_a_hint_is_told_as_this_schema(hint: Any, schema: Schema) -> None:
    assert schema_of(hint) == schema


@each("hint", [Endless, complex, Callable[[int], int], type, Literal[b"x"], list[complex]])
def test_what_json_cannot_hold_is_refused(hint: Any) -> None:
    with pytest.raises(UnfitError):
        schema_of(hint)


def google(city: str, day: str = "today") -> str:
    """The weather of a city.

    Two lines of it.

    Args:
        city (str): Name of the city,
            with its country.
        day: Which day.

    Returns:
        A sentence.
    """
    return city + day


def sphinx(city: str, day: str = "today") -> str:
    """The weather of a city.

    Two lines of it.

    :param str city: Name of the city,
        with its country.
    :param day: Which day.
    :returns: A sentence.
    """
    return city + day


def numpy_style(city: str, day: str = "today") -> str:
    """The weather of a city.

    Two lines of it.

    Parameters
    ----------
    city : str
        Name of the city,
        with its country.
    day : str, optional
        Which day.

    Returns
    -------
    str
        A sentence.
    """
    return city + day


@each("function", [google, sphinx, numpy_style])
def test_the_three_styles_of_docstrings_say_the_same(function: Callable[..., str]) -> None:
    told = signature_of(function)
    assert told.description == "The weather of a city.\n\nTwo lines of it."
    assert told.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city, with its country."},
            "day": {"type": "string", "description": "Which day.", "default": "today"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_function_without_words_or_hints_is_offered_all_the_same() -> None:
    def bare(x, y=2):  # type: ignore[no-untyped-def]
        return x + y

    told = signature_of(bare)
    assert (told.name, told.description) == ("bare", "")
    assert told.parameters["properties"] == {"x": {}, "y": {"default": 2}}
    assert told.parameters["required"] == ["x"]


def test_a_hint_is_nearer_than_the_docstring() -> None:
    def look(city: Annotated[str, "from the hint"]) -> None:
        """Look.

        Args:
            city: from the text
        """

    assert signature_of(look).parameters["properties"]["city"]["description"] == "from the hint"


def test_arguments_come_as_what_the_hints_promise() -> None:
    def go(to: Place, color: Color, when: datetime.date, path: pathlib.Path, options: Options, ratio: float) -> None:
        """Go."""

    given = {
        "to": {"city": "Paris"},
        "color": "red",
        "when": "2026-03-04",
        "path": "/tmp",
        "options": {"fast": True},
        "ratio": 3,
    }
    assert signature_of(go).arguments(given) == {
        "to": Place("Paris"),
        "color": Color.RED,
        "when": datetime.date(2026, 3, 4),
        "path": pathlib.Path("/tmp"),
        "options": {"fast": True},
        "ratio": 3.0,
    }


def test_a_function_no_model_could_call_says_why() -> None:
    def anything(*args: int) -> None: ...
    def named(**kwargs: int) -> None: ...
    def by_place(x: int, /) -> None: ...
    def unknown(x: NoSuchType) -> None: ...  # type: ignore[name-defined]  # noqa: F821
    def of_numbers(x: complex) -> None: ...

    for function, why in (
        (anything, "cannot be given by name"),
        (named, "cannot be given by name"),
        (by_place, "cannot be given by name"),
        (unknown, "NoSuchType"),
        (of_numbers, "parameter x: complex cannot be written as JSON"),
    ):
        with pytest.raises(UnfitError, match=why):
            signature_of(function)

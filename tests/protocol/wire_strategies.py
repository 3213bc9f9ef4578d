"""Hypothesis strategies for JSON values and for every wire record, made from the records themselves."""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from voicechat.protocol.items import ContentPart, Item
from voicechat.protocol.session_dialects import GA_PATHS
from voicechat.protocol.session_fields import REALTIME
from voicechat.protocol.wire import MAX_INTEGER, JsonValue

text = st.text(st.characters(codec="utf-8"), max_size=8)
scalars: st.SearchStrategy[JsonValue] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)
json_values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=6
)
json_objects: st.SearchStrategy[dict[str, JsonValue]] = st.dictionaries(text, json_values, max_size=4)

_FIELDS = sorted({*REALTIME.members, *GA_PATHS, "temperature", "sample_rate", "session", "nonsense"})
configs: st.SearchStrategy[Any] = st.dictionaries(st.sampled_from(_FIELDS), json_values, max_size=4)
"""Configurations with known names and anything in them."""
audios: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        side: st.dictionaries(
            st.sampled_from(["format", "voice", "speed", "transcription", "turn_detection", "noise_reduction", "x"]),
            json_values | st.dictionaries(st.sampled_from(["type", "model", "threshold", "rate", "id"]), json_values),
            max_size=3,
        )
        for side in ("input", "output")
    },
)
"""What may be pasted as `audio`: known names, often with fitting shapes."""

CONTENT_TYPES = ("input_text", "input_audio", "input_image", "output_text", "output_audio")


def records(record: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any well formed instance of a record, nested ones included."""
    fields = {field.name: _values(field.type) for field in msgspec.structs.fields(record)}
    if record is ContentPart:
        fields["type"] = st.sampled_from(CONTENT_TYPES)
    if record is Item:
        fields["type"] = st.sampled_from(("message", "function_call", "mcp_call"))
    return st.builds(record, **fields)


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return st.deferred(lambda: records(hint))
    if get_origin(hint) is Annotated:
        return st.integers(-MAX_INTEGER, MAX_INTEGER)
    if get_origin(hint) in (Union, UnionType):
        return st.one_of([_values(member) for member in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(_values(get_args(hint)[0]), max_size=2).map(tuple)
    if get_origin(hint) is dict:
        return json_objects
    simple: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
        str: lambda: text,
        bool: st.booleans,
        int: lambda: st.integers(-MAX_INTEGER, MAX_INTEGER),
        float: lambda: st.floats(allow_nan=False, allow_infinity=False),
        type(None): st.none,
        Any: lambda: json_values,
    }
    return simple[hint]()

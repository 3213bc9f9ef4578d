"""A filter is understood as DESIGN writes it, or told what is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from voicechat.ui.inspector.query import Amount, BadTerm, Field, Moment, Path, Query, Sought, Turn, Words, parse


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("type:response,in.speech*", Field("type", ("response", "in.speech*"))),
        ("dir:in", Field("dir", ("in",))),
        ("is:error", Field("is", ("error",))),
        ("resp:8f2", Field("resp", ("8f2",))),
        ("turn:8", Turn((8,))),
        ("after:4:06", Moment("after", 246.0, ago=False)),
        ("before:30s", Moment("before", 30.0, ago=True)),
        ("gap:>500ms", Amount("gap", ">", 0.5)),
        ("size:>4k", Amount("size", ">", 4096.0)),
        (".usage.output_tokens>200", Path(("usage", "output_tokens"), ">", "200")),
        (".response.status=failed", Path(("response", "status"), "=", "failed")),
        ('"two words"', Words(("two words",))),
        ("umbrella,rain", Words(("umbrella", "rain"))),
        ("“4:06 is no field”", Words(("4:06 is no field",))),
        ("14:30", Words(("14:30",))),
    ],
)
def test_each_term_is_read(text: str, term: object) -> None:
    assert parse(text) == Query((Sought(term),))  # type: ignore[arg-type]
    assert parse("-" + text) == Query((Sought(term, negated=True),)) or text[0] in '"“'  # type: ignore[arg-type]


def test_group_off_splits_the_runs() -> None:
    assert parse("group:off") == Query((), grouped=False)
    assert parse("-group:off") == Query((), grouped=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("typ:response", "no field “typ”: did you mean type?"),
        ("is:eror", "is:eror: did you mean error?"),
        ("dir:left", "one of in, out, local"),
        ("turn:last", "a turn is a number"),
        ("after:noon", "a time of the session (4:06) or how long ago (30s)"),
        ("gap:long", "as in gap:>500ms"),
        ("size:>4ms", "as in size:>4k"),
        (".usage", "a field is compared"),
        ("type:", "type: needs a value"),
        ('"open', "a quotation mark is not closed"),
    ],
)
def test_a_bad_term_says_what_is_wrong(text: str, told: str) -> None:
    bad = parse(text)
    assert isinstance(bad, BadTerm) and told in bad.reason


@given(st.text(max_size=200))
def test_any_line_is_a_query_or_a_reason(text: str) -> None:
    assert isinstance(parse(text), Query | BadTerm)


@pytest.mark.parametrize("text", ["..>1", ".[]=1", f"after:{'9' * 400}:00", f"gap:>{'9' * 400}", f"after:{'9' * 400}s"])
def test_a_filter_that_can_match_nothing_is_refused_in_words(text: str) -> None:
    assert isinstance(parse(text), BadTerm)

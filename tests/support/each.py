"""A family of tests as one test: the same promise for every row of a table."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

Test = Callable[..., Any]


def each(names: str | tuple[str, ...], values: Iterable[Any], *, ids: object = None) -> Callable[[Test], Test]:
    """Like `pytest.mark.parametrize`, as a single item: fails with the list of all rows that failed.

    For tests that take milliseconds and change nothing outside; fixtures are shared by all rows. `ids` may be a
    function or a list, as there.
    """
    keys = names.replace(" ", "").split(",") if isinstance(names, str) else list(names)
    rows = [value if len(keys) > 1 else (value,) for value in values]
    assert rows, "no rows"

    def label(number: int) -> str:
        if isinstance(ids, (list, tuple)):
            return str(ids[number])
        return ", ".join(str(ids(value) if callable(ids) else repr(value)) for value in rows[number])[:200]

    def decorate(test: Test) -> Test:
        failures: list[str] = []

        @contextmanager
        def noted(number: int) -> Iterator[dict[str, Any]]:
            try:
                yield dict(zip(keys, rows[number], strict=True))
            except (Exception, pytest.fail.Exception) as error:
                failures.append(f"{label(number)}: {type(error).__name__}: {error}")

        def judge() -> None:
            found = [f"{len(failures)} of {len(rows)} rows", *failures]
            failures.clear()
            if found[1:]:
                pytest.fail("\n".join(found), pytrace=False)

        def run(**fixtures: Any) -> None:
            for number in range(len(rows)):
                with noted(number) as row:
                    test(**row, **fixtures)
            judge()

        async def run_async(**fixtures: Any) -> None:
            for number in range(len(rows)):
                with noted(number) as row:
                    await cast("Coroutine[Any, Any, None]", test(**row, **fixtures))
            judge()

        one = functools.wraps(test)(run_async if inspect.iscoroutinefunction(test) else run)
        signature = inspect.signature(test)
        own = [parameter for name, parameter in signature.parameters.items() if name not in keys]
        one.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
        del one.__wrapped__  # pytest would ask it for its fixtures
        return one

    return decorate

"""A float that equals its neighbours, for times inside records (where `pytest.approx` is not a float to mypy)."""

from __future__ import annotations


class _Nearly(float):
    """Compares with a tolerance of a microsecond: times are sums of 10 ms steps."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(float.__sub__(self, other)) < 1e-6

    __hash__ = float.__hash__


def nearly(value: float) -> float:
    """`value`, give or take a rounding error."""
    return _Nearly(value)

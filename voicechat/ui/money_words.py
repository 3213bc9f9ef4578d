"""Money and tokens in the words of the header, the glance and the numbers. What is not known is never written as 0."""

from __future__ import annotations

from voicechat.insight.metrics.ledger import Figures

Piece = tuple[str, str, bool]
"""Text, colour name, bold."""


def dollars(amount: float) -> str:
    """`$0.18`; below a cent four places, so that a short talk does not read as free."""
    return f"${amount:.2f}" if amount >= 0.01 or amount == 0 else f"${amount:.4f}"


def limit_words(seconds: float) -> str:
    """`60:00`: services tell their limits in minutes."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def grouped(count: int) -> str:
    """`1 936`: thousands apart."""
    return f"{count:,}".replace(",", " ")


def is_free(figures: Figures) -> bool:
    """A model that costs nothing: its price is known, and is nothing."""
    cost = figures.money.cost
    return cost is not None and cost.usd == 0.0


def cost_pieces(figures: Figures, *, long: bool) -> list[Piece]:
    """The header's cost: nothing before the first answer and nothing for a free model, which has nothing to warn of."""
    money, used = figures.money, figures.usage.total
    if not used or (is_free(figures) and not money.budget):
        return []
    if money.cost is None:
        return [(f"{grouped(used)} tok", "foreground", False)]
    spent = ("≈ " if money.cost.is_estimate else "") + dollars(money.cost.usd)
    if money.budget is None:
        return [(spent, "foreground", True)]
    limit = f" of {dollars(money.budget)}"
    if money.state in ("near", "spent"):
        return [(f"▲ {spent}{limit}", "warning", True)]
    return [(spent, "foreground", True), *([(limit, "quiet", False)] if long else [])]

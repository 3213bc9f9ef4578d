"""What may be written next in an event that is only half there."""

from __future__ import annotations

from tests.support.each import each
from voicechat.protocol.completing import complete


@each(
    ("written", "words"),
    [
        ('{"type":"session.update","session":{"audio":{"input":{"turn_detection":{"th', ("threshold",)),
        ('{"type":"session.update","session":{"audio":{"output":{"voice":"ma', ("marin",)),
        ('{"type":"session.update","session":{"parallel_tool_calls": ', ("true", "false")),
        ('{"type":"response.can', ("response.cancel",)),
        ('{"type":"conversation.item.create","item":{"type":"message","role":"sy', ("system",)),
        ('{"type":"no.such","a', ()),
    ],
)
def test_what_may_stand_at_the_cursor_is_known_from_half_a_text(written: str, words: tuple[str, ...]) -> None:
    assert complete(written, len(written), "ga").words == words

"""R27: a line that is gone is noticed within 1.5 s, and one that is bad, or pauses, is never taken for gone."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.support.each import each
from tests.support.peers import call, eventually, silence, tone
from voicechat.rtc.peer import Liveness

LOOK = 0.1


class Line:
    """A line on a fake clock. `sends(t)`: whether a packet of sound comes at `t`; `answers(t)`: whether one asked does.

    Looks and questions happen as the peer makes them; answers take `round_trip`.
    """

    def __init__(
        self,
        sends: Callable[[float], bool],
        answers: Callable[[float], bool] = lambda t: False,
        *,
        loud: Callable[[float], bool] = lambda t: False,
        round_trip: float = 0.05,
    ) -> None:
        self.life = Liveness(0.0)
        self._sends, self._answers, self._loud, self._round_trip = sends, answers, loud, round_trip
        self._on_their_way: list[tuple[float, float]] = []
        self._loud_at: float | None = None
        self._ask(0.0)

    def lost_at(self, until: float) -> float | None:
        """When the loss is noticed; None if it is not until then."""
        for tick in range(round(until / 0.02)):
            now = tick * 0.02
            self._loud_at = now if self._loud(now) else self._loud_at
            if self._sends(now):
                self.life.sound_came(now, self._loud_at)
            for asked_at, due in tuple(self._on_their_way):
                if due <= now:
                    self._on_their_way.remove((asked_at, due))
                    self.life.answered(asked_at, now)
            if tick % round(LOOK / 0.02) == 0:
                if self.life.why_lost(now):
                    return now
                if self.life.is_question_due(now):
                    self._ask(now)
        return None

    def _ask(self, now: float) -> None:
        if self._answers(now):
            self._on_their_way.append((now, now + self._round_trip))


def before(end: float) -> Callable[[float], bool]:
    return lambda t: t < end


@each(
    ("line", "end"),
    [
        (Line(before(10.0), before(10.0)), 10.0),
        (Line(before(10.0)), 10.0),  # no question can be put
        (Line(before(4.0), before(4.0), loud=lambda t: True), 4.0),  # in the middle of the first response
    ],
)
def test_a_stream_that_stops_is_noticed_within_a_second_and_a_half(line: Line, end: float) -> None:
    noticed = line.lost_at(20.0)
    assert noticed is not None and noticed - end <= 1.5


@each(
    ("name", "line"),
    [
        ("pauses", Line(lambda t: t % 20.0 < 8.0, lambda t: True, loud=lambda t: t % 20.0 < 6.0)),
        (
            "saves packets in silence",
            Line(lambda t: t % 10.0 < 3.0 or round(t / 0.02) % 20 == 0, lambda t: True, loud=lambda t: t % 10.0 < 3.0),
        ),
        ("cannot be asked", Line(lambda t: t % 20.0 < 8.0, loud=lambda t: t % 20.0 < 8.0)),
        ("is far away", Line(lambda t: t % 30.0 < 5.0, lambda t: True, round_trip=0.9, loud=lambda t: True)),
    ],
)
def test_a_sender_that_stops_between_responses_is_asked_and_not_given_up(name: str, line: Line) -> None:
    assert line.lost_at(600.0) is None


def test_ten_minutes_of_ten_per_cent_loss_raise_no_alarm() -> None:
    dice = random.Random(5)
    arrives = [lambda t: dice.random() > 0.1, lambda t: dice.random() > 0.1 and t % 20.0 < 6.0]
    for sends in arrives:
        assert Line(sends, lambda t: dice.random() > 0.19).lost_at(600.0) is None


def test_after_an_absence_of_our_own_the_other_side_gets_another_chance() -> None:
    life = Liveness(0.0)
    for tick in range(200):
        life.sound_came(tick * 0.02, None)
    assert life.streams
    assert life.why_lost(4.0) == ""
    assert life.why_lost(3600.0) == ""  # the lid was shut; what came meanwhile is read next
    noticed = next(tick for tick in range(1, 20) if life.why_lost(3600.0 + tick * LOOK))
    assert 4 <= noticed <= 8


def test_while_sound_flows_it_rests_longer_and_never_past_a_question_that_is_due() -> None:
    life = Liveness(0.0)
    life.sound_came(10.0, None)
    assert round(life.rest(10.02), 6) == 0.1
    assert round(life.rest(10.35), 6) == 0.05
    assert life.rest(11.0) < 0.0


async def test_a_peer_reports_that_the_other_side_is_gone() -> None:
    async with call(silence, tone()) as (client, server):
        await client.listen(lambda pcm: pcm.size > 48_000)
        server.peer._track.stop()  # nothing is said good-bye to: the process was killed, the cable is out
        ice = server.peer._connection.sctp.transport.transport._connection  # type: ignore[union-attr]
        for protocol in ice._protocols:
            protocol.transport.abort()
        reason = await client.closed.get()
    assert "not answered" in reason or "nothing has come" in reason


async def test_a_peer_that_only_listens_is_asked_and_stays() -> None:
    async with call(silence, silence) as (client, server):
        client.peer.receive.on_packet = lambda now: None  # as if the other side sent no sound at all
        await eventually(lambda: client.peer._life.can_ask)
        for _ in range(3):
            await eventually(lambda: server.peer.stats().packets_received)
        assert client.closed.empty()

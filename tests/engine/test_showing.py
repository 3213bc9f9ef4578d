"""What a client is sent, and how often anything is made of the state for it."""

from __future__ import annotations

from itertools import pairwise

from msgspec.structs import replace

from voicechat.core.policy import TurnPolicy
from voicechat.core.state import Choices, Conversation, State, Turn, Wishes
from voicechat.engine.link import Batch, Devices, FromEngine, Meters, Snapshot, SoundFacts
from voicechat.engine.showing import Showing


class Still:
    """A talk in which nothing happens but a level that moves."""

    started_at = 100.0
    policy = TurnPolicy()
    devices: Devices | None = None

    def __init__(self) -> None:
        self.now, self.looks = 100.0, 0
        self.state = State(wishes=Wishes(), choices=Choices())
        self.sound = SoundFacts()

    def clock(self) -> float:
        return self.now

    def meters(self, now: float) -> Meters:
        self.looks += 1
        return Meters(input=-40.0 - self.looks % 7)


class NoRows:
    def take(self) -> Batch | None:
        return None


def ticked(scene: Still, showing: Showing, ticks: int) -> None:
    for _ in range(ticks):
        scene.now += 0.05
        showing.tick()


def snapshots(sent: list[FromEngine]) -> list[Snapshot]:
    return [message for message in sent if isinstance(message, Snapshot)]


def test_a_level_is_looked_at_no_more_often_than_it_is_sent() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    ticked(scene, Showing(scene, NoRows(), sent.append), 40)
    assert 18 <= len(snapshots(sent)) <= 21
    assert scene.looks == len(snapshots(sent))


def test_a_switch_of_the_microphone_is_sent_with_the_next_tick_whatever_the_pace() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    showing = Showing(scene, NoRows(), sent.append)
    ticked(scene, showing, 10)
    for muted in (True, False, True):
        before = len(snapshots(sent))
        scene.state = replace(scene.state, microphone=replace(scene.state.microphone, muted=muted))
        ticked(scene, showing, 1)
        assert len(snapshots(sent)) == before + 1 and snapshots(sent)[-1].view.mic.muted is muted


def test_what_was_switched_about_the_sound_is_sent_with_the_next_tick() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    showing = Showing(scene, NoRows(), sent.append)
    ticked(scene, showing, 10)
    scene.sound = SoundFacts(echo="off")
    ticked(scene, showing, 1)
    assert snapshots(sent)[-1].sound.echo == "off"


def test_words_that_run_on_leave_with_the_levels_so_that_the_screen_paints_once() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    showing = Showing(scene, NoRows(), sent.append)
    for count in range(1, 41):
        turn = Turn("1", "you", at=100.0, text="word " * count)
        scene.state = replace(scene.state, conversation=Conversation(turns=(turn,)))
        ticked(scene, showing, 1)
    kinds = [type(message).__name__ for message in sent]
    assert 18 <= kinds.count("Turns") <= 21
    assert all(after == "Snapshot" for before, after in pairwise(kinds) if before == "Turns")


def test_a_new_turn_waits_for_no_pace() -> None:
    sent: list[FromEngine] = []
    scene = Still()
    showing = Showing(scene, NoRows(), sent.append)
    ticked(scene, showing, 10)
    for count in range(1, 4):
        turns = tuple(Turn(str(number), "you", at=100.0, text="Hello.") for number in range(count))
        scene.state = replace(scene.state, conversation=Conversation(turns=turns))
        ticked(scene, showing, 1)
        assert [type(message).__name__ for message in sent].count("Turns") == count

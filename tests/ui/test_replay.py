"""A tape on the screen: the same panes, and keys that move about in time."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from tests.support.event_rows import rows
from tests.support.fake_engine import FakeEngine
from tests.support.screen import Keys, at_rest, lines, records_of, text, until
from tests.support.tapes import LENGTH, call_tape
from voicechat.config.settings import Settings
from voicechat.engine.link import FromEngine, Jumped, MicSpan, Playing, Turns
from voicechat.journal.replay import ReplayEngine
from voicechat.journal.source import open_source
from voicechat.journal.speaker import NoSpeaker
from voicechat.journal.tape_sound import SoundFile
from voicechat.ui.options import Player, Spectator, UiOptions
from voicechat.ui.viewers import ReplayApp, ReplayLine
from voicechat.ui.widgets.composer import Composer
from voicechat.ui.widgets.transcript import Transcript

OPTIONS = UiOptions(spectator=Spectator("REPLAY", "this is a replay"))


class FakePlayer(FakeEngine):
    """Remembers what it was asked for."""

    def __init__(self, first: list[FromEngine]) -> None:
        super().__init__(first)
        self.requests: list[tuple[str, float]] = []

    def toggle(self) -> None:
        self.requests.append(("toggle", 0))

    def seek_by(self, seconds: float) -> None:
        self.requests.append(("by", seconds))

    def seek_to(self, t: float) -> None:
        self.requests.append(("to", t))

    def step(self, by: int) -> None:
        self.requests.append(("step", by))

    def faster(self, by: int) -> None:
        self.requests.append(("faster", by))


@asynccontextmanager
async def replaying(player: Player, size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[ReplayApp, Pilot[int]]]:
    app = ReplayApp(player, OPTIONS)
    async with app.run_test(size=size):
        pilot = Keys(app)
        await until(pilot, lambda: app.talk.developer.is_built)
        await at_rest(pilot)
        yield app, pilot


@asynccontextmanager
async def scripted(size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[ReplayApp, FakePlayer, Pilot[int]]]:
    player = FakePlayer([*records_of("talk"), Playing(61.25, 245.0)])
    async with replaying(player, size) as (app, pilot):
        yield app, player, pilot


async def test_space_and_arrows_move_about_in_time_and_a_click_on_the_bar_goes_there() -> None:
    async with scripted() as (app, player, pilot):
        await pilot.press("space", "left", "right", "shift+left", "shift+right", "comma", "full_stop", "home", "end")
        await pilot.press("plus", "minus")
        assert player.requests == [
            *[("toggle", 0), ("by", -5.0), ("by", 5.0), ("step", -1), ("step", 1), ("step", -1), ("step", 1)],
            *[("to", 0.0), ("to", math.inf), ("faster", 1), ("faster", -1)],
        ]
        first, width = app.query_one(ReplayLine)._bar
        await pilot.click(ReplayLine, offset=(first + width - 1, 0))
        assert player.requests[-1] == ("to", 245.0)
        assert not player.sent


async def test_keys_that_would_talk_say_that_this_is_a_replay_and_the_card_names_its_own() -> None:
    async with scripted() as (app, player, pilot):
        for key in ("m", "b", "o", "i", "r", "f9", "d", "c"):
            app.talk.notice = ""
            await pilot.press(key)
            assert app.talk.notice == "this is a replay", key
        assert not app.talk.query_one(Composer).is_open
        assert not player.sent
        await pilot.press("question_mark")
        await pilot.pause()
        assert "pause, and go on" in text(app) and "hold to talk" not in text(app)


async def test_the_line_tells_position_length_and_speed_at_every_size() -> None:
    async with scripted((60, 16)) as (app, player, pilot):
        for size in ((60, 16), (80, 24), (180, 50), (120, 36)):
            await pilot.resize_terminal(*size)
            await at_rest(pilot)
            assert "1:01.2 / 4:05" in text(app)
            assert all(len(line) <= size[0] for line in lines(app))
        assert "▶ 1:01.2 / 4:05" in text(app) and "×1" in text(app) and "REPLAY" in lines(app)[0]
        player.deliver(Playing(122.5, 245.0, 0.5, True, "silent: sound at ×1 only"))
        await pilot.pause()
        assert "‖ paused 2:02.5 / 4:05" in text(app) and "×0.5 · silent" in text(app)
        assert "Space go on" in lines(app)[-1] and "pause mic" not in lines(app)[-1]


async def test_arrows_seek_in_the_event_list_and_not_while_a_filter_is_typed() -> None:
    async with scripted() as (app, player, pilot):
        await pilot.press("f2")
        await until(pilot, lambda: app.focused is app.talk.developer.inspector.events)
        await pilot.press("left", "home", "space")
        moves = [("by", -5.0), ("toggle", 0)]
        assert player.requests == moves
        await pilot.press("slash", "a", "left", "comma", "full_stop", "home")
        assert app.talk.developer.inspector.filter.is_typing and player.requests == moves


async def test_back_in_time_the_panes_forget_what_is_not_yet() -> None:
    async with scripted() as (app, player, pilot):
        player.log(*rows())
        await pilot.press("f2")
        await until(pilot, lambda: len(app.talk.developer.inspector.store) > 5)
        kept = rows()[:3]
        player.deliver(Jumped(4.0, True, 0.0, (MicSpan(0.0, False, "closed"),), bytes(80), bytes(80)), Turns((), ()))
        player.log(*kept)
        await until(pilot, lambda: len(app.talk.developer.inspector.store) == len(kept))
        await until(pilot, lambda: not app.talk.query_one(Transcript).has_talk)
        await until(pilot, lambda: len(app.talk.developer.inspector.events.shown.rows) <= len(kept))
        assert app.talk.developer.timeline.history.you.loudest(1.0, 2.0) == 0
        assert app.talk.findings == ()


async def test_the_window_is_never_called_on_air_and_leaving_asks_nothing() -> None:
    player = FakePlayer([*records_of("held"), Playing(1.0, 2.0)])
    async with replaying(player) as (app, pilot):
        await until(pilot, lambda: app.view.mic.is_on_air)
        app.away = True
        app.name_window()
        assert app.title == "voicechat replay"
        await pilot.press("ctrl+q")
        await until(pilot, lambda: player.is_closed)


async def test_a_real_tape_is_shown_sought_and_stepped_through(tmp_path: Path) -> None:
    source = open_source(call_tape(tmp_path))
    assert source.audio_file is not None
    sound = SoundFile(source.audio_file)
    engine = ReplayEngine(source, Settings(), NoSpeaker(""), sound, at=LENGTH, clock=lambda: 0.0)
    async with replaying(engine) as (app, pilot):
        await until(pilot, lambda: "It is half past nine." in text(app))
        assert "What time is it?" in text(app)
        await pilot.press("home")
        await until(pilot, lambda: app.query_one(ReplayLine).playing.at < 1.0)
        await until(pilot, lambda: "It is half past nine." not in text(app))
        await pilot.press("space", "f2", "end")
        engine.seek_to(7.0)
        events = app.talk.developer.inspector.store
        await until(pilot, lambda: len(events) > 0 and events.entries[-1].t == 7.0)
        await pilot.press("full_stop")
        await until(pilot, lambda: events.entries[-1].t == 7.2)

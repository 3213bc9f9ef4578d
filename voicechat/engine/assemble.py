"""The only place that builds adapters: settings in, a running conversation out.

Everything slow starts at once and is awaited where it is needed: the local server comes up while the sound devices
open, and the session is told when each is ready.

What was said in the talk from which a new one goes on, from its tape.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from voicechat.audio.blocks import to_float
from voicechat.audio.buffering import BUFFERING
from voicechat.audio.devices import devices_now
from voicechat.audio.echo import Processing, VoiceProcessor, make_processor
from voicechat.audio.files import read_wav
from voicechat.audio.open import CHOSEN, REFUSED, RunningAudio, open_audio
from voicechat.audio.path import AudioPath
from voicechat.audio.script_mic import ScriptBegan, ScriptEnded, ScriptMic, is_script, room_of
from voicechat.audio.stream_counters import StreamCounters
from voicechat.config.locations import device_memory_file, service_memory_file, tapes_dir, tapes_root
from voicechat.config.providers import Provider
from voicechat.config.retired import retired_notes
from voicechat.config.secrets import find_key, key_hint
from voicechat.config.service_memory import ServiceMemory
from voicechat.config.settings import Settings
from voicechat.config.wish import plan
from voicechat.core import effects as do, events as on
from voicechat.core.remembering import turns_of
from voicechat.core.state import Turn
from voicechat.core.user_events import SpeechGiven
from voicechat.core.view import TurnView
from voicechat.core.viewing import turn_views
from voicechat.engine.figures import METRICS, Bookkeeper
from voicechat.engine.ports import Frame, Line, Tell
from voicechat.engine.service_target import service_target
from voicechat.engine.session import Session
from voicechat.engine.sound_desk import Sound, SoundDesk
from voicechat.engine.ways import Way, Ways
from voicechat.errors import AudioDeviceError, ConfigError, SignallingError, TapeError, VoiceChatError
from voicechat.failures import by_name
from voicechat.journal.observers import Observers
from voicechat.journal.rerun import last_state
from voicechat.journal.secrets_scan import scrubbed, without_keys
from voicechat.journal.tape import read_tape
from voicechat.journal.tapes import find_tape
from voicechat.line import LineListener
from voicechat.local_server.spawn import LocalServer, start_local_server
from voicechat.protocol.dialects import DialectName
from voicechat.tasks import sentence, spawn
from voicechat.tools.toolbox import Toolbox
from voicechat.transports.target import LineOpened, LineTarget, secrets_of
from voicechat.transports.webrtc import WebRtcLine

if TYPE_CHECKING:
    from voicechat.translation.translator import Translator


class Speaking:
    """Lets a script speak. Files are read on a thread: the loop also paces the line."""

    def __init__(self, mic: ScriptMic, started_at: float, tell: Tell) -> None:
        self._mic = mic
        self._started_at = started_at
        self._tell = tell
        self._reading: set[asyncio.Task[None]] = set()

    def obey(self, given: SpeechGiven) -> None:
        """Say it at its time, or as soon as it is read."""
        task = spawn(self._say(given))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _say(self, given: SpeechGiven) -> None:
        try:
            sound = await asyncio.to_thread(lambda: to_float(read_wav(Path(given.file))))
        except AudioDeviceError as error:
            self._tell(on.SoundNoted(error.message, code="script_note"))
            return
        self._mic.say(sound, given.label, 0.0 if given.at is None else self._started_at + given.at)


def translator_for(
    settings: Settings, environ: Mapping[str, str], session: Session, note: Observers
) -> Translator | None:
    """Who translates finished lines; None without `translate`. Raises ConfigError where nobody could."""
    if not settings.translate:
        return None
    from voicechat.translation.options import translation_options
    from voicechat.translation.translator import Translator  # most talks have none

    options = translation_options(settings, environ)
    if options is None:
        return None
    return Translator(options, lambda: turn_views(session.state, session.clock()), session.tell, session.clock, note)


_MOST_WAYS = 3
"""Attempts within one: the remembered way, the one without the beta's header, and the one from scratch."""


@dataclass(slots=True)
class Lines:
    """Opens lines to the configured service, starting our own server first where that is the service.

    Opens lines to the configured service, and runs our own server where that is the service.
    """

    settings: Settings
    provider: Provider
    key: str = field(repr=False)
    uplink: AudioPath
    environ: Mapping[str, str] = field(repr=False)
    ways: Ways
    spoken: Callable[[], DialectName | Literal[""]] = lambda: ""
    """The dialect of the talk's session, once the service has shown which it is."""
    server: asyncio.Task[LocalServer] | None = None
    watch: asyncio.Task[None] | None = None
    opened_at: str = ""
    """The address of the last line that opened."""
    sent: Callable[[float, Frame], None] | None = None
    """Gets each frame that leaves for the service, and when; it may only queue."""
    told: bool = False
    """What is retired was told in this talk."""

    def start_server(self) -> None:
        if self.settings.provider == "local" and not self.provider.base_url:
            starting = start_local_server(
                without_keys(self.environ), brain_url=self.settings.brain_url, brain_model=self.settings.brain_model
            )
            self.server = asyncio.get_running_loop().create_task(starting)

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown. Raises ConfigError for a header whose variable is not set."""
        return secrets_of(service_target(self.settings, self.provider, self.key, self.environ, "", {}))

    async def open(self, wish: do.Connect, listener: LineListener, tell: Tell) -> tuple[Line, on.LineOpened]:
        """Raises SignallingError with one sentence and the next step."""
        self._keep_dialect()
        self._tell_retired(wish, tell)
        base_url = await self._address()
        target = service_target(self.settings, self.provider, self.key, self.environ, base_url, wish.session)
        try:
            way, line, opened = await self._open(wish, target, listener)
        except SignallingError as error:
            if self.server is None or error.code not in by_name("nothing listens").codes:
                raise
            message, hint = (
                "the local server has ended",
                "it is started again; voicechat doctor engine says why it ended",
            )
            raise SignallingError(message, hint=hint, code=error.code, retryable=True) from error
        self.ways.worked(base_url, way, opened.handshake)
        self.opened_at = base_url
        self._watch_server(listener)
        for name, seconds in opened.steps:
            tell(on.LineStep(wish.connection, name, seconds))
        return line, on.LineOpened(
            wish.connection,
            transport=way.transport,
            call_id=opened.call_id,
            configured=opened.configured,
            receive_fallback=line.stats().fallback_reason if isinstance(line, WebRtcLine) else "",
            why=way.why,
            handshake=opened.handshake,
            unix_time=time.time(),
            dialect=self.ways.dialect(base_url),
        )

    async def _open(self, wish: do.Connect, target: LineTarget, listener: LineListener) -> tuple[Way, Line, LineOpened]:
        for _ in range(_MOST_WAYS):
            way = self.ways.first(target.base_url, wish.transport)
            try:
                line, opened = await self._call(way, self.ways.fitted(target, way), listener)
            except SignallingError as error:
                if not self.ways.other(target.base_url, way, error):
                    raise self.ways.explained(way, error) from error
            else:
                return way, line, opened
        raise SignallingError("the service refuses every kind of connection", hint="check base_url")

    async def _call(self, way: Way, target: LineTarget, listener: LineListener) -> tuple[Line, LineOpened]:
        if way.transport == "WebSocket":
            from voicechat.transports.websocket import WebSocketLine  # most talks never need it

            socket = WebSocketLine(uplink=self._pull, heard=listener, waiting=self.uplink.waiting)
            return socket, await socket.open(target)
        line = WebRtcLine(uplink=self._pull, heard=listener, waiting=self.uplink.waiting)
        return line, await line.open(target)

    def _tell_retired(self, wish: do.Connect, tell: Tell) -> None:
        """Once a talk: what is in use and will end."""
        if not self.told:
            self.told = True
            for sentence in retired_notes(self.provider, wish.session, date.today()):
                tell(on.LineNoted(wish.connection, sentence, "retired"))

    def _keep_dialect(self) -> None:
        """The last line's session has shown how this service spells."""
        if self.opened_at:
            self.ways.spoke(self.opened_at, self.spoken())

    async def _address(self) -> str:
        if self.server is None:
            return self.provider.base_url
        if self.server.done() and (self.server.exception() or not self.server.result().is_running):
            self.start_server()
        return (await asyncio.shield(self.server)).base_url

    def _watch_server(self, listener: LineListener) -> None:
        """Our own server's death is known at once; WebRTC alone would notice after half a minute."""
        if self.server is None:
            return
        server = self.server.result()

        async def wait() -> None:
            await server.process.wait()
            listener.on_closed("the local server ended")

        if self.watch is not None:
            self.watch.cancel()
        self.watch = spawn(wait())

    def _pull(self) -> Frame:
        frame = self.uplink.pull()
        if self.sent is not None:
            self.sent(time.monotonic(), frame)
        return frame

    async def close(self) -> None:
        self._keep_dialect()
        if self.watch is not None:
            self.watch.cancel()
        if self.server is None:
            return
        if not self.server.done():
            self.server.cancel()
            await asyncio.gather(self.server, return_exceptions=True)  # it ends the half-started process
        elif not self.server.cancelled() and self.server.exception() is None:
            await self.server.result().stop()


def turns_before(settings: Settings, now: float) -> tuple[Turn, ...]:
    """The turns of `--continue`, over at `now`; none without it. Raises TapeError for a tape that cannot be told."""
    if not settings.continue_from:
        return ()
    tape = read_tape(find_tape(settings.continue_from, (tapes_root(settings.record), tapes_dir())))
    if tape.head.get("redacted") is True:
        raise TapeError(f"{tape.folder.name} was redacted: it holds no words", hint="continue another tape")
    past = last_state(tape)
    return () if past is None else turns_of(turn_views(past.state, past.now), now)


AUDIO_CHECK = 0.1
"""Seconds between looks at the audio stream (its watchdog)."""
STUCK_AFTER = 1.5
"""Seconds of a repair after which it is looked whether only this process hangs; most repairs take 0.1 to 0.5."""
RETURN_WITHIN = 1.0
"""Least seconds a repair has to come back once the sound library starts elsewhere; a slow system gets more."""
PROBE = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(1)), daemon=True).start()
import sounddevice
os._exit(0)
"""
"""What another process runs to find out whether the sound library starts."""
PROBE_WITHIN = 10.0
"""Seconds the sound library may take to start in another process: it waits there for a sound server that hangs."""


class Talk:
    """One assembled conversation: session, sound and line. `start`, then tell `session` things; `close` at the end."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        functions: Sequence[Callable[..., Any]] = (),
        shown: Sequence[TurnView] = (),
    ) -> None:
        """`functions`: a program's own tools. `shown`: turns of an engine that ended, which this one continues.

        Raises ConfigError for settings that cannot work, AudioDeviceError for a scripted microphone in no room.
        """
        self.plan = plan(settings)
        self.settings = settings
        _, key = find_key(environ, settings.provider, settings.base_url)
        if self.plan.provider.needs_key and not key and not settings.token_url:
            raise ConfigError(
                f"{self.plan.provider.title} needs an API key",
                hint=key_hint(settings.provider),
            )
        self.clock = time.monotonic
        self.started_at = self.clock()
        self.before = turns_of(shown, self.started_at) or turns_before(settings, self.started_at)
        """The turns of the conversation that this one continues."""
        self.processor = processor_for(settings)
        self.path = AudioPath(self._heard, processor=self.processor)
        self.sound = Sound(self.path, self.plan.policy)
        self.observers = Observers(self._observer_stopped, self.started_at)
        """What looks at the talk is added here, and cannot disturb it."""
        ways = Ways(self.plan.provider, ServiceMemory(service_memory_file()))
        self.lines = Lines(settings, self.plan.provider, key, self.path, environ, ways, spoken=self._spoken)
        self.session = Session(
            self.plan.wishes,
            self.plan.choices,
            self.plan.policy,
            audio=self.sound,
            open_line=self.lines.open,
            clock=self.clock,
            note=self.observers,
            turns=self.before,
        )
        self.metrics = Bookkeeper(settings, tell=self.session.tell, started_at=self.started_at)
        """Counts tokens and money, and tells the session when its budget is spent: with a screen and without."""
        self.observers.add(METRICS, self.metrics.watch)
        self.session.performer.on_line = self.sound.play
        self.toolbox = Toolbox(settings, environ, self.session.tell, functions)
        self.session.performer.tools, self.session.performer.secrets = self.toolbox, self.toolbox.placeholders
        self._secrets = self.lines.secrets()
        if self._secrets or settings.mcp:
            self.session.performer.redact = lambda text: scrubbed(text, self.hidden())
        self.translator = translator_for(settings, environ, self.session, self.observers)
        self.desk = SoundDesk(settings, self.path, device_memory_file(), tell=self.session.tell, look=devices_now)
        mic = self.desk.wishes.mic.wish
        self.script = ScriptMic(room_of(mic), self._script_heard) if is_script(mic) else None
        """The microphone that is wished for, if it is a scripted one."""
        self._audio: RunningAudio | None = None
        self.is_sound_stuck = False
        """PortAudio does not come back in this process, though it would start in another one."""
        self._watchdog: asyncio.Task[None] | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def hidden(self) -> tuple[str, ...]:
        """What nobody may see: keys, and the values that placeholders stand for."""
        return (*self._secrets, *self.toolbox.placeholders.secrets)

    def _observer_stopped(self, name: str) -> None:
        notice = f"The {name} stopped after an error; the talk goes on."
        self.session.tell(on.SoundNoted(notice, "warning", "observer_stopped"))

    def _spoken(self) -> DialectName | Literal[""]:
        """The dialect the service has shown by a session of its own; empty before."""
        config = self.session.state.configuration
        return config.dialect if config.effective else ""

    def _heard(self, event: on.AudioEvent) -> None:
        """From the audio path, on any thread; the session exists by then."""
        if not isinstance(event, on.DeviceOpened):
            self.session.tell(event)
            return
        is_told = event.why in (CHOSEN, REFUSED)  # the user knows what was chosen
        self.session.tell(replace(event, why="") if is_told else event)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._sound_is_back, event.why)

    def _script_heard(self, fact: ScriptBegan | ScriptEnded) -> None:
        """On the audio thread."""
        if self._loop is not None:
            name = "script.began" if isinstance(fact, ScriptBegan) else "script.ended"
            self._loop.call_soon_threadsafe(self.observers, fact.at, "local", {"type": name, "label": fact.label})

    def _sound_is_back(self, why: str) -> None:
        """Devices changed while talking: the desk learns what came of a choice, the session what is missing now."""
        self.desk.take_outcome(why)
        if self._audio is not None:
            self._tell_what_is_missing(self._audio)

    async def start(self) -> None:
        """Open the sound devices and the line, side by side.

        Raises AudioDeviceError for an unusable sound file and ConfigError for unusable tools, before anybody is called.
        """
        self.lines.start_server()
        await self.toolbox.load()
        self._loop = asyncio.get_running_loop()
        audio = await self._make_audio()
        self.session.start()
        if self.translator is not None:
            self.translator.start()
        self.sound.on_reopen = self._reopen
        self.desk.on_change, self.desk.on_wait = self._change, self._keep_waiting
        if self.script is not None:
            self.desk.on_speech = Speaking(self.script, self.started_at, self.session.tell).obey
        await self._run_audio(audio, echo=echo_words(self.processor), hears=self.processor.hears_over_playback)
        if self.settings.volume != 1.0:
            self.session.tell(on.VolumeChosen(self.settings.volume))
        self._watchdog = spawn(self._watch_stream(), self._watchdog_failed)

    def _reopen(self) -> None:
        if self._reopening is None or self._reopening.done():
            self._reopening = spawn(self._open_devices(), self._reopening_failed)

    async def _open_devices(self) -> None:
        """Open what is wished for, and tell the session what it got."""
        before, self._audio = self._audio, None
        if before is not None:
            await asyncio.to_thread(before.close)
        await self._run_audio(await self._make_audio())

    def _reopening_failed(self, error: Exception) -> None:
        traceback.print_exception(error, file=sys.stderr)
        reason = error.message if isinstance(error, VoiceChatError) else sentence(error)
        self.session.tell(on.DeviceMissing(f"the sound devices could not be opened: {reason}", "r tries again"))

    def _watchdog_failed(self, error: Exception) -> None:
        traceback.print_exception(error, file=sys.stderr)
        notice = f"A lost sound device is no longer noticed: its watchdog failed ({sentence(error)})."
        self.session.tell(on.SoundNoted(notice, "warning", "watchdog_failed"))

    def _change(self, mic: str, speaker: str) -> None:
        """Other devices for the running sound; while it is being opened anew, that reads the wishes anyway."""
        if self._audio is not None:
            self._audio.change(mic, speaker)

    async def _make_audio(self) -> RunningAudio:
        mic, speaker = self.desk.wishes.mic.wish, self.desk.wishes.speaker.wish
        buffering = BUFFERING[self.settings.latency]
        return await asyncio.to_thread(open_audio, self.path, mic, speaker, buffering=buffering, script=self.script)

    async def _run_audio(self, audio: RunningAudio, *, echo: str = "", hears: bool | None = None) -> None:
        await asyncio.to_thread(audio.start)
        self._audio = audio
        self.desk.can_wait = True
        detector = self.path.snapshot().detector_name
        self.session.tell(on.DeviceOpened(audio.mic_name, audio.speaker_name, echo, detector, hears))
        self._tell_what_is_missing(audio)

    def _tell_what_is_missing(self, audio: RunningAudio) -> None:
        """ON AIR is a fact: without a microphone nothing can be sent, whatever the reason."""
        reason, _, hint = audio.problem.partition("\n")
        if audio.mic_name == "none":
            wish = self.desk.wishes.mic
            chosen = "none was chosen" if wish.wish_from == "chosen" else "none was chosen (--mic none)"
            wished = chosen if wish.wish == "none" else "no microphone could be opened"
            self.session.tell(on.DeviceMissing(reason or wished, hint.strip()))
        elif audio.speaker_name == "none" and self.desk.wishes.speaker.wish != "none":
            self.session.tell(on.DeviceMissing(reason or "no loudspeaker could be opened", hint.strip(), "loudspeaker"))

    def _keep_waiting(self) -> bool:
        """False: no sound was opened yet, so none was lost."""
        if self._audio is not None:
            self._audio.keep_waiting()
        return self._audio is not None

    def counters(self) -> StreamCounters:
        """How well the sound devices were served in this talk."""
        return self._audio.counters() if self._audio is not None else StreamCounters()

    async def _watch_stream(self) -> None:
        while not self.is_sound_stuck:
            if (audio := self._audio) is not None:
                audio.check(self.clock())
                if audio.stuck_for(self.clock()) >= STUCK_AFTER:
                    self.is_sound_stuck = await self._is_stuck_here_alone(audio)
            await asyncio.sleep(AUDIO_CHECK)

    async def _is_stuck_here_alone(self, audio: RunningAudio) -> bool:
        """Whether a repair does not come back although the sound library starts elsewhere, in a time that is known."""
        if not await sound_answers():  # may have waited for a sound server that hung
            return False
        began = self.clock()
        if not await sound_answers():
            return False
        patience = max(RETURN_WITHIN, 3.0 * (self.clock() - began))
        await asyncio.sleep(patience)
        return audio.stuck_for(self.clock()) >= STUCK_AFTER + patience

    async def close(self) -> None:
        """R29: the mic first, then the line, then the devices and our own server."""
        self.path.close_mic(drop=True)
        if self.translator is not None:
            await self.translator.close()
        await self.session.close()
        await self.toolbox.close()
        self.desk.close()
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._reopening is not None:
            await asyncio.gather(self._reopening, return_exceptions=True)
        audio, self._audio = self._audio, None
        if audio is not None:
            await asyncio.to_thread(audio.close)
        await self.lines.close()


async def sound_answers() -> bool:
    """Whether the sound library starts in another process now; that may hang too, so it is ended in time.

    The other process ends with this one too, however that ends: its stdin closes then.
    """
    command = (sys.executable, "-P", "-c", PROBE)
    pipe, silent = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    environ = without_keys(os.environ)
    probe = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=silent, stderr=silent, env=environ)
    try:
        async with asyncio.timeout(PROBE_WITHIN):
            return await probe.wait() == 0
    except TimeoutError:
        return False
    finally:
        if probe.returncode is None:
            probe.kill()
            await probe.wait()


def echo_words(processor: VoiceProcessor) -> str:
    """What becomes of the echo, in the words the screen shows."""
    return processor.words


def processor_for(settings: Settings) -> VoiceProcessor:
    return make_processor(
        Processing(
            echo=settings.echo_cancel,
            noise=settings.noise_suppression,
            gain=settings.gain_control,
            headphones=settings.headphones,
        )
    )

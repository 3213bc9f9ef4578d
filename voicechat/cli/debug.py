"""`voicechat debug ...`: a realtime session that lives between shells, driven one turn at a time; for `mcp` too.

The session is an engine of its own without sound hardware; every act is one request at its control socket. stdout is
data (an object with --json), the exit status says what came of the act. Nothing is sent that was not asked for. Only
what a request needs is imported at the top: it should take no longer than the response it waits for.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicechat import exit_codes
from voicechat.engine.door import chosen
from voicechat.errors import EngineError

if TYPE_CHECKING:
    from voicechat.engine.host import EngineProcess

Result = dict[str, Any]
MARGIN = 15.0
"""Seconds that an answer may take beyond what was given to it."""
END_WITHIN = 5.0
"""Seconds in which an engine that was stopped is gone."""
STARTS_WITHIN = 20.0
"""Seconds beyond `connect_timeout`: the local server loads its models."""
CODES = {"done": exit_codes.DONE, "nothing": exit_codes.DONE, "usage": exit_codes.USAGE, "lost": exit_codes.CONNECTION}
"""Outcome -> exit status; every other outcome is a failed turn."""


def begin(flags: Mapping[str, Any], config: Path | None, *, outlives: float = 0.0) -> tuple[EngineProcess, Result]:
    """An engine that is connected and configured, its microphone scripted and its loudspeaker silent, and its status.

    `outlives`: seconds without a request after which it ends by itself; 0: with this process. Raises VoiceChatError.
    """
    from voicechat.cli.chat import refuse_the_impossible
    from voicechat.cli.run import Headless
    from voicechat.config.load import load_settings

    given = {name: value for name, value in flags.items() if value is not None and value != []}
    settings = load_settings({"mic": "script:", "speaker": "none", **given}, os.environ, config)
    environ = refuse_the_impossible(settings, os.environ)
    talk = Headless(settings, environ, settings.connect_timeout + STARTS_WITHIN, outlives=outlives)
    talk.longer = "connect_timeout in the configuration waits longer"
    talk.start()
    try:
        while not talk.progress.is_ready:
            talk.pump(0.1)
            if why := talk.progress.lost or talk.line_is_missing():
                raise exit_codes.TalkOver(exit_codes.CONNECTION, why)
        return talk.engine, ask(talk.engine.pid, {"verb": "status"})
    except BaseException:
        talk.engine.close()
        raise


def ask(session: int, request: Mapping[str, Any]) -> Result:
    """The result of one request to a session (its process id; 0: the only one that `debug start` began).

    Raises ConfigError where a session must be named, SignallingError where there is none to reach.
    """

    def is_ours(door: socket.socket) -> bool:
        return bool(_asked(door, {"verb": "status"}).get("detached"))

    command = f"voicechat debug {request['verb']} --session {{}}"
    with chosen(session, command, is_ours, "debug session", "voicechat debug start")[1] as door:
        result = _asked(door, request)
        if request["verb"] == "stop" and result.get("detached"):
            door.settimeout(END_WITHIN)
            with contextlib.suppress(OSError):
                door.recv(1)  # it ends with its process
    return result


def _asked(door: socket.socket, request: Mapping[str, Any]) -> Result:
    door.settimeout(float(request.get("timeout", 0.0)) + MARGIN)
    try:
        door.sendall(f"debug {json.dumps(request)}\n".encode())
        with door.makefile("r", encoding="utf-8", errors="replace") as answers:
            said, _, rest = answers.readline().partition(" ")
    except OSError as error:
        raise EngineError(f"the session does not answer: {error}") from error
    if said != "ok":
        raise EngineError(rest.strip() or "the session ended", hint="`voicechat doctor engine` names its log")
    result: Result = json.loads(rest)
    return result


def _sound_file(wav: str, spoken: str, folder: Path) -> Path:
    """The absolute path of a WAV, or in `folder` that of words in the local voice.

    Raises AudioDeviceError for a file that is no WAV, ConfigError without the local voice.
    """
    if wav:
        from voicechat.audio.files import read_wav

        read_wav(Path(wav))
        return Path(wav).resolve()
    from voicechat.config.locations import spoken_words_dir
    from voicechat.scripting.model import Sound
    from voicechat.scripting.speech import Speaker

    sound = Sound(text=spoken)
    return Speaker(spoken_words_dir(), folder).prepare([sound])[sound]


def show(result: Result, *, as_json: bool) -> None:
    """Print a result: one JSON object, or lines for people."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False), flush=True)
        return
    from voicechat.ui.sanitise import clean

    for line in _lines(result):
        print(clean(line, one_line=True))


def _lines(result: Result) -> Iterator[str]:
    if "name" in result:
        yield result["name"]
        return
    outcome, reason = result["outcome"], result["reason"]
    if outcome != "done" and outcome != "found":
        yield f"{outcome}: {reason}" if reason else outcome
    for turn in result.get("transcript", ()):
        more = [f"{name.replace('_', ' ')}: {turn[name]}" for name in ("cut_by", "unheard", "failed") if turn.get(name)]
        yield f"{turn['who']}: {turn['text']}" + (f"  ({', '.join(more)})" if more else "")
    for tool in result.get("tools", ()):
        yield f"tool {tool['name']} {tool['arguments']} ({tool['stage']}) {tool['result']}"
    for call in result.get("waiting", ()):
        yield f"waits for approval: {call['name']} {call['arguments']}"
        yield f"  decide: voicechat debug decide {call['call_id']} --allow (or --deny)"
    if times := result.get("times"):
        yield "times: " + ", ".join(f"{name.replace('_', ' ')} {at:.2f} s" for name, at in times.items())
    yield from (f"note: {note}" for note in result.get("notes", ()))
    for event in result.get("events", ()):
        arrow = {"in": "<-", "out": "->"}.get(event["dir"], "--")
        yield f"{event['seq']:6} {event['t']:9.3f} {arrow} {event['type']} {event['summary']}".rstrip()
    for finding in result.get("findings", ()):
        yield f"{'resolved' if finding['resolved'] else finding['severity']} {finding['code']}: {finding['title']}"
        yield from (f"  {name}: {finding[name]}" for name in ("cause", "cure") if finding.get(name))
        for change in finding["repair"]:
            yield f"  repair: voicechat debug set {change['field']} '{json.dumps(change['value'])}'"
    for field in result.get("refused_fields", ()):
        yield f"refused: {field['field']}: {field['reason']}"
    if result.get("left_out_fields"):
        yield f"left out, because the service refused them: {', '.join(result['left_out_fields'])}"
    if "field" in result:
        yield f"in force: {result['field']} = {json.dumps(result['in_force'], ensure_ascii=False)}"
    if result.get("healthy"):
        yield "nothing is wrong so far"


def perform(verb: str, session: int, given: Mapping[str, Any]) -> Result:
    """The result of one act, with the parameters that the table of commands names. Raises VoiceChatError."""
    if verb != "say":
        return ask(session, {"verb": verb, **given})
    text, wav, spoken = (str(given[name]) for name in ("text", "wav", "spoken"))
    if sum(bool(one.strip()) for one in (text, wav, spoken)) != 1:
        return {"outcome": "usage", "reason": "give one of text, spoken, wav"}
    with tempfile.TemporaryDirectory(prefix="voicechat-debug-") as folder:
        what = {"text": text} if text.strip() else {"file": str(_sound_file(wav, spoken, Path(folder)))}
        return ask(session, {"verb": verb, "timeout": given["timeout"], **what})


def act(verb: str, session: int, as_json: bool, **given: Any) -> int:
    """One act, its result on stdout; the exit status."""
    if verb == "set":
        with contextlib.suppress(ValueError):  # what is no JSON stands for itself
            given["value"] = json.loads(given["value"])
    result = perform(verb, session, given)
    show(result, as_json=as_json)
    return CODES.get(result["outcome"], exit_codes.FAILED_TURN)


VERBS = ("say", "hear", "events", "why", "set", "decide", "stop")
say_command, hear_command, events_command, why_command, set_command, decide_command, stop_command = (
    partial(act, verb) for verb in VERBS
)


def start_command(flags: Mapping[str, Any], config: Path | None, idle: float, as_json: bool) -> None:
    engine, result = begin(flags, config, outlives=idle * 60.0)
    engine.leave()
    show(result | {"name": str(result["session"])}, as_json=as_json)

"""What `voicechat debug` and `voicechat mcp` ask of a running talk: one request, one result, both JSON objects.

It works through the same acts as keys and `ctl`, and reads what the engine knows anyway: the turns, the events that are
remembered, the findings. Nothing here is sent, approved or asked again unless a request says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import msgspec
from msgspec.structs import asdict

from voicechat.core import user_events as did
from voicechat.core.rules.budget import is_spent
from voicechat.core.rules.configuration import is_ready
from voicechat.core.state import State
from voicechat.core.tool_turns import ARROW
from voicechat.core.view import TurnView, View, as_line
from voicechat.core.viewing import turn_views, view
from voicechat.engine.assemble import Talk
from voicechat.engine.control import UNDER_WAY, too_large
from voicechat.engine.eventlog import EventLog
from voicechat.engine.problems import Problems
from voicechat.insight.consequences import by_cause
from voicechat.insight.cures import session_fields
from voicechat.insight.records import Finding
from voicechat.journal.entry import Entry, summary_of
from voicechat.protocol.session_dialects import get_path
from voicechat.protocol.session_fields import ELSEWHERE

LOOK_EVERY = 0.05
"""Seconds between looks while nothing in the state changes: some answers end by time alone."""
QUIET = 3.0
"""Seconds in which nothing is under way after you spoke: then no response will come."""
BEGINS_WITHIN = 5.0
"""Seconds within which a given sound must be heard."""
WORKING = (*UNDER_WAY, "listening", "waiting")
WORDS = (".output_text.delta", ".output_audio_transcript.delta", ".text.delta", ".audio_transcript.delta")
MARKS = ("first_text", "first_sound", "response_done", "ended")
"""Moments of a response that are told, in seconds since what it answers was said."""
Result = dict[str, Any]


@dataclass(eq=False)
class Debugger:
    """Answers requests at the engine's control socket. `changed` and `watch` are called by the engine, on its loop."""

    talk: Talk
    log: EventLog
    problems: Problems
    look: Callable[[], None]
    """Lets the checks see what came up to now."""
    end: Callable[[], None]
    """Ends the talk."""
    is_detached: bool
    """It has no client."""

    def __post_init__(self) -> None:
        self._news = asyncio.Event()
        self._requests = 0
        self._asked_at = self.talk.clock()
        self._numbers = count(1)
        self._label = ""
        """Of the sound that the scripted microphone says."""
        self._times: dict[str, float] = {}
        """Moments of the turn under way, on the clock of the talk."""
        self._told: dict[str, tuple[object, ...]] = {}
        self._told_findings: dict[str, Finding] = {}
        self._told_event = -1

    def idle_for(self) -> float:
        """Seconds since the last request ended; 0 while one is answered."""
        return 0.0 if self._requests else self.talk.clock() - self._asked_at

    def changed(self) -> None:
        """The state of the talk is another one."""
        self._news.set()

    def watch(self, entry: Entry) -> None:
        """An observer of the talk: when words and sound came."""
        kind, at = entry.type, self.talk.started_at + entry.t
        if kind in ("script.began", "script.ended") and entry.event.get("label") == self._label:
            self._times["begun" if kind == "script.began" else "sent"] = at
            self._news.set()
        elif kind == "text.entered" and entry.dir == "local":
            self._times = {"sent": at}
        elif kind == "assistant.audible" and entry.dir == "local":
            self._times.setdefault("first_sound", at)
        elif entry.dir == "in" and kind.endswith(WORDS):
            self._times.setdefault("first_text", at)
        elif entry.dir == "in" and kind == "response.done":
            self._times["response_done"] = at

    async def answer(self, line: str) -> str:
        """The result of one request as JSON on one line; a request that is none gets the outcome `usage`."""
        self._requests += 1
        try:
            return json.dumps(await self._answer(line), ensure_ascii=False)
        finally:
            self._requests -= 1
            self._asked_at = self.talk.clock()

    async def _answer(self, line: str) -> Result:
        try:
            request = msgspec.json.decode(line.encode(), type=dict[str, Any])
            wait = float(request.get("timeout", 60.0))
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            return _result("usage", f"no request: {error}")
        deadline = self.talk.clock() + wait
        match request:
            case {"verb": "say" | "set"} if not is_ready(self._state):
                outcome = "lost" if self._lost() else "refused"
                return self._report(outcome, self._lost() or "the session is not configured yet: try again")
            case {"verb": "say", "text": str(text)} if text.strip():
                return await self._say(text, deadline)
            case {"verb": "say", "file": str(file)}:
                return await self._speak(file, deadline)
            case {"verb": "hear"}:
                return self._report(*await self._until_at_rest(self._is_news, deadline, waits=True))
            case {"verb": "events", "count": int(most), "after": int(after), "type": str(prefix)}:
                return self._events(most, after, prefix)
            case {"verb": "why"}:
                return self._why()
            case {"verb": "set", "field": str(field), "value": value}:
                return await self._set(field.removeprefix("session."), value, deadline)
            case {"verb": "decide", "call_id": str(call), "allow": bool(is_allowed)}:
                return self._decide(call, str(request.get("reason", "")), allow=is_allowed)
            case {"verb": "status"}:
                return self._status("done")
            case {"verb": "stop"}:
                result = self._status("done")
                self.end()
                return result
            case _:
                return _result("usage", "no request: an act of voicechat debug, with its arguments")

    # What is said

    async def _say(self, text: str, deadline: float) -> Result:
        typed = did.TextEntered(text)
        if reason := too_large(typed):
            return self._report("refused", reason)
        known = {turn.key for turn in self._turns()}
        self.talk.session.tell(typed)
        await asyncio.sleep(0)  # the act is queued before this; from here on the state has it
        return self._report(*await self._until_at_rest(lambda turn: turn.key not in known, deadline))

    async def _speak(self, file: str, deadline: float) -> Result:
        """Say a WAV as the microphone; with push-to-talk the key is held meanwhile."""
        talk = self.talk
        if talk.script is None:
            return _result("usage", "this talk has a microphone; only `debug start` without --mic gives a scripted one")
        known = {turn.key for turn in self._turns()}
        holds = self._state.choices.turn_mode == "push-to-talk"
        if holds:
            talk.session.tell(did.TalkPressed("control", max(1.0, deadline - talk.clock())))
        self._times, self._label = {}, f"debug-{next(self._numbers)}"
        talk.desk.obey(did.SpeechGiven(file, self._label))
        begun = await self._until(lambda: "begun" in self._times, min(deadline, talk.clock() + BEGINS_WITHIN))
        ended = begun and await self._until(lambda: "sent" in self._times, deadline)
        if holds:
            talk.session.tell(did.TalkReleased("control"))
        if not begun:
            return self._report("refused", f"the sound was not played: is {file} a WAV file?")
        if not ended:
            return self._report("timeout", "the sound is still being said")
        return self._report(*await self._until_at_rest(lambda turn: turn.key not in known, deadline))

    async def _until_at_rest(
        self, is_new: Callable[[TurnView], bool], deadline: float, *, waits: bool = False
    ) -> tuple[str, str]:
        """Outcome and reason, as soon as the new turns are answered and silent.

        Unless it `waits` for a response to begin, also when nothing was under way for `QUIET` seconds.
        """
        quiet_since = self.talk.clock()
        while True:
            now, state, shown = self.talk.clock(), self._state, self._shown()
            fresh = [turn for turn in self._turns() if turn.who in ("you", "assistant") and is_new(turn)]
            if why := self._lost():
                return "lost", why
            if shown.asked:
                return "tool_waits", f"{shown.asked[0].name} waits for approval: allow or deny it, then hear"
            if _is_working(state, shown):
                if is_spent(state) and not state.responses.active_id:
                    return "failed", "the budget is spent"
                quiet_since = now
            elif fresh and _is_answered(fresh):
                self._times["ended"] = now
                last = fresh[-1]
                return ("failed", last.failed) if last.failed else ("done", "")
            elif waits and not fresh and now >= deadline:
                return "nothing", "nothing was said"
            elif not waits and now - quiet_since >= QUIET:
                return "no_response", state.responses.missing_why or f"nothing came within {QUIET:g} s"
            if now >= deadline:
                return "timeout", f"the reply is {shown.reply.state}"
            await self._next_change()

    async def _until(self, is_so: Callable[[], bool], deadline: float) -> bool:
        while not (so := is_so()) and self.talk.clock() < deadline and not self._lost():
            await self._next_change()
        return so

    async def _next_change(self) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):  # time alone may have changed the view
            async with asyncio.timeout(LOOK_EVERY):
                await self._news.wait()

    def _report(self, outcome: str, reason: str = "") -> Result:
        """What is new since the last report: words, calls, findings, and the times of the turn."""
        self.look()
        turns = self._turns()
        new = [turn for turn in turns if self._is_news(turn)]
        turned = [turn for turn in new if turn.who in ("you", "assistant")]
        said = [as_line(turn) | ({"failed": turn.failed} if turn.failed else {}) for turn in turned]
        findings = [one for one in self.problems.findings if self._told_findings.get(one.id) != one]
        first, self._told_event = self._told_event + 1, self.log.newest
        self._told = {turn.key: _content(turn) for turn in turns}
        self._told_findings = {one.id: one for one in self.problems.findings}
        sent = self._times.get("sent", math.inf)
        at = {mark: round(self._times[mark] - sent, 3) for mark in MARKS if said and self._times.get(mark, 0.0) >= sent}
        return self._status(outcome, reason) | {
            "transcript": said,
            "times": at,
            "tools": [_tool(turn) for turn in new if turn.who == "tool"],
            "notes": [turn.text for turn in new if turn.who == "note"],
            "findings": [_finding(one) for one in findings],
            "event_range": [first, self._told_event],
        }

    def _is_news(self, turn: TurnView) -> bool:
        return self._told.get(turn.key) != _content(turn)

    def _status(self, outcome: str, reason: str = "") -> Result:
        shown = self._shown()
        line = shown.connection
        return _result(outcome, reason) | {
            "detached": self.is_detached,
            "connection": {name: getattr(line, name) for name in ("phase", "provider", "model", "transport", "reason")},
            "reply": shown.reply.state,
            "waiting": [asdict(ask) for ask in shown.asked],
        }

    # What happened, and why

    def _events(self, most: int, after: int, prefix: str) -> Result:
        rows = (row for row in reversed(self.log.recent) if row.seq > after and row.type.startswith(prefix))
        found = list(islice(rows, max(most, 0)))[::-1]
        return _result("done") | {"events": [_event(row) for row in found]}

    def _why(self) -> Result:
        self.look()
        causes = by_cause(self.problems.findings)
        config = self._state.configuration
        session = {name: value for name, value in config.effective.items() if name not in ("tools", "client_secret")}
        unsolved = any(not cause.finding.resolved and cause.finding.severity != "info" for cause in causes)
        return self._status("found" if unsolved else "done") | {
            "healthy": not unsolved,
            "findings": [
                _finding(cause.finding) | {"consequences": [_finding(one) for one in cause.consequences]}
                for cause in causes
            ],
            "suggested": [dict(zip(("field", "value", "gain"), one, strict=True)) for one in self.problems.suggested],
            "refused_fields": [{"field": field, "reason": reason} for field, reason in config.refusals],
            "left_out_fields": list(config.refused),
            "session_in_force": session,
        }

    # What is changed

    async def _set(self, field: str, value: object, deadline: float) -> Result:
        if (path := ELSEWHERE.get(field, "").removeprefix("session.")) and path != field:
            return _result("usage", f"the field {field} is {path}")
        try:
            chosen = msgspec.convert({"path": field, "value": value}, did.SettingChosen)
        except msgspec.ValidationError as error:
            return _result("usage", f"this is no value of a field: {error}")
        if reason := too_large(chosen):
            return _result("usage", reason)
        self.talk.session.tell(chosen)
        await asyncio.sleep(0)
        answered = await self._until(lambda: field not in self._unanswered(), deadline)
        config, lost = self._state.configuration, self._lost()
        in_force = get_path(config.effective, tuple(field.split(".")))
        why = lost or dict(config.refusals).get(field, "")
        if not why and not _holds(in_force, value):
            why = "it is wished for and not in force: it holds from the next session on, or stands under another field"
        outcome = "lost" if lost else "timeout" if not answered else "refused" if why else "done"
        return self._report(outcome, why) | {"field": field, "in_force": in_force}

    def _unanswered(self) -> set[str]:
        config = self._state.configuration
        return {change.path for change in (*config.changed, *config.asked)}

    def _decide(self, call: str, reason: str, *, allow: bool) -> Result:
        waiting = [ask.call_id for ask in self._shown().asked]
        if call not in waiting:
            return _result("usage", f"no call {call[:60]!r} waits; waiting: {', '.join(waiting) or 'none'}")
        self.talk.session.tell(did.ToolAllowed(call) if allow else did.ToolDenied(call, reason))
        return self._status("done")

    # What is so

    @property
    def _state(self) -> State:
        return self.talk.session.state

    def _turns(self) -> Sequence[TurnView]:
        return turn_views(self._state, self.talk.clock())

    def _shown(self) -> View:
        return view(self._state, self.talk.clock(), self.talk.session.policy)

    def _lost(self) -> str:
        line = self._shown().connection
        is_missing = line.lost_for is not None and not line.rolls_over
        if line.phase not in ("refused", "lost", "ended") and not is_missing:
            return ""
        return " · ".join(filter(None, (line.reason or "the connection was lost", line.hint)))


def _is_working(state: State, shown: View) -> bool:
    return bool(shown.reply.state in WORKING or state.tools.calls or state.responses.wanted)


def _is_answered(fresh: Sequence[TurnView]) -> bool:
    """Nothing still grows, the assistant had the last word, and yours are written down or never will be."""
    yours = [turn for turn in fresh if turn.who == "you"]
    is_written = not yours or bool(yours[-1].text or yours[-1].failed)
    return fresh[-1].who == "assistant" and is_written and not any(turn.partial for turn in fresh)


def _content(turn: TurnView) -> tuple[object, ...]:
    """What makes a turn worth telling again; how much of it was heard so far does not."""
    return turn.text + turn.rest, turn.partial, turn.failed, turn.cut_by, turn.detail, turn.stage, turn.count


def _tool(turn: TurnView) -> Result:
    arguments, _, result = turn.detail.partition(ARROW)
    stage = turn.stage or ("failed" if turn.failed else "done")
    told = {"call_id": turn.call_id, "name": turn.text, "arguments": arguments, "stage": stage}
    return told | {"result": result or turn.failed}


def _finding(finding: Finding) -> Result:
    """With the session fields that cure it as `set` takes them."""
    fields = () if finding.resolved else session_fields(finding.code)
    told: Result = asdict(finding) | {"evidence": [asdict(mark) for mark in finding.evidence]}
    return told | {"repair": [{"field": field, "value": value} for field, value in fields]}


def _holds(in_force: object, wished: object) -> bool:
    """Whether a field is as it was set; services add members to an object, and round numbers."""
    if isinstance(wished, dict):
        return isinstance(in_force, dict) and all(_holds(in_force.get(name), one) for name, one in wished.items())
    if isinstance(wished, float) and isinstance(in_force, int | float):
        return math.isclose(in_force, wished, rel_tol=1e-5)
    return in_force == wished


def _event(row: Entry) -> Result:
    told = {name: getattr(row, name) for name in ("seq", "t", "dir", "type")}
    return told | {"summary": summary_of(row), "event": row.event}


def _result(outcome: str, reason: str = "") -> Result:
    return {"session": os.getpid(), "outcome": outcome, "reason": reason}

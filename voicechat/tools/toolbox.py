"""Everything the model may call in one talk: gathered, offered to the session, and run (the session's `ToolPort`).

The user's own file is run before anybody is called, so that what is wrong with it is told at once. Local MCP servers
take their time and join while the talk goes on.

Runs calls: several at once, each within its time, and whatever goes wrong becomes words for the model.

A tool that fails, hangs, exits, prints or returns nonsense never ends the process and never holds up the talk. Every
call that is begun is answered exactly once, unless it was dropped with its line.

Arguments in, results out: JSON checked before a call, and what a tool returned as a text the model may read.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from voicechat.config.settings import Settings
from voicechat.core.effects import RunTool, ToolEffect
from voicechat.core.events import Event, ToolFinished, ToolOffer, ToolsNoted, ToolsOffered
from voicechat.errors import ConfigError, require_extra
from voicechat.tasks import sentence, spawn
from voicechat.tools.mcp_config import LocalServer, RemoteServer, servers_of
from voicechat.tools.policy import EVERY, Rules, problem_in, rule_for
from voicechat.tools.schema import Signature, UnfitError, signature_of
from voicechat.tools.threads import LoopThread, TooManyHang, in_thread, is_async
from voicechat.tools.tool import Tool, ToolError, fits_as_name

LONGEST_ARGUMENTS = 256_000
MOST_PROBLEMS = 5
LONGEST_PROBLEM = 240


def read_arguments(text: str) -> dict[str, Any] | str:
    """The arguments of a call, or what is wrong with them in words the model can mend them by."""
    if len(text) > LONGEST_ARGUMENTS:
        return f"The arguments are longer than {LONGEST_ARGUMENTS} characters."
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        return f"The arguments are no valid JSON: {error}."
    return value if isinstance(value, dict) else "The arguments must be a JSON object."


def argument_problems(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What the schema refuses, with path and reason; empty if nothing. Slow schemas cost time: call it on a thread."""
    import jsonschema
    from referencing import Registry

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    # An empty registry: a schema that came from elsewhere may not make us fetch what it refers to.
    checker = kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)
    found = []
    for error in checker.iter_errors(arguments):
        place = error.json_path.removeprefix("$").removeprefix(".") or "the arguments"
        found.append(f"{place}: {error.message}"[:LONGEST_PROBLEM])
        if len(found) == MOST_PROBLEMS:
            break
    return f"The arguments are wrong: {'; '.join(sorted(found))}." if found else ""


def written(result: object, largest: int) -> str:
    """A result as text, at most `largest` characters and a word on what was cut. Raises TypeError, ValueError."""
    text = result if isinstance(result, str) else _as_json(result)
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot travel
    return bounded(text, largest)


def bounded(text: str, largest: int) -> str:
    """The beginning of a text that is too long, and how much is missing."""
    if len(text) <= largest:
        return text
    return f"{text[:largest]}\n[cut: {len(text) - largest} of {len(text)} characters left out]"


def _as_json(result: object) -> str:
    try:
        plain = msgspec.to_builtins(result, str_keys=True, enc_hook=_other)
    except RecursionError as error:
        raise ValueError("it holds itself, or nests too deep") from error
    return json.dumps(plain, ensure_ascii=False)


def _other(value: object) -> object:
    """Records of other libraries (pydantic) and numbers of numpy say it themselves."""
    for method in ("model_dump", "tolist", "to_dict", "__fspath__"):
        if callable(make := getattr(value, method, None)) and not isinstance(value, type):
            return make()
    raise TypeError(f"a result of type {type(value).__name__} cannot be written as JSON")


AT_ONCE = 4
"""Calls that run side by side; others wait, and their time does not run meanwhile."""
LONGEST_REASON = 300
"""Characters of an error for the model and the user."""


class Failed(Exception):
    """A call that came to nothing; the message is for the model, `short` for the user."""

    def __init__(self, message: str, short: str = "") -> None:
        super().__init__(message)
        self.short = short or message


class Runner:
    """The tools of a talk and the calls that run. Everything but the tools themselves runs on the event loop."""

    def __init__(self, tell: Callable[[ToolFinished], None], at_once: int = AT_ONCE) -> None:
        self.tools: Mapping[str, Tool] = {}
        self._tell = tell
        self._free = asyncio.Semaphore(at_once)
        self._running: set[asyncio.Task[None]] = set()

    def perform(self, effect: ToolEffect) -> None:
        """Begin a call, or drop them all."""
        if isinstance(effect, RunTool):
            task = spawn(self._run(effect))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        else:
            for task in self._running:
                task.cancel()

    async def close(self) -> None:
        """Nothing is told any more."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, call: RunTool) -> None:
        try:
            output, failed = await self._output_of(call), ""
        except Failed as failure:
            output, failed = json.dumps({"error": str(failure)}, ensure_ascii=False), failure.short
        self._tell(ToolFinished(call.call_id, output, failed))

    async def _output_of(self, call: RunTool) -> str:
        tool = self.tools.get(call.name)
        if tool is None:
            raise Failed(f"There is no tool called {call.name!r}.", "there is no such tool")
        arguments = read_arguments(call.arguments)
        if isinstance(arguments, str):
            raise Failed(arguments)
        limit = tool.rule.time_limit
        async with self._free:
            try:
                async with asyncio.timeout(limit) as clock:
                    if problems := await in_thread(partial(argument_problems, arguments, tool.parameters)):
                        raise Failed(problems)
                    result = await tool.invoke(arguments)
                    return await in_thread(partial(written, result, tool.rule.largest))
            except Failed:
                raise
            except ToolError as error:
                raise Failed(str(error)[:LONGEST_REASON]) from error
            except Exception as error:  # the edge of somebody else's code
                if clock.expired():
                    words = f"{call.name} did not end within {limit:g} s."
                    raise Failed(words, f"no result within {limit:g} s") from error
                raise self._failure(tool, error) from error

    def _failure(self, tool: Tool, error: Exception) -> Failed:
        """The error in one line, with the line of the user's own file; the log has the whole of it."""
        if isinstance(error, TooManyHang):
            return Failed(str(error))
        traceback.print_exception(error, file=sys.stderr)
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == tool.origin), None)
        name = "" if type(error).__name__ == "Escaped" else f"{type(error).__name__}: "
        words = f"{name}{error}".strip().removesuffix(":")[:LONGEST_REASON]
        return Failed(words, f"{words} ({Path(tool.origin).name}, line {line})" if line else words)


RULES_NAME = "VOICECHAT"
"""The file's own rules, by tool name."""
LOAD_LIMIT = 20.0
"""Seconds a file may take to be run."""
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file that was run: its functions, and the rules it has for them.

    The functions of a Python file as tools: every public one, or those that `__all__` names.

    The file is the user's own and is run as such, on a worker thread; what it prints goes to the engine's log.
    Whatever is wrong with it is a ConfigError with its line, before anybody is called.
    """

    name: str
    functions: tuple[Function, ...]
    rules: Rules = field(default_factory=dict)


async def load_file(path: Path) -> LoadedFile:
    """Run the file. Raises ConfigError for one that is not there, fails, or takes too long."""
    try:
        async with asyncio.timeout(LOAD_LIMIT):
            module = await in_thread(functools.partial(run_file, path))
    except TimeoutError as error:
        raise ConfigError(f"{path} took more than {LOAD_LIMIT:g} s to load", hint="load slowly in the tools") from error
    functions = tuple(functions_of(module))
    if not functions:
        raise ConfigError(f"{path} has no public function", hint="write def get_weather(city: str) -> str: ...")
    return LoadedFile(str(path), functions, rules_of(module, {one.__name__ for one in functions}, path))


def run_file(path: Path) -> ModuleType:
    """The file as a module, under a name of its own. Raises ConfigError with the line that failed."""
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", hint="check the path behind --tools")
    name = f"voicechat_tools_{path.stem}_{abs(hash(str(path.resolve()))):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file", hint="its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while the file runs
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # the edge of somebody else's code
        del sys.modules[name]
        raise _broken(path, error) from error
    return module


def _broken(path: Path, error: BaseException) -> ConfigError:
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else None
    if line is None:
        line = line_in(path, error)
    what = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}".rstrip(": ")
    return ConfigError(f"{path}{f', line {line}' if line else ''}: {what}", hint="mend it; it is run as it is")


def line_in(path: Path, error: BaseException) -> int | None:
    """The last line of the file that the error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)


def functions_of(module: ModuleType) -> Iterable[Function]:
    """Public functions in the order of the file; what was imported is no tool, unless `__all__` names it."""
    named = getattr(module, "__all__", None)
    for name, value in vars(module).items():
        if named is not None:
            if name in named and callable(value) and not inspect.isclass(value):
                yield value
        elif inspect.isfunction(value) and not name.startswith("_") and value.__module__ == module.__name__:
            yield value


def rules_of(module: ModuleType, names: set[str], path: Path) -> Rules:
    """`VOICECHAT = {...}` of the file. Raises ConfigError for what is no rule."""
    rules = getattr(module, RULES_NAME, {})
    if not isinstance(rules, Mapping):
        raise ConfigError(f"{path}: {RULES_NAME} must be a table", hint=f'{RULES_NAME} = {{"name": {{...}}}}')
    for name, entry in rules.items():
        if name not in names and name != EVERY:
            hint = ", ".join(sorted(names))
            raise ConfigError(f"{path}: {RULES_NAME} names {name!r}, which is no tool here", hint=hint)
        if problem := problem_in(entry):
            raise ConfigError(f"{path}: {RULES_NAME}[{name!r}]: {problem}", hint='{"approval": "always"}')
    return rules


def tools_of(loaded: LoadedFile, configured: Rules, allowed: Collection[str], loop: LoopThread) -> tuple[Tool, ...]:
    """The functions as tools. Raises ConfigError for one that no model could call."""
    tools = []
    for function in loaded.functions:
        name = str(getattr(function, "__name__", type(function).__name__))
        code = inspect.unwrap(function)
        line = code.__code__.co_firstlineno if inspect.isfunction(code) else 0
        place = f"{loaded.name}{f', line {line}' if line else ''}: {name}"
        if not fits_as_name(name):
            raise ConfigError(f"{place} is no name for a tool", hint="letters, digits and _ only, at most 64")
        try:
            signature = signature_of(function, name)
        except UnfitError as error:
            raise ConfigError(
                f"{place} cannot be offered: {error}", hint="give it hints JSON can hold, or a name that begins with _"
            ) from error
        rule = rule_for(name, loaded.rules, configured, allowed)
        invoke = functools.partial(call, function, signature, loop)
        tools.append(Tool(name, signature.description, signature.parameters, rule, invoke, loaded.name))
    return tuple(tools)


async def call(function: Function, signature: Signature, loop: LoopThread, given: dict[str, Any]) -> object:
    """Run it where it cannot hurt. Raises ToolError for arguments that the hints refuse, else what it raises."""
    try:
        arguments = signature.arguments(given)
    except msgspec.ValidationError as error:
        raise ToolError(f"The arguments are wrong: {error}.") from error
    if is_async(function):
        return await loop.run(lambda: function(**arguments))
    result = await in_thread(lambda: function(**arguments))
    if inspect.iscoroutine(result):
        return await loop.run(lambda: result)
    return result


_MARK = "voicechat-secret:{name}:{number}"


class SecretPlaceholders:
    """Secrets of this talk, each with the text that stands for it everywhere but on the wire.

    Placeholders for secrets: the session that is kept, shown and recorded holds these, only the line gets the secret.
    """

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"SecretPlaceholders({len(self._secrets)})"

    def placeholder(self, name: str, secret: str) -> str:
        """The text to use instead of a secret."""
        mark = _MARK.format(name=name, number=len(self._secrets) + 1)
        self._secrets[mark] = secret
        return mark

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(self._secrets.values())

    def revealed(self, text: str) -> str:
        """A client event (JSON) as it goes out."""
        for mark, secret in self._secrets.items():
            if mark in text:
                text = text.replace(json.dumps(mark), json.dumps(secret))
        return text

    def revealed_session(self, session: Mapping[str, Any]) -> dict[str, Any]:
        """A session as it goes out; the same object where there is nothing to reveal."""
        if not self._secrets or "tools" not in session:
            return dict(session)
        tools: list[Any] = json.loads(self.revealed(json.dumps(session["tools"])))
        return {**session, "tools": tools}


Tell = Callable[[Event], None]
LONGEST_LIST = 8
"""Tools named in a sentence."""


class Toolbox:
    """`load` before the talk, `perform` in it, `close` after it."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        tell: Tell,
        functions: Sequence[Callable[..., Any]] = (),
    ) -> None:
        """`functions`: those of a program that uses the Python API. Raises ConfigError for an unfit `[mcp.NAME]`."""
        self._settings = settings
        self._environ = environ
        self._tell = tell
        self._functions = tuple(functions)
        self._local, self._remote = servers_of(settings.mcp)
        self._runner = Runner(tell)
        self._loop = LoopThread()
        self._tools: dict[str, Tool] = {}
        self._starting: list[asyncio.Task[None]] = []
        self._awaited = 0
        """Local servers that are still starting."""
        self._servers: list[Any] = []
        self.placeholders = SecretPlaceholders()
        self._remote_definitions: tuple[dict[str, Any], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nobody configured any tool."""
        return not (self._settings.tools or self._functions or self._local or self._remote)

    async def load(self) -> None:
        """Read everything that is known at once and begin to start the rest. Raises ConfigError."""
        if self.is_empty:
            return
        if self._local:
            from voicechat.tools.mcp_servers import EXTRA

            require_extra(*EXTRA)
        files = [LoadedFile("", self._functions)] if self._functions else []
        files += [await load_file(Path(name).expanduser()) for name in self._settings.tools]
        for loaded in files:
            for tool in tools_of(loaded, self._settings.tool_rules, self._settings.allow_tools, self._loop):
                if tool.name in self._tools:
                    where = self._tools[tool.name].origin
                    raise ConfigError(f"{tool.origin} and {where} both have {tool.name}", hint="rename one of them")
                self._tools[tool.name] = tool
        self._remote_definitions = tuple(self._definition_of(server) for server in self._remote)
        self._awaited = len(self._local)
        self._offer()
        self._starting = [self._spawn_start(spec) for spec in self._local]

    def perform(self, effect: ToolEffect) -> None:
        """Run a call, or drop those that run."""
        self._runner.perform(effect)

    async def close(self) -> None:
        """End every call and every server."""
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await self._runner.close()
        await asyncio.gather(*(server.close() for server in self._servers), return_exceptions=True)
        self._loop.close()

    def _definition_of(self, server: RemoteServer) -> dict[str, Any]:
        token = ""
        if server.authorization_env:
            secret = self._environ.get(server.authorization_env, "").strip()
            if not secret:
                raise ConfigError(
                    f"[mcp.{server.name}] {server.authorization_env} is not set", hint="export it, then try again"
                )
            token = self.placeholders.placeholder(server.name, secret)
        return server.definition(token)

    def _offer(self) -> None:
        """What is never to run is not offered either; the runner need not know it."""
        usable = {name: tool for name, tool in self._tools.items() if tool.rule.approval != "never"}
        self._runner.tools = usable
        offers = tuple(ToolOffer(tool.name, tool.rule.approval) for tool in self._tools.values())
        definitions = (*(tool.definition for tool in usable.values()), *self._remote_definitions)
        self._tell(ToolsOffered(offers, definitions, are_all=self._awaited == 0))

    def _spawn_start(self, spec: LocalServer) -> asyncio.Task[None]:
        return spawn(
            self._start(spec), lambda error: self._without(f"MCP server {spec.name} failed: {sentence(error)}")
        )

    async def _start(self, spec: LocalServer) -> None:
        from voicechat.tools.mcp_servers import RunningServer

        server = RunningServer(spec, self._environ, lambda words: self._tell(ToolsNoted(words, "warning")))
        self._servers.append(server)
        try:
            listed = await server.start()
        except ToolError as error:
            self._without(str(error))
            return
        from voicechat.tools.mcp_servers import caller

        rules = self._settings.tool_rules
        if spec.rule:  # a rule for this server beats what is meant for all tools
            rules = {**rules, EVERY: spec.rule}
        names: list[str] = []
        for one in listed:
            name = self._name_for(spec.name, one.name)
            if not name:
                continue
            rule = rule_for(name, {}, rules, self._settings.allow_tools)
            self._tools[name] = Tool(name, one.description, one.parameters, rule, caller(server, one.name), spec.name)
            names.append(name)
        self._awaited -= 1
        self._offer()
        told = ", ".join(names[:LONGEST_LIST]) + (
            f" and {len(names) - LONGEST_LIST} more" if names[LONGEST_LIST:] else ""
        )
        self._tell(ToolsNoted(f"MCP server {spec.name} is here: {told or 'it has no tools'}.", "info"))

    def _without(self, reason: str) -> None:
        self._awaited -= 1
        self._offer()
        self._tell(ToolsNoted(f"{reason}. The talk goes on without its tools.", "warning"))

    def _name_for(self, server: str, name: str) -> str:
        """The tool's own name where nobody has it, else with its server's; empty if a service would refuse it."""
        plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name)
        for candidate in (plain, f"{server}_{plain}"):
            if fits_as_name(candidate[:64]) and candidate[:64] not in self._tools:
                return candidate[:64]
        return ""

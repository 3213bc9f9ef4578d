"""The functions of a Python file as tools: every public one, or those that `__all__` names.

The file is the user's own and is run as such, on a worker thread; what it prints goes to the engine's log. Whatever is
wrong with it is a ConfigError with its line, before anybody is called.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from voicechat.errors import ConfigError
from voicechat.tools.policy import EVERY, Rules, problem_in, rule_for
from voicechat.tools.schema import Signature, UnfitError, signature_of
from voicechat.tools.threads import LoopThread, in_thread, is_async
from voicechat.tools.tool import Tool, ToolError, fits_as_name

RULES_NAME = "VOICECHAT"
"""The file's own rules, by tool name."""
LOAD_LIMIT = 20.0
"""Seconds a file may take to be run."""
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file that was run: its functions, and the rules it has for them."""

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

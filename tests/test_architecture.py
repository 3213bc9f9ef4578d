"""The house keeps its shape: who may import whom, and what the first keystroke may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.support.each import each

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "voicechat"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ENTRIES = ("__init__.py", "__main__.py")
ONE_SUBJECT = 600
"""Lines up to which two modules are read as one subject."""
HEAVY = ("textual", "aiortc", "numpy", "sounddevice", "av", "aiohttp", "onnxruntime", "rich")


def modules_after(code: str) -> set[str]:
    """Top-level names imported by a fresh interpreter that ran `code`."""
    probe = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_rooms_import_only_what_they_may() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_imports_nothing_heavy() -> None:
    loaded = modules_after("import voicechat.cli.main as main; main.run_cli(['--help'])")
    assert not loaded & set(HEAVY)
    quick = modules_after("import sys, voicechat.__main__ as main; main.obey(['run', '--help'])")
    assert not quick & {"asyncio", "msgspec", "platformdirs", "typer", *HEAVY}


def test_working_a_talk_from_outside_imports_nothing_heavy() -> None:
    loaded = modules_after("import voicechat.cli.ctl, voicechat.cli.edge, voicechat.__main__")
    assert not loaded & {"asyncio", "msgspec", "pathlib", "platformdirs", "typer", "typing", *HEAVY}


def test_the_screen_process_never_loads_sound_or_webrtc() -> None:
    loaded = modules_after("import voicechat.ui.app, voicechat.engine.host")
    assert not loaded & {"aiortc", "av", "sounddevice", "numpy", "aiohttp", "openai", "onnxruntime", "typer"}


def test_the_bare_package_costs_nothing() -> None:
    assert not modules_after("import voicechat") & {"typer", "msgspec", *HEAVY}


@each("path", sorted((ROOT / "voicechat").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_says_what_it_is(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith('"""'), "a module begins with its docstring"


OWN_TASKS = {
    "tasks.py": (1, "the helper itself"),
    "engine/assemble.py": (1, "the starting server: awaited by each attempt to connect"),
    "engine/service.py": (1, "the start of the talk: its exception is looked at with each tick"),
    "local_server/spawn.py": (1, "awaited below, in the same function"),
    "rtc/peer.py": (2, "closing and gathering: awaited through a shield"),
    "tap/calls.py": (1, "closing: awaited through a shield"),
    "tap/server.py": (2, "awaited below, in the same function"),
    "tools/mcp_servers.py": (4, "awaited, or hands every exception to a future"),
    "transcription/carriers.py": (1, "the starting server: awaited by each attempt to connect"),
    "transcription/session.py": (1, "a done callback ends the session with the exception"),
    "transcription/writing.py": (2, "gathered in the same function; awaited through a shield"),
}
"""Where a task is made without `tasks.spawn`: how many, and who reads its exception."""


def test_a_task_outside_spawn_has_a_reader_of_its_exception() -> None:
    found = {str(path.relative_to(PACKAGE)): one.tasks for path, one in facts().items() if one.tasks}
    assert found == {name: count for name, (count, _) in OWN_TASKS.items()}


@dataclass
class Facts:
    """What the tests below ask of one module; its tree would take a hundred times the memory."""

    at_top: set[str] = field(default_factory=set)
    when_needed: set[str] = field(default_factory=set)
    """Imported inside a function."""
    tasks: int = 0
    """Places at which a task is made."""
    classes: set[str] = field(default_factory=set)
    subclasses: list[tuple[str, str]] = field(default_factory=list)
    """(base, class)."""
    uses: Counter[str] = field(default_factory=Counter)


@cache
def facts() -> dict[Path, Facts]:
    """Of each module of the package."""
    return {path: _facts_of(ast.parse(path.read_text(encoding="utf-8"))) for path in PACKAGE.rglob("*.py")}


def _facts_of(tree: ast.Module) -> Facts:
    found = Facts(classes={node.name for node in tree.body if isinstance(node, ast.ClassDef)})
    left: list[tuple[ast.AST, bool]] = [(tree, False)]
    while left:
        node, is_inside = left.pop()
        match node:
            case ast.Name():
                found.uses[node.id] += 1
            case ast.Attribute(attr="create_task" | "ensure_future"):
                found.tasks += 1
            case ast.Import() | ast.ImportFrom():
                base = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names = found.when_needed if is_inside else found.at_top
                names.update(base, (".".join((*base, one.name)) for one in node.names))
            case ast.ClassDef():
                found.subclasses += [(one.id, node.name) for one in node.bases if isinstance(one, ast.Name)]
        is_inside = is_inside or isinstance(node, FUNCTIONS)
        left += [(child, is_inside) for child in ast.iter_child_nodes(node)]
    return found


def importers(*, lazily: bool) -> dict[Path, set[Path]]:
    """Which modules of the package import each of them: at their top, or inside a function."""
    files = {module_of(path): path for path in facts()}
    found: dict[Path, set[Path]] = {path: set() for path in facts()}
    for path, of_it in facts().items():
        for name in of_it.when_needed if lazily else of_it.at_top:
            if name in files and files[name] != path:
                found[files[name]].add(path)
    return found


def module_of(path: Path) -> str:
    """`voicechat.core.step` of its file, `voicechat.core` of the package's own."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_a_module_with_one_reader_beside_it_is_part_of_that_reader() -> None:
    """Unless both together are no longer one subject to read, it is a program or a command, or imported when needed."""
    at_top, when_needed = importers(lazily=False), importers(lazily=True)
    apart = []
    for path, readers in at_top.items():
        if len(readers | when_needed[path]) != 1 or path.name in ENTRIES or path.parent.name == "cli":
            continue
        reader = next(iter(readers), path)
        lines = sum(len(one.read_text(encoding="utf-8").splitlines()) for one in (path, reader))
        if reader != path and reader.parent == path.parent and reader.name not in ENTRIES and lines <= ONE_SUBJECT:
            apart.append(f"{path.name} belongs into {reader.relative_to(PACKAGE)}: {lines} lines together")
    assert apart == []


def test_no_class_has_its_only_subclass_beside_it() -> None:
    uses: Counter[str] = sum((one.uses for one in facts().values()), Counter())
    single = [
        f"{base} in {path.name} is only ever {name}"
        for path, one in facts().items()
        for base, name in one.subclasses
        if uses[base] == 1 and base in one.classes
    ]
    assert single == []

"""Whether the suite would notice: a fixed sample of small defects, each met by the tests of its room.

    python -m tests.bench.bench_mutants [--mutants N] [--seed N] [--jobs N] [--verbose]

A mutant changes one comparison, operator, condition, number or returned value in the core, the jitter buffer, the codec
or the diagnosis, in a copy of the checkout. It is killed if a test fails or does not end; what survives is printed. The
same seed takes the same places as long as the code stays.
"""

from __future__ import annotations

import ast
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tests.bench.bars import Figure, judge, options

ROOT = Path(__file__).resolve().parents[2]
JITTER_TESTS = ("tests/audio/test_jitter_buffer.py", "tests/audio/test_jitter_buffer_opus.py")
ROOMS = {
    "voicechat/core": ("tests/core",),
    "voicechat/audio/jitter_buffer.py": JITTER_TESTS,
    "voicechat/protocol/codec.py": ("tests/protocol",),
    "voicechat/insight": ("tests/insight",),
}
"""Code and the tests that should notice."""
BAR = 85.0
"""Percent killed."""
LIMIT = 240.0
"""Seconds after which the tests of a mutant do not end."""
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    path: Path
    begin: int
    end: int
    """Bytes of the module between which `after` stands instead."""
    after: str
    tests: tuple[str, ...]

    @property
    def source(self) -> bytes:
        """The whole module, changed."""
        text = self.path.read_bytes()
        return text[: self.begin] + self.after.encode() + text[self.end :]

    def __str__(self) -> str:
        text = self.path.read_bytes()
        line, before = text[: self.begin].count(b"\n") + 1, text[self.begin : self.end].decode()
        return f"{self.path.relative_to(ROOT)}:{line}  {before!r} -> {self.after!r}"


def changed(node: ast.AST) -> ast.AST | None:
    """The node with a small defect; None where it has no place for one."""
    match node:
        case ast.Compare(left, [op], right) if type(op) in COMPARED:
            return ast.Compare(left, [COMPARED[type(op)]()], right)
        case ast.BinOp(left, op, right) if type(op) in COUNTED and not isinstance(left, ast.Constant | ast.JoinedStr):
            return ast.BinOp(left, COUNTED[type(op)](), right)
        case ast.BoolOp(op, values):
            return ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not(), operand):
            return operand
        case ast.IfExp(test, body, orelse):
            return ast.IfExp(test, orelse, body)
        case ast.Constant(bool(value)):
            return ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            return ast.Constant(value + 1)
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            return ast.Return(ast.Constant(None))
    return None


def declarations(node: ast.AST) -> list[ast.AST]:
    """What of a node says what something is, and not what it does."""
    named = [getattr(node, name, None) for name in ("annotation", "returns")]
    listed = [*getattr(node, "decorator_list", []), *(node.keywords if isinstance(node, ast.ClassDef) else [])]
    return [one for one in (*named, *listed) if isinstance(one, ast.AST)]


def mutants(path: Path, tests: tuple[str, ...]) -> list[Mutant]:
    """Every mutant of a module; annotations, decorators and the options of a class have none."""
    text = path.read_bytes()
    tree = ast.parse(text)
    typed = {id(inner) for node in ast.walk(tree) for noted in declarations(node) for inner in ast.walk(noted)}
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr | ast.stmt) or id(node) in typed or (other := changed(node)) is None:
            continue
        begin, end = starts[node.lineno - 1] + node.col_offset, starts[(node.end_lineno or 0) - 1] + node.end_col_offset  # type: ignore[operator]
        after = ast.unparse(ast.fix_missing_locations(other))
        found.append(Mutant(path, begin, end, after if isinstance(node, ast.stmt) else f"({after})", tests))
    return found


def sample(count: int, seed: int) -> list[Mutant]:
    """As many mutants, each place as likely as another."""
    everywhere = []
    for room, tests in ROOMS.items():
        for path in [ROOT / room] if room.endswith(".py") else sorted((ROOT / room).rglob("*.py")):
            everywhere += mutants(path, tests)
    random.Random(seed).shuffle(everywhere)
    found: list[Mutant] = []
    for mutant in everywhere:
        if len(found) == count:
            break
        with contextlib.suppress(SyntaxError):  # inside an f-string
            ast.parse(mutant.source)
            found.append(mutant)
    return found


def fails(tests: tuple[str, ...], copy: Path) -> bool:
    """Whether one of these tests fails in this copy of the checkout, or they do not end."""
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider"]
    command += ["--hypothesis-profile", "ci", *tests]
    environ = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    quiet = subprocess.DEVNULL
    try:
        run = subprocess.run(command, cwd=copy, env=environ, stdout=quiet, stderr=quiet, timeout=LIMIT, check=False)
        return run.returncode != 0
    except subprocess.TimeoutExpired:
        return True


def is_killed(mutant: Mutant, copy: Path) -> bool:
    """Whether a test of its room fails while the copy holds the mutant."""
    path = copy / mutant.path.relative_to(ROOT)
    path.write_bytes(mutant.source)
    try:
        return fails(mutant.tests, copy)
    finally:
        shutil.copy(mutant.path, path)


def main() -> int:
    given = options(__doc__, mutants=300, seed=1, jobs=2, verbose=False)
    found = sample(given.mutants, given.seed)
    with tempfile.TemporaryDirectory() as folder:
        copies: Queue[Path] = Queue()
        for number in range(given.jobs):
            copy = Path(folder, str(number))
            for part in ("voicechat", "tests", "themes"):
                shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(ROOT / "pyproject.toml", copy)
            copies.put(copy)
        for tests in ROOMS.values():
            if fails(tests, copy):
                print(f"{' '.join(tests)}: they fail without a mutant too")
                return 1

        def met(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                killed = is_killed(mutant, copy)
            finally:
                copies.put(copy)
            if given.verbose or not killed:
                word = "killed" if killed else "SURVIVED"
                print(f"{word}  {mutant}", flush=True)
            return killed

        with ThreadPoolExecutor(given.jobs) as pool:
            killed = sum(pool.map(met, found))
    share = 100.0 * killed / len(found)
    figures = [Figure("killed", [share], "%", "worst", BAR, is_floor=True)]
    return judge(f"{killed} of {len(found)} mutants, seed {given.seed}", figures)


if __name__ == "__main__":
    sys.exit(main())

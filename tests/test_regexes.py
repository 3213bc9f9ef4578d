"""Every regular expression needs time in proportion to its text: a quadratic one lets a single message stop a talk.

Each is tried on texts that its own parts are repeated to. `local_server/brain` is left out: it reads the first
`LONGEST_TEXT` (1,500) characters of a turn, whatever the client sends.
"""

from __future__ import annotations

import ast
import importlib
import re
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import voicechat
from tests.support.each import each

parser = importlib.import_module("re._parser")
ROOT = Path(voicechat.__file__).parent
METHODS = {"search", "match", "fullmatch", "sub", "split", "findall", "finditer"}
USES = re.compile(r"^import re$|\b[A-Z_]{3,}\.(?:search|match|fullmatch|sub|split|findall|finditer)\(", re.MULTILINE)
SHORT, LONG = 1000, 4000
SLOW = 0.0002
"""Seconds of processor time from which on a text of `SHORT` characters is tried at `LONG` too; usual are 0.000025."""
LINEAR = 8.0
"""Four times the text may take eight times as long; a quadratic pattern takes sixteen times as long."""
CLASSES = {"CATEGORY_DIGIT": "5", "CATEGORY_SPACE": " ", "CATEGORY_NOT_WORD": "-"}


def patterns() -> dict[tuple[str | bytes, int], tuple[str, set[str]]]:
    """(pattern, flags) -> where it stands, and the methods it is used with."""
    found: dict[tuple[str | bytes, int], tuple[str, set[str]]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        source = path.read_text()
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        if not USES.search(source) or name.endswith("__main__") or "local_server/brain" in path.as_posix():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                module = importlib.import_module(name)
            except ImportError:
                continue  # of an extra that is not installed
        uses: dict[str, set[str]] = defaultdict(set)
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in METHODS:
                continue
            owner = call.func.value
            if isinstance(owner, ast.Name) and owner.id == "re" and isinstance(call.args[0], ast.Constant):
                flags = [ast.unparse(part) for part in (*call.args[2:], *(key.value for key in call.keywords))]
                number = sum(int(getattr(re, flag[3:])) for flag in flags if re.fullmatch(r"re\.[A-Z]+", flag))
                place = (f"{name}:{call.lineno}", set[str]())
                text = call.args[0].value
                assert isinstance(text, str | bytes)
                found.setdefault((text, number), place)[1].add(call.func.attr)
            elif isinstance(owner, ast.Name | ast.Attribute):
                uses[owner.id if isinstance(owner, ast.Name) else owner.attr].add(call.func.attr)
        for variable, value in vars(module).items():
            for compiled in _compiled(value):
                place = (f"{name}.{variable}", set[str]())
                used = found.setdefault((compiled.pattern, compiled.flags), place)[1]
                used |= uses.get(variable) or {"search"}
    return found


def _compiled(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 3 and isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _compiled(part, depth + 1)


def _letters(tree: Any) -> list[str]:
    """One text for each thing that a pattern matches a single character with."""
    letters: list[str] = []
    for operator, what in tree:
        match str(operator):
            case "LITERAL":
                letters.append(chr(what))
            case "NOT_LITERAL" | "ANY":
                letters.append("a" if what != ord("a") else "b")
            case "IN":
                letters += _members(what)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                letters += _letters(what[2])
            case "SUBPATTERN":
                letters += _letters(what[3])
            case "BRANCH":
                letters += [letter for branch in what[1] for letter in _letters(branch)]
    return letters


def _members(parts: Any) -> list[str]:
    members: list[str] = []
    for operator, what in parts:
        if str(operator) == "LITERAL":
            members.append(chr(what))
        elif str(operator) == "RANGE":
            members.append(chr(what[0]))
        elif str(operator) == "CATEGORY":
            members.append(CLASSES.get(str(what), "a"))
    if str(parts[0][0]) == "NEGATE":
        return [letter for letter in 'a \n."' if letter not in members][:2]
    return members[:4]


def _examples(tree: Any) -> list[str]:
    """What the first part, the first two parts ... of a pattern match."""
    text, made = "", []
    for operator, what in tree:
        match str(operator):
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                text += (_examples(what[2]) or [""])[-1] * max(1, what[0])
            case "SUBPATTERN":
                text += (_examples(what[3]) or [""])[-1]
            case "BRANCH":
                text += (_examples(what[1][0]) or [""])[-1]
            case _:
                text += next(iter(_letters([(operator, what)])), "")
        made.append(text)
    return [text for text in made if len(text) <= 100]


def hostile_texts(pattern: str | bytes, flags: int) -> Iterator[Callable[[int], str]]:
    """Texts of any length in which something of the pattern is repeated, and which it does not match in the end."""
    tree = parser.parse(pattern, flags)
    letters = list(dict.fromkeys(_letters(tree)))[:10]
    begun = list(dict.fromkeys(_examples(tree)))
    pairs = [a + b for a in letters[:4] for b in letters[:4] if a != b]
    for repeated in dict.fromkeys([*letters, *filter(None, begun[:5]), *pairs]):
        for before in dict.fromkeys(["", *begun[:2], *begun[-1:]]):
            yield lambda size, a=before, b=repeated: a + b * (size // len(b)) + "\x01"  # type: ignore[misc]


def seconds(pattern: re.Pattern[Any], methods: set[str], text: str | bytes) -> float:
    """Processor time that the methods take."""
    began = time.process_time()
    for method in methods:
        if method == "sub":
            pattern.sub(lambda match: match[0], text)
        else:
            result = getattr(pattern, method)(text)
            if method == "finditer":
                list(result)
    return time.process_time() - began


def growth(pattern: str | bytes, flags: int, methods: set[str]) -> tuple[float, str]:
    """How many times as long four times a text takes that is too slow, and how that begins; 0 without one."""
    compiled = re.compile(pattern, flags)
    for text in hostile_texts(pattern, flags):

        def spent(size: int, text: Callable[[int], str] = text) -> float:
            made = text(size)
            return seconds(compiled, methods, made.encode("utf-8", "replace") if isinstance(pattern, bytes) else made)

        if spent(SHORT) < SLOW or (short := min(spent(SHORT) for _ in range(3))) < SLOW or spent(LONG) / short < LINEAR:
            continue
        pairs = [(spent(SHORT), spent(LONG)) for _ in range(5)]  # by turns: a busy machine slows both down
        times = min(long for _, long in pairs) / min(short for short, _ in pairs)
        if times > LINEAR:
            return times, text(20)
    return 0.0, ""


@each("pattern", [r"\s*\n", r'"(?:[^"\\]|\\.)*"|x', r"[a-z]+_b", r"\x9d[^\x9c]*\x9c"])
def test_a_quadratic_pattern_is_found_to_be_one(pattern: str) -> None:
    assert growth(pattern, 0, {"search"})[0] > LINEAR


def test_every_pattern_takes_time_in_proportion_to_its_text() -> None:
    found = patterns()
    assert len(found) > 200
    slow = {}
    for (pattern, flags), (place, methods) in found.items():
        times, text = growth(pattern, flags, methods)
        if times > LINEAR:
            slow[place] = (round(times, 1), text, pattern)
    assert slow == {}

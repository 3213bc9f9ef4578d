"""What a bug report needs, in one archive: facts about the machine, the talk without its words, what was found in it.

Every text goes through the redactor and through a last scan for keys; where one is left, there is no archive.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from voicechat.errors import ConfigError
from voicechat.journal.past_talk import as_text, read_talk
from voicechat.journal.recorder import what_made_it
from voicechat.journal.redaction import RedactedSource, redacted, without_secrets
from voicechat.journal.secrets_scan import leaks, scrubbed
from voicechat.journal.source import open_source
from voicechat.journal.tape import ABOUT_FILE, AUDIO_FILE, EVENTS_FILE, TapeLine

PACKAGES = ("textual", "aiortc", "av", "numpy", "sounddevice", "msgspec", "aiohttp", "onnxruntime")
LAST_LINES = 300
"""Of the engine's log."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the archive."""

    name: str
    about: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Takes out names and keys. `names`: home, user and host names; `secrets`: keys by value."""

    names: Callable[[str], str]
    secrets: tuple[str, ...]

    def text(self, text: str) -> str:
        """`text` as anybody may see it."""
        return scrubbed(self.names(scrubbed(text, self.secrets)), self.secrets)


def talk_parts(path: Path, cleaner: Cleaner, *, words: bool, audio: bool) -> Iterator[Part]:
    """The talk: its tape, what was found in it and, if asked for, what was said. Raises TapeError."""
    talk = read_talk(path, redact=not words)
    source = RedactedSource.of(open_source(path), words=words)
    found = [msgspec.to_builtins(one) for one in talk.findings]
    yield _text("findings.json", f"what diagnose found: {len(found)}", _json(found), cleaner)
    shape = "its events, with its words" if words else "its events; every letter of what was said is an x"
    yield _text(f"tape/{EVENTS_FILE}", shape, _tape(source), cleaner)
    about = path / ABOUT_FILE if path.is_dir() else path.parent / ABOUT_FILE
    if (facts := _about(about, words=words)) is not None:
        yield _text(f"tape/{ABOUT_FILE}", "what made the tape", _json(facts), cleaner)
    if words:
        yield _text("transcript.txt", "what was said", as_text(talk.transcript), cleaner)
    if audio and (sound := open_source(path).audio_file) is not None:
        yield Part(f"tape/{AUDIO_FILE}", "its sound, both sides", sound.read_bytes())


def machine_parts(doctor: Any, config: Any, log: Path, cleaner: Cleaner) -> Iterator[Part]:
    """The machine: versions, what the doctor says, what is wrong with the configuration, the engine's last words."""
    yield _text("versions.json", "of voicechat, Python, the system, libraries", _json(versions()), cleaner)
    yield _text("doctor.json", "what `voicechat doctor` says", _json(doctor), cleaner)
    yield _text("config.json", "what `voicechat config check` says, no values", _json(config), cleaner)
    yield _text("engine.log", f"the last {LAST_LINES} lines of the engine's log", _tail(log), cleaner)


def readme(parts: Sequence[Part], *, words: bool) -> Part:
    """What lies here, for whoever opens it."""
    rows = [f"{part.name:<20} {len(part.raw):>9} bytes  {part.about}" for part in parts]
    said = "What was said is in it." if words else "What was said is not in it."
    head = (
        f"A bug report of voicechat, made on the user's own machine. {said} Keys were looked for and are not in it.\n"
    )
    return Part("README.txt", "this list", "\n".join([head, *rows, ""]).encode())


def write(parts: Sequence[Part], out: BinaryIO, secrets: Sequence[str]) -> None:
    """The archive. Raises ConfigError, and writes nothing, where a key was left in a part."""
    for part in parts:
        if not part.name.endswith(".wav") and leaks(part.raw, secrets):
            raise ConfigError(
                f"{part.name} still held something that looks like a key, so nothing was written",
                hint="please report this without the archive: it is a defect of voicechat",
            )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            archive.writestr(part.name, part.raw)


def versions() -> dict[str, str]:
    """Ours, Python's, the system's, and those of the libraries that matter."""
    found = what_made_it()
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _tape(source: RedactedSource) -> str:
    head = dict(source.head) if "tape" in source.head else {"tape": 1, **source.head}
    lines = [head, *(_line(entry) for entry in source.entries())]
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


def _line(entry: TapeLine) -> dict[str, Any]:
    """As the recorder writes it."""
    at = {} if entry.at is None else {"at": entry.at}
    direction = {"dir": entry.dir} if entry.kind == "event" else {}
    return {"t": entry.t, **at, **direction, entry.kind: entry.data}


def _about(file: Path, *, words: bool) -> dict[str, Any] | None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict):
        return None
    return without_secrets(told) if words else redacted(told) | _kept(told)


def _kept(told: dict[str, Any]) -> dict[str, Any]:
    """Versions are no words."""
    return {name: told[name] for name in ("voicechat", "python", "platform") if isinstance(told.get(name), str)}


def _tail(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "there is none\n"
    return "\n".join(lines[-LAST_LINES:]) + "\n"


def _text(name: str, about: str, text: str, cleaner: Cleaner) -> Part:
    return Part(name, about, cleaner.text(text).encode("utf-8", "replace"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"

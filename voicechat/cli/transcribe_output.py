"""Where the text goes: standard output, one file, or a folder with a file for each recording."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from voicechat.errors import ConfigError
from voicechat.transcription.formats import SUFFIXES, Format, Result, as_json, rendered


class Output:
    """Raises ConfigError, when it is made, for a place that cannot take what is wanted."""

    def __init__(self, form: Format, out: str, inputs: Sequence[str]) -> None:
        self._form = form
        self._is_many = len(inputs) > 1
        self._taken: set[Path] = set()
        self._folder: Path | None = None
        self._file: Path | None = None
        self._inputs = {Path(name).resolve() for name in inputs}
        if not out:
            if self._is_many and form in ("srt", "vtt"):
                raise ConfigError("subtitles of several recordings are several files", hint="add --out FOLDER")
            return
        place = Path(out).expanduser()
        if self._is_many or out.endswith(("/", "\\")) or place.is_dir():
            self._folder = place
        else:
            self._file = place
        try:
            (self._folder or place.parent).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot write to {out}: {error.strerror}", hint="check --out") from error
        if place.resolve() in self._inputs:
            raise ConfigError("--out would overwrite the recording", hint="give another name")

    def write(self, result: Result) -> None:
        """Raises ConfigError where the file cannot be written."""
        place = self._place(result.name)
        if place is None:
            sys.stdout.write(self._on_stdout(result))
            sys.stdout.flush()
            return
        try:
            place.write_text(rendered(result, self._form), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {place}: {error.strerror}", hint="check --out") from error

    def _on_stdout(self, result: Result) -> str:
        if not self._is_many:
            return rendered(result, self._form)
        if self._form == "json":
            return json.dumps(as_json(result), ensure_ascii=False) + "\n"
        return f"== {result.name}\n{rendered(result, self._form)}"

    def _place(self, name: str) -> Path | None:
        if self._folder is None:
            return self._file
        stem, suffix = Path(name).stem or "recording", SUFFIXES[self._form]
        place, number = self._folder / f"{stem}{suffix}", 1
        while place in self._taken or place.resolve() in self._inputs:
            number += 1
            place = self._folder / f"{stem}-{number}{suffix}"
        self._taken.add(place)
        return place

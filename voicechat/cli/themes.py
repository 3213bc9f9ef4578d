"""`voicechat themes`: what can be chosen with `--theme`, and which files could not be read."""

from __future__ import annotations

import json
import sys

from voicechat import exit_codes
from voicechat.config.locations import user_themes_dir
from voicechat.ui.sanitise import clean
from voicechat.ui.theme_files import load_themes


def themes_command(*, as_json: bool) -> int:
    """Names on stdout, failures on stderr; a bad file spoils only itself."""
    found, failed = load_themes(user_themes_dir())
    rows = [{"name": theme.name, "dark": theme.dark, "file": str(path)} for theme, path in found]
    if as_json:
        wrong = [{"file": str(f.path), "reason": f.reason} for f in failed]
        print(json.dumps({"themes": rows, "failed": wrong}))
        return exit_codes.DONE
    for row, (_, path) in zip(rows, found, strict=True):
        where = clean(str(path)) if path.parent == user_themes_dir() else "comes with voicechat"
        print(f"{clean(str(row['name'])):<16} {'dark' if row['dark'] else 'light':<6} {where}")
    print(f"\nyour own: {user_themes_dir()}/NAME.toml; stock themes of Textual can be chosen too", file=sys.stderr)
    for failure in failed:
        print(f"cannot use {clean(str(failure.path))}: {clean(failure.reason)}", file=sys.stderr)
    return exit_codes.DONE

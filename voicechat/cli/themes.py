"""`voicechat themes`: what can be chosen with `--theme`, and which files could not be read."""

from __future__ import annotations

import json
import sys

from voicechat import exit_codes
from voicechat.config.locations import user_themes_dir
from voicechat.ui.theme_files import load_themes


def themes_command(*, as_json: bool) -> int:
    """Names on stdout, failures on stderr; a bad file spoils only itself."""
    loaded, failed = load_themes(user_themes_dir())
    rows = [{"name": theme.name, "dark": theme.dark} for theme in loaded]
    if as_json:
        print(json.dumps({"themes": rows, "failed": [{"file": str(f.path), "reason": f.reason} for f in failed]}))
    else:
        for row in rows:
            print(f"{row['name']:<16} {'dark' if row['dark'] else 'light'}")
        print(f"\nyour own: {user_themes_dir()}/NAME.toml", file=sys.stderr)
        for failure in failed:
            print(f"cannot use {failure.path}: {failure.reason}", file=sys.stderr)
    return exit_codes.DONE

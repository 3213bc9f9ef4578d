"""Every path of ours, in one place. Folders follow the platform's convention; logs are private to the user."""

from __future__ import annotations

import os
from pathlib import Path

from voicechat.engine.door import runtime_dir

APP = "voicechat"


def config_dir() -> Path:
    import platformdirs  # 20 ms, which no `--help` has a use for

    return Path(os.environ.get("VOICECHAT_CONFIG_DIR") or platformdirs.user_config_dir(APP, appauthor=False))


def config_file() -> Path:
    return config_dir() / "config.toml"


def user_themes_dir() -> Path:
    return config_dir() / "themes"


def wished_state_dir() -> Path:
    """Where logs, tapes and what is remembered should lie."""
    import platformdirs

    return Path(os.environ.get("VOICECHAT_STATE_DIR") or platformdirs.user_state_dir(APP, appauthor=False))


def state_dir() -> Path:
    """Where they do lie. Created private (0700) because a log may tell what somebody does.

    A home that cannot be written costs the memory and not the talk: they go beside the doors of running engines then,
    which the next start of the computer sweeps away. Raises OSError where even that cannot be.
    """
    wished = wished_state_dir()
    path = Path(runtime_dir()) / "state" if why_not_writable(wished) else wished
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def why_not_writable(folder: Path) -> str:
    """Why nothing can be put into a folder, which is made if it is not there; empty if something can."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        return error.strerror or str(error)
    return "" if os.access(folder, os.W_OK | os.X_OK) else "no permission to write"


def device_memory_file() -> Path:
    """The microphone and loudspeaker that were chosen on the screen; the user's own file is never rewritten."""
    return state_dir() / "devices.json"


def device_names_file() -> Path:
    """Names of devices as they were listed last, for the completion of `--mic` and `--speaker`."""
    return state_dir() / "device-names.json"


def tapes_dir() -> Path:
    return state_dir() / "tapes"


def tapes_root(record: str) -> Path:
    """The folder that the setting `record` names; `default`, or nothing, is ours."""
    return Path(record).expanduser() if record not in ("", "default") else tapes_dir()


def service_memory_file() -> Path:
    """What worked at which address the last time; see `service_memory`."""
    return state_dir() / "services.json"


def engine_log() -> Path:
    """The engine's stderr (ALSA and PortAudio chatter, last words of a crash); kept below 1 MB."""
    path = state_dir() / "engine.log"
    if path.exists() and path.stat().st_size > 1_000_000:
        path.replace(path.with_suffix(".old.log"))
    return path


def spoken_words_dir() -> Path:
    """What scripts have said in the local voice; each text is spoken once."""
    return state_dir() / "spoken"

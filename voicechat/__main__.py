"""The console script. `--version` is answered before anything is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; ends the process with its exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from voicechat import __version__

        sys.stdout.write(f"voicechat {__version__}\n")
        return
    try:
        code = talk() if not sys.argv[1:] else obey(sys.argv[1:])
    except KeyboardInterrupt:  # while we were still importing
        code = 130
    sys.exit(code)


def talk() -> int:
    """`voicechat` alone: the screen, without paying for the option parser (50 ms)."""
    from voicechat.cli.chat import chat_command
    from voicechat.cli.edge import guarded

    return guarded(lambda: chat_command({}, None))


def obey(arguments: list[str]) -> int:
    from voicechat.cli.main import run_cli

    return run_cli(arguments)


if __name__ == "__main__":
    main()

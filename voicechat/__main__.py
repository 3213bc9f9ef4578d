"""The console script. `--version` and `ctl` are answered before anything heavy is imported."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; ends the process with its exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from voicechat import __version__

        sys.stdout.write(f"voicechat {__version__}\n")
        return
    if "_VOICECHAT_COMPLETE" in os.environ:
        from voicechat.cli.completion import complete

        sys.exit(complete(sys.argv[1:], os.environ))
    from voicechat.cli.edge import guarded, protect_the_terminal

    protect_the_terminal()
    if sys.argv[1:2] == ["ctl"]:
        from voicechat.cli.ctl import ctl_command

        sys.exit(guarded(lambda: ctl_command(sys.argv[2:])))
    try:
        code = obey(sys.argv[1:])
    except KeyboardInterrupt:  # while we were still importing
        code = 130
    sys.exit(code)


def obey(arguments: list[str]) -> int:
    """A chat starts, and a help is shown, without paying for the option parser; everything else is told to it."""
    from voicechat.cli.quick import chat_flags, help_wanted

    if (path := help_wanted(arguments)) is not None:
        from voicechat.cli.help import help_text

        sys.stdout.write(help_text(path) + "\n")
        return 0
    flags = chat_flags(arguments) if arguments else {}
    if flags is None:
        from voicechat.cli.main import run_cli

        return run_cli(arguments)
    from pathlib import Path

    from voicechat.cli.chat import chat_command
    from voicechat.cli.edge import guarded

    config = flags.pop("config", None)
    return guarded(lambda: chat_command(flags, Path(str(config)) if config else None))


if __name__ == "__main__":
    main()

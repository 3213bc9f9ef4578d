"""The only map from what happened to a process status. Commands end with it, the engine sends it in its goodbye."""

from __future__ import annotations

from voicechat.errors import AudioDeviceError, ConfigError, EngineError, SignallingError, TapeError, VoiceChatError

DONE = 0
FAILED_TURN = 1
USAGE = 2
CONNECTION = 3
AUDIO = 4
ENGINE_DIED = 5
INTERRUPTED = 130

BY_ERROR: tuple[tuple[type[VoiceChatError], int], ...] = (
    (ConfigError, USAGE),
    (TapeError, USAGE),
    (SignallingError, CONNECTION),
    (AudioDeviceError, AUDIO),
    (EngineError, ENGINE_DIED),
)


class TalkOver(VoiceChatError):
    """The talk cannot go on: `code` is the exit status, `sentences` say why, and what to do."""

    def __init__(self, code: int, *sentences: str) -> None:
        self.sentences = tuple(filter(None, sentences))
        super().__init__("".join(self.sentences[:1]), hint=" · ".join(self.sentences[1:]))
        self.code = code

    @property
    def reason(self) -> str:
        return " · ".join(self.sentences)


def exit_code(error: VoiceChatError) -> int:
    """The status for an error that ended a command."""
    if isinstance(error, TalkOver):
        return error.code
    return next((code for kind, code in BY_ERROR if isinstance(error, kind)), FAILED_TURN)

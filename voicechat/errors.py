"""Every exception of voicechat, drawn once. Imports nothing of ours, may be imported by all.

VoiceChatError
├── ConfigError            a setting, flag or file says something we cannot do (exit 2)
├── LocalProtocolError     we broke the protocol (a defect of ours)
├── RemoteProtocolError    the service broke the protocol
├── SignallingError        no line: address, network, key, quota or handshake (exit 3)
├── AudioDeviceError       no usable microphone, loudspeaker or sound file (exit 4)
├── TapeError              a recording cannot be read, or not be run again (exit 2)
└── EngineError            the engine process could not start or has died (exit 5)

Expected trouble during a talk is *data* (an event, then a Notice), never one of these.
"""

from __future__ import annotations


class VoiceChatError(Exception):
    """What happened in one sentence, and the next step for the user.

    `retryable` tells a caller whether trying the same thing again may work.
    """

    def __init__(self, message: str, *, hint: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigError(VoiceChatError):
    """A setting, a flag or a file asks for something that cannot be done."""


class LocalProtocolError(VoiceChatError):
    """We were about to break the protocol; a defect of ours."""


class RemoteProtocolError(VoiceChatError):
    """The service said something the protocol does not allow."""


class SignallingError(VoiceChatError):
    """No line could be opened: address, network, authorisation, quota or handshake."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool = False,
        status: int | None = None,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable)
        self.status = status
        """HTTP status of the refusal, where there was one."""
        self.code = code
        """The service's own error code, where it gave one."""
        self.retry_after = retry_after
        """Seconds the service asked us to wait."""


class AudioDeviceError(VoiceChatError):
    """No usable microphone, loudspeaker or sound file."""


class EngineError(VoiceChatError):
    """The engine process could not start, or has died."""


class TapeError(VoiceChatError):
    """A recording is none, is damaged, or was made by a version that knows more."""


def require_extra(extra: str, needs: str, *packages: str) -> None:
    """Raises ConfigError where a package of an extra is not installed; `needs`: who needs it. Loads nothing."""
    import importlib.util  # most commands need none

    if any(importlib.util.find_spec(name) is None for name in packages):
        hint = f'run pip install ".[{extra}]" in the folder of voicechat'
        raise ConfigError(f"{needs} the extra `{extra}`", hint=hint)


def port_taken(port: int, error: OSError, command: str) -> SignallingError:
    """Why a server of ours cannot listen."""
    why = f"Port {port} cannot be used ({error.strerror or error})."
    return SignallingError(why, hint=f"voicechat {command} --port 0 takes a free one")

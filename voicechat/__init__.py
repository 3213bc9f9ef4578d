"""voicechat: talk with an OpenAI-Realtime-compatible assistant in your terminal."""

__version__ = "0.1.0"

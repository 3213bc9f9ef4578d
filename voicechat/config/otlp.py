"""Where spans go: the checked address of `--otlp`. Keys travel in the SDK's own variables, never in the address."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from voicechat.config.settings import Settings
from voicechat.errors import ConfigError, require_extra
from voicechat.transports.endpoint import may_carry_key

EXTRA = ("otel", "traces need", "opentelemetry", "requests")
PATH = "/v1/traces"
HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


def otlp_endpoint(settings: Settings, environ: Mapping[str, str]) -> str:
    """The address that spans are posted to; empty without `--otlp`. Raises ConfigError where nothing could be sent."""
    url = settings.otlp.strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ConfigError("--otlp is no address of a collector", hint="for example --otlp http://127.0.0.1:4318")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError("--otlp has a key or a query in it", hint=f"give keys by the variable {HEADERS[0]}")
    if any(environ.get(name) for name in HEADERS) and not settings.insecure and not may_carry_key(url):
        why = f"the key will not be sent to {parts.hostname} without encryption"
        raise ConfigError(why, hint="use an https:// address for --otlp")
    require_extra(*EXTRA)
    return url if parts.path.endswith(PATH) else url.rstrip("/") + PATH

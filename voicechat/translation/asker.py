"""One request to the endpoint: which kind it speaks is found out once, and every way to fail is a value.

Nothing a server says is quoted (it may quote the key), no redirect is followed, and of an answer only so much is read
as any translation could need.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import aiohttp

from voicechat.errors import SignallingError
from voicechat.translation.asking import Kind, Translated, Useless, read_answer, request_body
from voicechat.translation.wish import Endpoint, Wish
from voicechat.transports.endpoint import proxy_for

LIMIT = 10.0
"""Seconds one request may take."""
LARGEST = 262_144
"""Bytes read of an answer."""
LONGEST_WAIT = 120.0
"""Seconds of a Retry-After that are obeyed; longer ones are asked again by then."""
_NOT_FOR_CHAT = ("embed", "rerank", "whisper", "bge-", "minilm", "tts", "moondream", "clip")


@dataclass(frozen=True, slots=True)
class Failed:
    """No translation. `again`: ask once more at once; `wait`: the service wants less (429); `never`: it cannot work."""

    kind: Literal["again", "wait", "line", "never"]
    why: str
    """Ends a sentence that begins with the host's name."""
    hint: str = ""
    after: float | None = None
    """Seconds the service asked for."""


Outcome = Translated | Useless | Failed
_REFUSED_KEY = Failed(
    "never", "refuses the key", "set VOICECHAT_TRANSLATE_KEY to a key of that service; no other is sent there"
)


class Asker:
    """Asks for translations into one language. Use on one loop; `close` at the end."""

    def __init__(self, wish: Wish, *, limit: float = LIMIT) -> None:
        self._language = wish.language
        self._at: Endpoint = wish.endpoint
        self._kind: Kind = "chat" if wish.endpoint.chat_url else "responses"
        self._limit = limit
        self._http: aiohttp.ClientSession | None = None

    @property
    def host(self) -> str:
        return self._at.host

    @property
    def model(self) -> str:
        """The model that is asked; empty while it is not known."""
        return self._at.model

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def ask(self, line: str) -> Outcome:
        """One line. Only a kind of endpoint that is not there is answered by trying the other."""
        if not self._at.model and (failed := await self._find_model()) is not None:
            return failed
        outcome, status = await self._once(line)
        if status in (404, 405) and self._kind == "chat" and self._at.responses_url:
            self._kind = "responses"
            outcome, status = await self._once(line)
            if status in (404, 405):
                self._kind = "chat"
        return outcome

    async def _once(self, line: str) -> tuple[Outcome, int]:
        url = self._at.chat_url if self._kind == "chat" else self._at.responses_url
        body = json.dumps(request_body(self._kind, self._at.model, self._language, line)).encode()
        reply = await self._exchange("POST", url, body)
        if isinstance(reply, Failed):
            return reply, 0
        status, raw, after = reply
        if status != 200:
            return self._refusal(status, after), status
        if len(raw) > LARGEST:
            return Useless("its answer is too large"), status
        return read_answer(raw, line), status

    async def _exchange(self, method: str, url: str, body: bytes | None) -> Failed | tuple[int, bytes, float | None]:
        """(status, at most `LARGEST` bytes and one more, Retry-After), or why there was no answer."""
        if self._http is None:
            self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        headers, query = self._credentials()
        try:
            async with (
                asyncio.timeout(self._limit),
                self._http.request(
                    method,
                    url,
                    data=body,
                    headers={**headers, "Content-Type": "application/json"},
                    params=query,
                    proxy=proxy_for(url),
                    allow_redirects=False,
                ) as response,
            ):
                raw = bytearray()
                async for part in response.content.iter_chunked(65_536):
                    raw += part
                    if len(raw) > LARGEST:
                        break
                return response.status, bytes(raw), _seconds(response.headers.get("Retry-After", ""))
        except TimeoutError:
            return Failed("again", f"did not answer within {self._limit:g} s")
        except SignallingError as error:
            return Failed("never", "cannot be reached through a proxy of that kind", error.hint)
        except aiohttp.ClientConnectorError:
            return Failed("again", "cannot be reached", "is the server running?")
        except (aiohttp.ClientError, OSError, ValueError):
            return Failed("again", "broke off")

    def _credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        at = self._at
        headers, query = dict(at.headers), dict(at.query)
        if at.key and at.auth_style == "bearer":
            headers["Authorization"] = f"Bearer {at.key}"
        elif at.key and at.auth_style == "api-key":
            headers["api-key"] = at.key
        elif at.key:
            query["api-key"] = at.key
        return headers, query

    def _refusal(self, status: int, after: float | None) -> Failed:
        match status:
            case 401 | 403:
                return replace(_REFUSED_KEY, why=f"{_REFUSED_KEY.why if self._at.key else 'wants a key'} ({status})")
            case 404 | 405:
                what = f"neither the endpoint nor a model {self._at.model}" if self._at.model else "no such endpoint"
                return Failed("never", f"has {what} ({status})", "check --translate-url and --translate-model")
            case 402:
                return Failed("never", "wants to be paid first (402)")
            case 429:
                return Failed("wait", "wants fewer requests (429)", after=after)
            case 503 if after is not None:
                return Failed("wait", "has no room now (503)", after=after)
            case _ if 300 <= status < 400:
                return Failed("never", f"sends us elsewhere ({status}), and we do not follow", "use the new address")
            case _ if status >= 500:
                return Failed("again", f"failed ({status})")
        return Failed("line", f"refused the request ({status})", "does the model take text? --translate-model")

    async def _find_model(self) -> Failed | None:
        """The first model of a server on this machine that can chat, judged by its name."""
        reply = await self._exchange("GET", self._at.models_url, None)
        if isinstance(reply, Failed):
            return reply
        named = _first_model(reply[1]) if reply[0] == 200 else ""
        if not named:
            return Failed("never", "names no model that could translate", "add --translate-model NAME")
        self._at = replace(self._at, model=named)
        return None


def _first_model(raw: bytes) -> str:
    try:
        listed: object = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    data: object = listed.get("data") if isinstance(listed, Mapping) else None
    entries = data if isinstance(data, list) else []
    names = [entry.get("id") for entry in entries if isinstance(entry, Mapping)]
    known = (name for name in names if isinstance(name, str) and 0 < len(name) <= 200)
    return next((name for name in known if not any(part in name.lower() for part in _NOT_FOR_CHAT)), "")


def _seconds(text: str) -> float | None:
    """A Retry-After in seconds; None for a date or anything else."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None

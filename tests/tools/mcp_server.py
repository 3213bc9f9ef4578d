"""A real MCP server over standard input and output, for tests: `python tests/tools/mcp_server.py [fault]`."""

from __future__ import annotations

import asyncio
import os
import sys

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import EmbeddedResource, ResourceLink, TextContent, TextResourceContents

server = MCPServer("test")


def add(first: int, second: int) -> int:
    """Add two whole numbers."""
    return first + second


def shout(text: str) -> str:
    """Say it loudly."""
    sys.stderr.write("this goes to stderr, as it must\n")
    sys.stderr.flush()
    return text.upper()


def fail() -> str:
    """Always fails."""
    raise ToolError("it is broken")


async def wait(seconds: float) -> str:
    """Take your time."""
    await asyncio.sleep(seconds)
    return "done"


def die() -> str:
    """End the server in the middle of a call."""
    os._exit(7)


def secret(name: str) -> str:
    """Whether a variable of the environment is seen."""
    return os.environ.get(name, "unseen")


def papers() -> list[TextContent | EmbeddedResource | ResourceLink]:
    """A result that is more than a text."""
    note = TextResourceContents(uri="memo://one", text="the memo itself")
    link = ResourceLink(type="resource_link", name="two", uri="memo://two")
    return [TextContent(type="text", text="Here:"), EmbeddedResource(type="resource", resource=note), link]


if __name__ == "__main__":
    if "dead" in sys.argv:
        sys.exit(3)
    if "slow" in sys.argv:
        asyncio.run(asyncio.sleep(60))
    for tool in (add, shout, fail, wait, die, secret, papers):
        server.add_tool(tool)
    server.run("stdio")

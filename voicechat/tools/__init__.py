"""Tools the model may call: functions of the user's own file and tools of MCP servers, described, allowed and run."""

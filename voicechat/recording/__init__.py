"""Tapes: what flowed through a session and what its core decided, written while it happens and read again later."""

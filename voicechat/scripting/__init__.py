"""Conversations that are driven and judged from a script."""

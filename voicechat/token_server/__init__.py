"""Gives out short-lived keys to clients that must not have the standard one (`voicechat token-server`)."""

"""The rules of a conversation, one file a rule or a close family; `core.step` lists them in order."""

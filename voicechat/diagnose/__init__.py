"""Why a conversation went wrong: one parsed model of the session, and small checks that each ask it one question."""

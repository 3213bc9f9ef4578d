"""What the event inspector knows, without a screen: entries kept, runs folded, queries asked, links followed.

Nothing here imports Textual, so all of it is tested and measured as plain data.
"""

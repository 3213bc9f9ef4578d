"""The conversation as lines of text: for screen readers, pipes and terminals that can do nothing else.

It is a client of the engine like the screen, and loads nothing of it that paints.
"""

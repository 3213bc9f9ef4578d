"""What can be done with a tape beside looking at it: compare two, hand one on, report a bug."""

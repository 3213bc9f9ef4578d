"""The pure core: everything that can happen is an event, everything we may do is an effect, time is an argument."""

"""From anybody's log to records: our tapes, JSON in all its wrappers, and text in which events were printed.

log.py        which kind of file this is, and all of it as records
decoding.py   bytes -> text: UTF-8, UTF-16, GBK, and what went through the wrong one
unwrapping.py JSON values -> events, out of whatever they are wrapped in
printed.py    lines of text -> events that were printed in them, and the client's own words
loose.py      objects that are nearly JSON: JavaScript, Python, Dart, Java, Swift
narration.py  what a client says of itself: muting, waiting, giving up, asking elsewhere
timing.py     times, and the second in which an id was made where a log has none
naming.py     what an event is called, and who sends it
"""

"""One question a file, and every file a check: it has `CODE`, `ON` and `look`, and is found by being here.

A check looks at one event and at the model (which has taken the event in already). What checks share is beside this
package.
"""

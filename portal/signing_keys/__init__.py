"""The keys that sign ID tokens: made by an explicit command, encrypted at rest, rotated without a gap.

A key is published from the moment it is made and signs from ``active_from``; the newest active key of
an algorithm signs. A retired key stays published until the last token it signed has expired. No key is
ever made silently at start.
"""

"""Codes and tokens: mint, redeem once, revoke. No HTTP, no Authlib.

A code and the access token it turns into are one row, so that single use is one conditional UPDATE
that happens before anything is signed. Only digests are stored.
"""

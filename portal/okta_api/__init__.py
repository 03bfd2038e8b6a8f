"""Okta's wire and nothing of ours: users, groups, the System Log, the schema, tokens, limits, errors.

Knows neither Flask nor SQLAlchemy, as ``verifeye`` does not.
"""

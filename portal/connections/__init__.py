"""The connection to an Okta organisation: its record, its sealed credential, and the client made from it."""

"""Faults under load: people sign in while parts of the site are killed, and nothing may be lost."""

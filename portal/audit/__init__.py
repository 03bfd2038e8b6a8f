"""What happened, written in the same commit as the change it tells of.

``events`` names every event and the exact fields it must carry; ``log.record`` is the only writer.
No field ever holds a token, a code, a secret, a document number or a name.
"""

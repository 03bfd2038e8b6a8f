"""Mail: written from templates, delivered by SMTP, or into a folder for the demo.

``composing`` makes a message, ``delivery`` hands it over. Both are made of the standard library's ``email``
and ``smtplib``, which are maintained with the language and verify certificates; a mail is one side effect of
the outbox, so nothing of a web framework's mail extension is needed. The room knows neither people nor
invitations.
"""

from portal.mail.composing import compose
from portal.mail.delivery import folder, is_on, probe, send

__all__ = ["compose", "folder", "is_on", "probe", "send"]

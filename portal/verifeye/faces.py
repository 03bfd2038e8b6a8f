"""Deleting a face: a guess, kept by itself, because the vendor's documentation names no path for it.

VerifEye says that faces can be deleted, not how. Whoever learns the real request mends this module and
nothing else; the sandbox answers the same request. Until then a real VerifEye answers 404, which the
client reports as "not offered", and the operator deletes the face in the vendor's console.
"""

#: Where the request goes, below the Service API's origin.
DELETION_PATH = "/v1/face/delete"


def deletion(external_id: str | None, face_id: str | None) -> dict[str, str]:
    """Return the JSON body that asks to forget a face; raises ``ValueError`` if none is named."""
    named = {"externalId": external_id, "faceId": face_id}
    body = {name: value for name, value in named.items() if value}
    if not body:
        raise ValueError("a face is deleted by its external id, its face id, or both")
    return body


def receipt(document: object) -> str:
    """Return the vendor's receipt in ``document`` for the records, or a word that there is none."""
    if isinstance(document, dict) and isinstance(document.get("receipt"), str) and document["receipt"]:
        return str(document["receipt"])[:128]
    return "deleted, no receipt given"

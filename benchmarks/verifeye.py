"""A stand-in for VerifEye's Service API that costs next to nothing: it keeps nothing, and everybody passes.

``python -m benchmarks.verifeye PORT`` serves it. The face that it reports for a session is in the session's
own id, which the load generator makes up (:func:`returned`): so the answer needs no memory.
"""

import asyncio
import itertools
import json
import sys
import time

from portal.verifeye import signing

API_KEY = "the-api-key-of-the-benchmark"
_LIFETIME = 900

_serial = itertools.count(1)


def returned(state: str, face: int) -> str:
    """Return the query with which VerifEye sends back somebody who passed, in the documented order."""
    session = f"{face:08x}{next(_serial):024x}"
    query = (
        f"reVerificationSessionId={session}&reVerificationResult=passed&reLivenessResult=passed"
        f"&reFaceRecognitionResult=passed&reFaceId={_face_id(session)}&state={state}"
    )
    return f"{query}&{signing.SIGNATURE}={signing.sign(query, API_KEY)}"


def face_of(person: int) -> str:
    """Return the name that VerifEye has for the face of the person with that number."""
    return f"face-{person:08x}"


def _face_id(session: str) -> str:
    return f"face-{session[:8]}"


class _Api(asyncio.Protocol):
    """One connection: three operations, told apart by their paths."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._answer_one():
            pass

    def _answer_one(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return False
        path = self._buffer.split(b" ", 2)[1].decode()
        body = self._buffer[end + 4 : end + 4 + length]
        self._buffer = self._buffer[end + 4 + length :]
        document = json.dumps(_operation(path, body)).encode()
        self._transport.write(  # type: ignore[attr-defined]
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (len(document), document)
        )
        return True


def _operation(path: str, body: bytes) -> dict[str, str]:
    if path.startswith("/v1/verification/get-session-result?"):
        session = path.rpartition("=")[2]
        return {
            "verificationSessionId": session,
            "verificationResult": "passed",
            "livenessResult": "passed",
            "faceRecognitionResult": "passed",
            "faceId": _face_id(session),
        }
    query = json.loads(body)["queryString"] if body else ""
    if path == "/v1/signature/validate":
        return {"result": "Valid" if signing.verify(query, API_KEY) else "Invalid"}
    if path == "/v1/signature/create":
        query += f"&reExpiration={int(time.time()) + _LIFETIME}&reNonce={next(_serial):032x}"  # noqa: TID251
        return {"signedQueryString": f"{query}&{signing.SIGNATURE}={signing.sign(query, API_KEY)}"}
    return {}


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Api, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))

"""VerifEye's stand-in for many people at once, and the audit log's receiver; both remember what they said.

It signs, validates and reports by the vendor's published rules, for one configuration, in memory. It can be
away, slow, or answer rubbish. Unlike the sandbox it has no pages: whoever is sent there is looked at at once.
"""

import asyncio
import hashlib
import itertools
import json
from collections.abc import Awaitable, Callable
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from portal import clock, credentials
from portal.verifeye import faces, signing

API_KEY = "a-verifeye-key-for-the-chaos-alone"
#: Longer than the portal waits for VerifEye (``verifeye_read_timeout``).
SLOW_SECONDS = 7.0

_Answer = tuple[int, str]
_PASSED, _FAILED = "passed", "failed"


class Mood(StrEnum):
    """How the API answers at the moment."""

    WELL = "well"
    SLOW = "slow"
    RUBBISH = "rubbish"


class JsonServer:
    """An HTTP/1.1 server on loopback that hands each request to ``answer`` and may be taken away."""

    def __init__(self, answer: Callable[[str, str, bytes], Awaitable[_Answer]]) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse every connection, and break those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, target, _ = head.split("\r\n")[0].split(" ")
                size = head.lower().partition("\r\ncontent-length: ")[2].partition("\r\n")[0]
                body = await reader.readexactly(int(size or 0))
                status, text = await self._answer(method, target, body)
                lead = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
                writer.write(f"{lead}\r\n\r\n{text}".encode())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # it went away, or we do
        finally:
            self._open.discard(writer)
            writer.transport.abort()


class StandIn(JsonServer):
    """VerifEye. ``looked_at`` holds every session and whether it passed: what a wrong pass is measured by."""

    def __init__(self, result_url: str) -> None:
        super().__init__(self._api)
        self._result_url = result_url
        self._used: set[str] = set()
        self._rubbish = itertools.cycle(_RUBBISH)
        self.looked_at: dict[str, bool] = {}
        self._external: dict[str, str] = {}
        self.mood = Mood.WELL

    @property
    def origin(self) -> str:
        """Where the portal finds it."""
        return f"http://127.0.0.1:{self.port}"

    def visit(self, link: str, *, is_the_person: bool) -> str:
        """Look at who was sent here and return the address to go back to; ``ValueError`` for a bad link."""
        query = urlsplit(link).query
        values = dict(parse_qsl(query))
        if not signing.verify(query, API_KEY) or values["reNonce"] in self._used:
            raise ValueError("a link that is not VerifEye's, or was used")
        self._used.add(values["reNonce"])
        session = credentials.random_hex(128)
        self.looked_at[session] = is_the_person
        self._external[session] = values["reExternalId"]
        verdict = _PASSED if is_the_person else _FAILED
        query = (
            f"state={values['state']}&reVerificationSessionId={session}&reFaceId={self._face(session)}"
            f"&reVerificationResult={verdict}&reLivenessResult=passed&reFaceRecognitionResult={verdict}"
        )
        return f"{self._result_url}?{query}&{signing.SIGNATURE}={signing.sign(query, API_KEY)}"

    async def _api(self, method: str, target: str, body: bytes) -> _Answer:
        if self.mood is Mood.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        if self.mood is Mood.RUBBISH:
            return next(self._rubbish)
        path = urlsplit(target).path
        if path == "/v1/signature/create":
            asked = json.loads(body)
            until = clock.epoch() + asked["securitySettings"]["expirationInSeconds"]
            query = f"{asked['queryString']}&reExpiration={until}&reNonce={credentials.random_hex(128)}"
            signed = f"{query}&{signing.SIGNATURE}={signing.sign(query, API_KEY)}"
            return 200, json.dumps({"signedQueryString": signed})
        if path == "/v1/signature/validate":
            is_valid = signing.verify(json.loads(body)["queryString"], API_KEY)
            return 200, json.dumps({"result": "Valid" if is_valid else "Invalid"})
        if path == faces.DELETION_PATH:
            return 200, json.dumps({"receipt": "chaos"})
        session = dict(parse_qsl(urlsplit(target).query)).get("verificationSessionId", "")
        if session not in self.looked_at:
            return 404, "{}"
        verdict = _PASSED if self.looked_at[session] else _FAILED
        return 200, json.dumps({
            "verificationSessionId": session, "externalId": self._external[session],
            "verificationResult": verdict, "livenessResult": _PASSED, "faceRecognitionResult": verdict,
            "faceId": self._face(session),
        })  # fmt: skip

    def _face(self, session: str) -> str:
        seen = f"{self._external[session]}/{self.looked_at[session]}"
        return hashlib.sha256(seen.encode()).hexdigest()[:32]


#: What a broken service might say. Some of it says "passed", about nobody or about somebody else.
_RUBBISH: tuple[_Answer, ...] = (
    (200, "<html>It works!</html>"),
    (200, "[]"),
    (200, json.dumps({"verificationResult": "passed"})),
    (200, json.dumps({
        "verificationSessionId": "0" * 32, "verificationResult": "passed", "livenessResult": "passed",
        "faceRecognitionResult": "passed",
    })),
    (200, json.dumps({"result": "valid", "signedQueryString": "state=0&reSignature=0"})),
    (500, "{}"),
    (200, "{" * 3000),
    (302, "{}"),
)  # fmt: skip


class AuditReceiver(JsonServer):
    """Takes the audit log's batches, as an outside system would, and remembers every place in the chain."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self.places: set[int] = set()
        self.taken_again = 0

    async def _take(self, method: str, target: str, body: bytes) -> _Answer:
        places = [event["sequence"] for event in json.loads(body)["events"]]
        self.taken_again += sum(place in self.places for place in places)
        self.places.update(places)
        return 200, "{}"

    @property
    def missing(self) -> int:
        """How many places between the first and the last were never delivered."""
        return max(self.places) - min(self.places) + 1 - len(self.places) if self.places else 0

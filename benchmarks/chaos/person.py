"""A person who signs in, and the client that redeems the code: each does what one does when it fails.

A person follows what pages say, and reloads a page that did not come. Whoever cannot go on starts again
at the client. The client of every fourth pushes its request first. Each answer goes into the ledger, and
what must never be seen is noted there in words.
"""

import asyncio
import base64
import hashlib
import html
import json
import re
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.chaos import scene
from benchmarks.chaos.http1 import Connection, NoAnswer, Place, Reply
from benchmarks.chaos.ledger import Attempt, Ledger, Trouble
from benchmarks.chaos.stand_in import StandIn
from portal import clock

VERIFIER = "chaos-verifier-0123456789-0123456789-0123456789"
_CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
AUTHORIZE, RESULT, RESUME, TOKEN, PAR = (
    "/v1/openid/authorize", "/v1/openid/verify-result", "/v1/openid/continue", "/v1/openid/token",
    "/oauth2/par",
)  # fmt: skip
#: What a page says that a request_uri does not open: it was opened, or another browser opened it.
_NOT_OPENED = (400, 403)
LOST_OPENING = "begun anew: the answer that opened the pushed request was lost"

#: What an answer may be while something is down; each has to say when to come back.
_COME_BACK = (429, 502, 503, 504)
#: The first reload comes at once, as people are; then they wait longer each time, up to what the page asks.
_FIRST_RELOAD, _MORE_EACH_TIME, _LAST_RELOAD = 1.0, 2.0, 10.0
#: Reloads of one page, and attempts of one person, before they give up: far beyond every fault's length.
_MOST_RELOADS = 40
_MOST_ATTEMPTS = 12
_MOST_HOPS = 300

_FORM = re.compile(r'<form method="post" action="([^"]+)"(.*?)</form>', re.S)
_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_WAY_ON = re.compile(r'<a [^>]*href="([^"]*/v1/openid/continue\?link=[^"]+)"')


class World:
    """What everybody shares: the places where the portal is reached, VerifEye, the clock and the ledger.

    ``places`` are the doors of the portal: one, where a proxy is in front, or each node's own. ``door`` says
    which of them a method and a path go to.
    """

    def __init__(
        self,
        places: Sequence[Place],
        issuer: str,
        verifeye: StandIn,
        ledger: Ledger,
        *,
        door: Callable[[str, str], int] = lambda method, path: 0,
        now: Callable[[], float],
    ) -> None:
        self.places, self.issuer, self.verifeye, self.ledger = places, issuer, verifeye, ledger
        self.door, self.now = door, now
        self.keys: dict[str, rsa.RSAPublicKey] = {}

    def note_keys(self, jwks: str) -> None:
        """Take the portal's published keys, by which ID tokens are checked."""
        for key in json.loads(jwks)["keys"]:
            number = {name: int.from_bytes(_decoded(key[name]), "big") for name in ("n", "e")}
            self.keys[key["kid"]] = rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()


class Person:
    """One person with one browser, who signs in once; ``number`` decides what else they do on the way."""

    def __init__(self, world: World, login: str, number: int) -> None:
        self._world, self._login, self._number = world, login, number
        self._connections = [Connection(place) for place in world.places]
        self._cookies: dict[str, str] = {}
        self._asked = 0.0

    async def sign_in(self) -> None:
        """Sign in, starting again as often as it takes, within reason."""
        try:
            for again in range(_MOST_ATTEMPTS):
                attempt = Attempt(
                    f"{self._number}-{again}", self._login, impostor=self._number % 17 == 3 and not again
                )
                self._world.ledger.attempts.append(attempt)
                try:
                    attempt.end = await self._attempt(attempt)
                except _GaveUp:
                    attempt.end = "gave up"
                if not attempt.end.startswith("begun anew"):
                    return
                await asyncio.sleep(_FIRST_RELOAD)
        finally:
            for connection in self._connections:
                connection.close()

    async def _attempt(self, attempt: Attempt) -> str:
        method, target, body = "GET", await self._way_in(attempt), ""
        for _ in range(_MOST_HOPS):
            if target.startswith(scene.REDIRECT_URI):
                return await self._arrived(target, attempt)
            path = urlsplit(target).path
            if path == RESUME and self._number % 11 == 5:
                await self._open_twice(target, attempt)
            reply = await self._in_two_browsers(target, attempt) if self._shares(path, attempt) else None
            if reply is None:
                reply = await self._until_answered(method, target, body, attempt)
            method, body, came_from = "GET", "", target
            if reply.status == 303:
                target = reply.headers["location"]
                attempt.opened |= path == AUTHORIZE
                if target.startswith(self._world.verifeye.origin):
                    target = self._world.verifeye.visit(target, is_the_person=not attempt.impostor)
                elif path == RESULT and not attempt.impostor:
                    attempt.told_verified = True
                elif path == RESUME and attempt.impostor and not target.startswith(scene.REDIRECT_URI):
                    return "turned away"
                if not target.startswith(scene.REDIRECT_URI):
                    target = target.removeprefix(self._world.issuer)
                continue
            form, way_on = _start_form(reply.text), _WAY_ON.search(reply.text)
            if reply.status == 200 and form is not None:
                method, target, body = "POST", urljoin(came_from, form[0]), form[1]
            elif way_on is not None:
                target = html.unescape(way_on[1])
            elif reply.status == 200:
                return "refused"
            else:
                return self._dead_end(path, reply, attempt)
        return self._never(attempt, "was sent in circles")

    async def _way_in(self, attempt: Attempt) -> str:
        """Be the client: return the address to send the person to, after pushing the request where it does.

        A push whose answer did not come is made again: nobody knows the first one's request_uri.
        """
        asked = {
            "client_id": scene.CONFIGURATION, "redirect_uri": scene.REDIRECT_URI, "response_type": "code",
            "scope": "openid profile email", "state": attempt.state, "nonce": f"nonce-{attempt.state}",
            "login_hint": attempt.login, "code_challenge": _CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip
        if self._number % 4 != 2:
            return f"{AUTHORIZE}?{urlencode(asked)}"
        form = urlencode(asked | {"client_secret": scene.SECRET})
        reply = await self._until_answered("POST", PAR, form, attempt)
        if reply.status != 201:
            self._never(attempt, f"could not push its request: {reply.status} {reply.text[:200]}")
            raise _GaveUp
        attempt.request_uri, attempt.pushed_at = json.loads(reply.text)["request_uri"], clock.epoch()
        opening = {"client_id": scene.CONFIGURATION, "request_uri": attempt.request_uri}
        return f"{AUTHORIZE}?{urlencode(opening)}"

    def _shares(self, path: str, attempt: Attempt) -> bool:
        """Say whether somebody else opens this person's request_uri at the same moment."""
        return path == AUTHORIZE and attempt.request_uri is not None and self._number % 20 == 2

    async def _in_two_browsers(self, target: str, attempt: Attempt) -> Reply | None:
        """Open a request_uri in this browser and in one without its cookies; go on in the one it opened in.

        ``None`` if neither got an answer that says so: then it is simply loaded again.
        """
        tabs = [Connection(place) for place in (*self._world.places, *self._world.places)[:2]]
        self._asked = self._world.now()
        browsers = (self._headers(), {"Referer": f"{self._world.issuer}/"})
        asking = [tab.ask("GET", target, sent) for tab, sent in zip(tabs, browsers, strict=True)]
        try:
            replies = await asyncio.gather(*asking, return_exceptions=True)
        finally:
            for tab in tabs:
                tab.close()
        opened = []
        for reply in replies:
            if isinstance(reply, NoAnswer):
                self._trouble(AUTHORIZE, f"no answer ({reply})", attempt, is_honest=True)
            elif isinstance(reply, BaseException):
                raise reply
            elif reply.status == 303:
                opened.append(reply)
            elif reply.status not in _NOT_OPENED:
                self._trouble(AUTHORIZE, str(reply.status), attempt, is_honest=_is_honest(reply))
        if len(opened) > 1:
            self._never(attempt, "opened one request_uri in two browsers")
        if not opened:
            return None
        self._keep_cookies(opened[0])
        return opened[0]

    def _dead_end(self, path: str, reply: Reply, attempt: Attempt) -> str:
        """Say what it means that no page leads on.

        "Already used" is what is left where the answer with the code was lost: the code is minted once, and
        who got it cannot be known. Likewise where the answer with the cookie was lost that opened a pushed
        request: it is opened once, and only that browser may load it again. A proxy may have met the loss
        and asked another node without the browser's knowing, so it counts as a trouble of this moment. A
        loss of either that the browser saw is noted already; whoever waited before loading the page again
        may learn what it meant long after the fault. Anything else that leads nowhere is a trouble of its
        own, whatever the step had met before: no loss explains it.
        """
        if attempt.redeemed:
            return "signed in"
        if attempt.codes:
            return "begun anew: the answer with the token was lost"
        is_opening = path == AUTHORIZE and attempt.request_uri is not None and reply.status in _NOT_OPENED
        if not is_opening and reply.status not in (409, 410):
            return self._never(attempt, f"met {reply.status} at {path}")
        is_code = path == RESUME and reply.status == 409
        if path not in attempt.troubled or not (is_opening or is_code):
            self._trouble(path, f"{reply.status}, no way on", attempt, is_honest=True)
        if is_opening:
            return LOST_OPENING
        return "begun anew: the answer with the code was lost" if is_code else "begun anew: nothing led on"

    async def _open_twice(self, target: str, attempt: Attempt) -> None:
        """Open the link that gives the code in two tabs at once, by two doors if there are two."""
        tabs = [Connection(place) for place in (*self._world.places, *self._world.places)[:2]]
        self._asked = self._world.now()
        try:
            replies = await asyncio.gather(
                *(tab.ask("GET", target, self._headers()) for tab in tabs), return_exceptions=True
            )
        finally:
            for tab in tabs:
                tab.close()
        for reply in replies:
            if isinstance(reply, NoAnswer):
                self._trouble(RESUME, f"no answer ({reply})", attempt, is_honest=True)
            elif isinstance(reply, BaseException):
                raise reply
            elif reply.status >= 500:
                self._trouble(RESUME, str(reply.status), attempt, is_honest=_is_honest(reply))
            elif (place := reply.headers.get("location", "")).startswith(scene.REDIRECT_URI):
                await self._arrived(place, attempt)

    async def _arrived(self, target: str, attempt: Attempt) -> str:
        """Be the client: check what came back and redeem the code."""
        answer = dict(parse_qsl(urlsplit(target).query))
        if answer.get("state") != attempt.state or answer.get("iss") != self._world.issuer:
            return self._never(attempt, "came back with another's state or issuer")
        code = answer.get("code")
        if code is None:
            return f"begun anew: {answer.get('error')}"
        if attempt.impostor:
            self._never(attempt, "was given a code though VerifEye had said failed")
        if attempt.codes:
            self._never(attempt, "was given a second code")
        attempt.codes.append(code)
        form = {
            "grant_type": "authorization_code", "client_id": scene.CONFIGURATION,
            "client_secret": scene.SECRET, "redirect_uri": scene.REDIRECT_URI, "code_verifier": VERIFIER,
            "code": code,
        }  # fmt: skip
        reply = await self._until_answered("POST", TOKEN, urlencode(form), attempt)
        if reply.status != 200:
            if TOKEN in attempt.troubled:
                return "begun anew: the answer with the token was lost"
            return self._never(attempt, f"could not redeem a fresh code: {reply.status} {reply.text[:200]}")
        attempt.redeemed += 1
        self._check(json.loads(reply.text)["id_token"], attempt)
        if self._number % 13 == 7:
            again = await self._until_answered("POST", TOKEN, urlencode(form), attempt)
            if again.status == 200:
                attempt.redeemed += 1
                self._never(attempt, "redeemed one code twice")
        return "signed in"

    def _check(self, id_token: str, attempt: Attempt) -> None:
        """Be the client: check signature, nonce and whom the token speaks of."""
        head, claims, signature = id_token.split(".")
        key = self._world.keys[json.loads(_decoded(head))["kid"]]
        try:
            key.verify(_decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            self._never(attempt, "was given an ID token with a wrong signature")
        told = json.loads(_decoded(claims))
        if told["nonce"] != f"nonce-{attempt.state}" or told["preferred_username"] != attempt.login:
            self._never(attempt, "was given an ID token about somebody else")

    async def _until_answered(self, method: str, target: str, body: str, attempt: Attempt) -> Reply:
        path = urlsplit(target).path
        for again in range(_MOST_RELOADS):
            self._world.ledger.retries += again > 0
            self._asked = self._world.now()
            try:
                connection = self._connections[self._world.door(method, path)]
                reply = await connection.ask(method, target, self._headers(), body)
            except NoAnswer as none:
                self._trouble(path, f"no answer ({none})", attempt, is_honest=True)
            else:
                self._keep_cookies(reply)
                self._world.ledger.answers[f"{path} {reply.status}"] += 1
                if reply.status < 500 and reply.status != 429:
                    return reply
                self._trouble(path, str(reply.status), attempt, is_honest=_is_honest(reply))
            await asyncio.sleep(min(_FIRST_RELOAD + again * _MORE_EACH_TIME, _LAST_RELOAD))
        raise _GaveUp

    def _trouble(self, step: str, what: str, attempt: Attempt, *, is_honest: bool) -> None:
        attempt.troubled.append(step)
        self._world.ledger.troubles.append(Trouble(self._asked, self._world.now(), step, what, is_honest))

    def _never(self, attempt: Attempt, words: str) -> str:
        self._world.ledger.wrongs.append(f"attempt {attempt.state} {words}")
        return f"wrong: {words}"

    def _headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        known = {"Cookie": cookies} if cookies else {}
        return known | {"Referer": f"{self._world.issuer}/", "Origin": self._world.issuer}

    def _keep_cookies(self, reply: Reply) -> None:
        for cookie in reply.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value


class _GaveUp(Exception):
    """A page did not come however often it was reloaded."""


def _is_honest(reply: Reply) -> bool:
    return reply.status in _COME_BACK and "retry-after" in reply.headers


def _start_form(page: str) -> tuple[str, str] | None:
    """Return where the form that starts the camera check goes, and its fields, if the page has it."""
    for action, rest in _FORM.findall(page):
        fields = {name: html.unescape(value) for name, value in _FIELD.findall(rest)}
        if "consent_version" in fields:
            return html.unescape(action), urlencode(fields)
    return None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

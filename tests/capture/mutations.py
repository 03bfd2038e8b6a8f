"""Ways to change a genuine return: seeded, so that a failure can be repeated."""

import random  # noqa: TID251 - repeatable chance, which guards nothing
from collections.abc import Callable, Iterator

Pairs = list[tuple[str, str]]

_OUTCOMES = ("passed", "failed", "not_executed")
_ODD = (
    "",
    "passed",
    "failed",
    "PASSED",
    "true",
    "1",
    "0",
    "%00",
    "%0A",
    "%FF",
    "%u0070",
    "null",
    "[]",
    "+",
    "%2B",
)
_NAMES = (
    "state", "State", "reState", "reVerificationResult", "reLivenessResult", "reFaceRecognitionResult",
    "reVerificationSessionId", "reSignature", "reExternalId", "reNonce", "reExpiration", "reFaceId", "code",
    "redirect_uri", "reresult", "re", "passed", "link",
)  # fmt: skip


def split(query: str) -> Pairs:
    """Return the query's raw names and values, undecoded."""
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]


def join(pairs: Pairs) -> str:
    """Put a query together again."""
    return "&".join(f"{name}={value}" for name, value in pairs)


def _somewhere(pairs: Pairs, dice: random.Random) -> int:
    return dice.randrange(len(pairs))


def _delete(pairs: Pairs, dice: random.Random) -> str:
    del pairs[_somewhere(pairs, dice)]
    return join(pairs)


def _empty(pairs: Pairs, dice: random.Random) -> str:
    at = _somewhere(pairs, dice)
    pairs[at] = (pairs[at][0], "")
    return join(pairs)


def _duplicate(pairs: Pairs, dice: random.Random) -> str:
    pairs.insert(dice.randrange(len(pairs) + 1), dice.choice(pairs))
    return join(pairs)


def _duplicate_recased(pairs: Pairs, dice: random.Random) -> str:
    name, value = dice.choice(pairs)
    pairs.insert(dice.randrange(len(pairs) + 1), (name.swapcase(), value))
    return join(pairs)


def _contradict(pairs: Pairs, dice: random.Random) -> str:
    name, _ = dice.choice(pairs)
    pairs.insert(dice.randrange(len(pairs) + 1), (name, dice.choice(_OUTCOMES)))
    return join(pairs)


def _recase_name(pairs: Pairs, dice: random.Random) -> str:
    at = _somewhere(pairs, dice)
    name, value = pairs[at]
    pairs[at] = (dice.choice((name.upper(), name.lower(), name.swapcase(), name.capitalize())), value)
    return join(pairs)


def _recase_value(pairs: Pairs, dice: random.Random) -> str:
    at = _somewhere(pairs, dice)
    name, value = pairs[at]
    letters = [i for i, letter in enumerate(value) if letter.isalpha()]
    if dice.random() < 0.5 or not letters:
        value = value.swapcase()
    else:
        one = dice.choice(letters)
        value = value[:one] + value[one].swapcase() + value[one + 1 :]
    pairs[at] = (name, value)
    return join(pairs)


def _reorder(pairs: Pairs, dice: random.Random) -> str:
    dice.shuffle(pairs)
    return join(pairs)


def _swap_neighbours(pairs: Pairs, dice: random.Random) -> str:
    at = dice.randrange(len(pairs) - 1)
    pairs[at], pairs[at + 1] = pairs[at + 1], pairs[at]
    return join(pairs)


def _swap_values(pairs: Pairs, dice: random.Random) -> str:
    one, other = dice.sample(range(len(pairs)), 2)
    (a, x), (b, y) = pairs[one], pairs[other]
    pairs[one], pairs[other] = (a, y), (b, x)
    return join(pairs)


def _escape(pairs: Pairs, dice: random.Random) -> str:
    at = _somewhere(pairs, dice)
    name, value = pairs[at]
    where = dice.choice(("name", "value"))
    text = name if where == "name" else value
    if not text:
        return join(pairs)
    i = dice.randrange(len(text))
    shape = dice.choice(("%{:02X}", "%{:02x}", "%25{:02X}", "%u00{:02X}"))
    text = text[:i] + shape.format(ord(text[i])) + text[i + 1 :]
    pairs[at] = (text, value) if where == "name" else (name, text)
    return join(pairs)


def _append(pairs: Pairs, dice: random.Random) -> str:
    pairs.insert(dice.randrange(len(pairs) + 1), (dice.choice(_NAMES), dice.choice(_ODD)))
    return join(pairs)


def _change_character(pairs: Pairs, dice: random.Random) -> str:
    at = _somewhere(pairs, dice)
    name, value = pairs[at]
    if value:
        i = dice.randrange(len(value))
        value = value[:i] + dice.choice("0123456789abcdefgz-_.~") + value[i + 1 :]
    pairs[at] = (name, value)
    return join(pairs)


def _change_value(pairs: Pairs, dice: random.Random) -> str:
    at = _somewhere(pairs, dice)
    pairs[at] = (pairs[at][0], dice.choice(_ODD + _OUTCOMES))
    return join(pairs)


def _pad(pairs: Pairs, dice: random.Random) -> str:
    at = _somewhere(pairs, dice)
    name, value = pairs[at]
    pairs[at] = dice.choice(
        [
            (name, value + "%20"),
            (name, "%20" + value),
            (name + "%20", value),
            (name, value + "%00"),
            (name, value + "+"),
        ]
    )
    return join(pairs)


def _punctuate(pairs: Pairs, dice: random.Random) -> str:
    query = join(pairs)
    at = dice.choice([i for i, letter in enumerate(query) if letter in "&="])
    return dice.choice(
        [
            query[:at] + "&" + query[at:],
            query[:at] + ";" + query[at + 1 :],
            query[:at] + query[at + 1 :],
            query + "&", "&" + query, "?" + query, query + "%23",
            query[:at] + "%26" + query[at + 1 :],
        ]
    )  # fmt: skip


def _truncate(pairs: Pairs, dice: random.Random) -> str:
    query = join(pairs)
    return query[: dice.randrange(len(query))]


def _lengthen(pairs: Pairs, dice: random.Random) -> str:
    return join([*pairs, ("reCorrelationId", "a" * dice.choice((1, 100, 5000)))])


ORDER = (_reorder, _swap_neighbours)
KINDS: tuple[Callable[[Pairs, random.Random], str], ...] = (
    _delete, _empty, _duplicate, _duplicate_recased, _contradict, _recase_name, _recase_value, _swap_values,
    _escape, _append, _change_character, _change_value, _pad, _punctuate, _truncate, _lengthen,
)  # fmt: skip


def mutated(query: str, *, count: int, seed: int, reordered: bool = True) -> Iterator[str]:
    """Return ``count`` different changes of ``query``, some made twice over, none the original."""
    dice = random.Random(seed)
    kinds = KINDS + ORDER if reordered else KINDS
    seen = {query}
    while len(seen) <= count:
        changed = dice.choice(kinds)(split(query), dice)
        if dice.random() < 0.2 and "=" in changed:
            changed = dice.choice(kinds)(split(changed), dice) if len(split(changed)) > 1 else changed
        if changed not in seen:
            seen.add(changed)
            yield changed

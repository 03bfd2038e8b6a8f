"""Who can be in front of the sandbox's camera."""

from dataclasses import dataclass

from portal import credentials


@dataclass(frozen=True, slots=True)
class Person:
    """A named face: what the verifiers would estimate, and how the page draws it."""

    key: str
    name: str
    age: int
    gender: str
    skin: str
    hair: str
    shirt: str
    cut: str
    glasses: bool = False


PEOPLE = (
    Person("amara", "Amara", 34, "female", "#8d5a3b", "#221814", "#c2413b", "bun"),
    Person("bela", "Béla", 52, "male", "#f0c9a4", "#8a8f98", "#2f6f8f", "beard", glasses=True),
    Person("chidi", "Chidi", 27, "male", "#6b4226", "#17110e", "#3d7a4e", "short"),
    Person("dana", "Dana", 41, "female", "#f3d3b8", "#b5562b", "#6a4c93", "long"),
    Person("elif", "Elif", 16, "female", "#dba878", "#3a2418", "#b8860b", "fringe"),
    Person("sam", "Sam", 29, "male", "#eebf98", "#4a2f1d", "#33658a", "short"),
)
_BY_KEY = {person.key: person for person in PEOPLE}

SOMEBODY_NEW = "somebody-new"
NO_FACE = "no-face"
TWO_FACES = "two-faces"

#: Every value the choice of a face may have.
FACES = (*_BY_KEY, SOMEBODY_NEW, NO_FACE, TWO_FACES)


@dataclass(frozen=True, slots=True)
class InFrontOfCamera:
    """What the camera sees: how many faces, and of the dominant one who it is and what is estimated."""

    count: int
    who: str = ""
    age: int = 0
    gender: str = ""


def look(face: str) -> InFrontOfCamera:
    """Return what the camera sees for ``face``, one of :data:`FACES`; each "somebody new" is another one."""
    if face == NO_FACE:
        return InFrontOfCamera(0)
    if face == SOMEBODY_NEW:
        return InFrontOfCamera(1, f"new-{credentials.random_hex(64)}", 30, "male")
    person = PEOPLE[0] if face == TWO_FACES else _BY_KEY[face]
    return InFrontOfCamera(2 if face == TWO_FACES else 1, person.key, person.age, person.gender)

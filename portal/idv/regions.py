"""Countries and their regions: codes and names for one thing.

Country names come from Unicode's CLDR through Babel, in English and in the country's own languages; the
regions, which people abbreviate only in three countries, are a table.
"""

from functools import cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.languages import get_official_languages

from portal.idv.text import normalise, plain

_REGIONS = {
    "US": (
        "AL Alabama;AK Alaska;AZ Arizona;AR Arkansas;CA California;CO Colorado;"
        "CT Connecticut;DE Delaware;DC District of Columbia;FL Florida;GA Georgia;HI Hawaii;"
        "ID Idaho;IL Illinois;IN Indiana;IA Iowa;KS Kansas;KY Kentucky;LA Louisiana;"
        "ME Maine;MD Maryland;MA Massachusetts;MI Michigan;MN Minnesota;MS Mississippi;"
        "MO Missouri;MT Montana;NE Nebraska;NV Nevada;NH New Hampshire;NJ New Jersey;"
        "NM New Mexico;NY New York;NC North Carolina;ND North Dakota;OH Ohio;OK Oklahoma;"
        "OR Oregon;PA Pennsylvania;RI Rhode Island;SC South Carolina;SD South Dakota;"
        "TN Tennessee;TX Texas;UT Utah;VT Vermont;VA Virginia;WA Washington;"
        "WV West Virginia;WI Wisconsin;WY Wyoming;PR Puerto Rico;GU Guam"
    ),
    "CA": (
        "AB Alberta;BC British Columbia;MB Manitoba;NB New Brunswick;"
        "NL Newfoundland and Labrador;NS Nova Scotia;NT Northwest Territories;NU Nunavut;"
        "ON Ontario;PE Prince Edward Island;QC Quebec;SK Saskatchewan;YT Yukon"
    ),
    "AU": (
        "ACT Australian Capital Territory;NSW New South Wales;NT Northern Territory;"
        "QLD Queensland;SA South Australia;TAS Tasmania;VIC Victoria;WA Western Australia"
    ),
}


#: What people write and CLDR does not.
_COMMON_NAMES = {
    "united states of america": "US", "usa": "US", "great britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "holland": "NL", "czech republic": "CZ", "turkey": "TR", "republic of korea": "KR",
    "korea": "KR", "viet nam": "VN", "russian federation": "RU",
}  # fmt: skip


def country(text: str) -> str:
    """Return the ISO 3166-1 alpha-2 code of a country given by code or name, or ``""`` if none is known."""
    folded = normalise(text)
    code = folded.upper().replace(".", "")
    if code in _alpha2():
        return code
    if len(code) in (2, 3) and code.isalnum():
        aliases = get_global("territory_aliases").get(code, [])
        if len(aliases) == 1:
            return str(aliases[0])
    return _names().get(_bare(folded), "")


def region(text: str) -> frozenset[str]:
    """Return what a region may be, as ``US-CA`` codes; empty if it is none that is abbreviated."""
    folded = normalise(text)
    code = folded.upper().replace(" ", "")
    if code in _region_codes():
        return frozenset({code})
    return frozenset(
        name
        for name, word in _region_codes().items()
        if name.partition("-")[2] == code or word == plain(folded)
    )


@cache
def _region_codes() -> dict[str, str]:
    found = {}
    for land, rows in _REGIONS.items():
        for row in rows.split(";"):
            code, _, name = row.partition(" ")
            found[f"{land}-{code}"] = plain(normalise(name))
    return found


@cache
def _alpha2() -> frozenset[str]:
    codes = map(str, Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha())


@cache
def _names() -> dict[str, str]:
    """Return every name of a country, folded, with its code; a name of two countries is left out."""
    found: dict[str, set[str]] = {}
    for code in _alpha2() - {"EU", "EZ", "UN", "ZZ", "QO", "XA", "XB"}:
        for language in ("en", *get_official_languages(code, de_facto=True)):
            try:
                names = Locale.parse(language).territories
            except (UnknownLocaleError, ValueError):
                continue
            if code in names:
                found.setdefault(_bare(normalise(names[code])), set()).add(code)
    for name, code in _COMMON_NAMES.items():
        found.setdefault(name, set()).add(code)
    return {name: next(iter(codes)) for name, codes in found.items() if name and len(codes) == 1}


def _bare(folded: str) -> str:
    """Return a name without punctuation and a leading article; other scripts keep their letters."""
    words = "".join(character if character.isalnum() else " " for character in folded).split()
    if words[:1] == ["the"]:
        words = words[1:]
    return " ".join(words)

"""What every HTML page of the portal must keep to, as plain functions.

``check_page`` takes a page as it was sent and raises ``AssertionError`` with every rule it breaks.
The strictness lives here once, so that any test that renders or fetches a page can demand it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import html5lib

MAX_PAGE_BYTES = 60_000
STATIC_ROOT = Path(__file__).resolve().parent.parent / "static"

_LABELLED = {"input", "select", "textarea"}
_UNLABELLED_INPUTS = {"hidden", "submit", "button", "image", "reset"}
_TARGET_SCHEMES = {"", "http", "https", "mailto", "tel"}


def check_page(html: str, headers: Mapping[str, str], *, root: Path = STATIC_ROOT) -> None:
    """Raise ``AssertionError`` listing every rule that the page and its response headers break."""
    try:
        document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    except html5lib.html5parser.ParseError as error:
        raise AssertionError(f"not valid HTML: {error}") from error
    policy = content_security_policy(headers)
    broken = [
        *_document(document),
        *_identities(document),
        *_forms(document, policy),
        *_scripts_and_styles(document, policy),
        *_links(document),
        *_weight(html, document, root),
    ]
    assert not broken, "the page breaks these rules:\n  " + "\n  ".join(broken)


def content_security_policy(headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the directives of the response's policy; raises ``AssertionError`` if there is none."""
    policy = headers.get("Content-Security-Policy")
    assert policy, "the page was sent without a Content-Security-Policy"
    directives = [part.split() for part in policy.split(";") if part.strip()]
    return {directive[0]: directive[1:] for directive in directives}


def text_of(element: Element) -> str:
    """Return an element's text as it is read: white space folded."""
    return " ".join("".join(element.itertext()).split())


def _document(document: Element) -> Iterator[str]:
    headings = list(document.iter("h1"))
    if len(headings) != 1:
        yield f"exactly one h1, found {len(headings)}"
    titles = [text_of(title) for title in document.findall("head/title")]
    if len(titles) != 1:
        yield f"exactly one title, found {len(titles)}"
    elif headings and not titles[0].removeprefix("Error: ").startswith(text_of(headings[0])):
        yield f"the title {titles[0]!r} begins with the words of the h1 {text_of(headings[0])!r}"
    if not document.get("lang"):
        yield "the html element says its language"
    if len(list(document.iter("main"))) != 1:
        yield "exactly one main"
    level = 0
    for element in document.iter():
        if isinstance(element.tag, str) and re.fullmatch("h[1-6]", element.tag):
            here = int(element.tag[1])
            before_the_h1 = level == 0 and here == 2  # an error summary or a notice stands above it
            if here > level + 1 and not before_the_h1:
                yield f"heading {text_of(element)!r} leaves out a level"
            level = here


def _identities(document: Element) -> Iterator[str]:
    counted = Counter(element.get("id") for element in document.iter() if element.get("id") is not None)
    for identity, times in counted.items():
        if times > 1:
            yield f"id {identity!r} is used {times} times"
    for element in document.iter():
        for attribute in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
            for wanted in (element.get(attribute) or "").split():
                if wanted not in counted:
                    yield f"{attribute}={wanted!r} names nothing on the page"
    for image in document.iter("img"):
        if image.get("alt") is None:
            yield f"the image {image.get('src')!r} has an alt"


def _forms(document: Element, policy: Mapping[str, list[str]]) -> Iterator[str]:
    labels = {label.get("for") for label in document.iter("label")}
    wrapped = {
        id(control) for label in document.iter("label") for control in label.iter() if control is not label
    }
    for control in document.iter():
        if control.tag not in _LABELLED or (control.get("type") or "").lower() in _UNLABELLED_INPUTS:
            continue
        bound = control.get("id") in labels or id(control) in wrapped or control.get("aria-label")
        if not bound:
            yield f"the control {control.get('name')!r} has a label"
    controls = {control.get("id") for control in document.iter() if control.tag in _LABELLED}
    for label in document.iter("label"):
        if label.get("for") not in controls and not any(child.tag in _LABELLED for child in label.iter()):
            yield f"the label {text_of(label)!r} is bound to a control"
    for form in document.iter("form"):
        action, method = form.get("action"), (form.get("method") or "").lower()
        if not action:
            yield "every form has an action"
            continue
        if method not in ("get", "post"):
            yield f"the form to {action!r} says its method"
        ours = not urlsplit(action).scheme and not action.startswith("//")
        tokens = [
            field for field in form.iter("input") if field.get("name") == "csrf_token" and field.get("value")
        ]
        if method == "post" and ours and len(tokens) != 1:
            yield f"the form to {action!r} carries one csrf_token, found {len(tokens)}"
        if tokens and (not ours or method != "post"):
            yield f"the form to {action!r} gives our csrf_token away"
        if not ours and not _allows(policy.get("form-action", []), action):
            yield f"the policy's form-action allows {action!r}"


def _allows(sources: list[str], url: str) -> bool:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" in sources or f"{parts.scheme}:" in sources


def _scripts_and_styles(document: Element, policy: Mapping[str, list[str]]) -> Iterator[str]:
    if "'unsafe-inline'" in str(policy) or "'unsafe-eval'" in str(policy):
        yield "the policy allows nothing unsafe"
    nonces = {f"'nonce-{script.get('nonce')}'" for script in document.iter("script")}
    for nonce in nonces:
        if nonce == "'nonce-None'" or nonce not in policy.get("script-src", []):
            yield f"every script carries the policy's nonce, found {nonce}"
    for script in document.iter("script"):
        if not script.get("src") or (script.text or "").strip():
            yield "no script stands in the page itself"
    if list(document.iter("style")):
        yield "no style stands in the page itself"
    for element in document.iter():
        for attribute in element.attrib:
            if attribute == "style" or attribute.startswith("on"):
                yield f"<{element.tag}> has no {attribute} attribute"


def _links(document: Element) -> Iterator[str]:
    identities = {element.get("id") for element in document.iter()}
    for link in document.iter("a"):
        href = link.get("href")
        words = text_of(link)
        if not href:
            yield f"the link {words!r} leads somewhere"
            continue
        if urlsplit(href).scheme.lower() not in _TARGET_SCHEMES:
            yield f"the link {words!r} leads to a usual address, not {href!r}"
        if href.startswith("#") and href[1:] not in identities:
            yield f"the link {words!r} leads to {href}, which is not on the page"
        if not words and not link.get("aria-label"):
            yield f"the link to {href!r} has words"
        if link.get("target") == "_blank" and "noopener" not in (link.get("rel") or ""):
            yield f"the link {words!r} opens a tab that cannot reach back (noopener)"


def _weight(html: str, document: Element, root: Path) -> Iterator[str]:
    parts = {"page": len(html.encode())}
    linked = [element.get("href") for element in document.iter("link")]
    for address in [*linked, *(e.get("src") for e in document.iter() if e.tag in ("script", "img"))]:
        path = unquote(urlsplit(address or "").path)
        if "/static/" not in path:
            continue
        file = root / path.partition("/static/")[2]
        if file.is_file():
            parts[file.name] = file.stat().st_size
        else:
            yield f"the linked file {path} exists"
    if sum(parts.values()) >= MAX_PAGE_BYTES:
        yield f"page, styles, scripts and pictures together stay under {MAX_PAGE_BYTES} bytes: {parts}"

"""Where VerifEye is: the two regions of its cloud, and addresses of one's own."""

from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The two origins of one region: the hosted page for people, the Service API for the portal.

    Neither ends in a slash; ``api_url`` is without the ``/v1`` that every API path begins with.
    """

    service_url: str
    api_url: str

    @property
    def encrypted(self) -> bool:
        """Say whether both are reached over https; only a sandbox on loopback may do without."""
        return self.service_url.startswith("https://") and self.api_url.startswith("https://")


#: The vendor's regions. One table of its documentation writes the API host with a doubled "api"; every
#: example has this form.
REGIONS = MappingProxyType(
    {
        region: Endpoints(
            f"https://verifeye-service-{region}.realeyes.ai",
            f"https://verifeye-service-api-{region}.realeyes.ai",
        )
        for region in ("eu", "us")
    }
)


def custom_endpoints(service_url: str, api_url: str) -> Endpoints:
    """Return the endpoints an operator gave, tidied; raises ``ValueError`` with a plain sentence."""
    return Endpoints(
        normalise_url(service_url, "The service URL"),
        normalise_url(api_url, "The API URL").removesuffix("/v1"),
    )


def normalise_url(url: str, what: str = "The URL") -> str:
    """Return ``url`` without trailing slashes; raises ``ValueError`` naming ``what`` if it is not usable.

    Usable is an absolute http or https URL with a host and without user name, query or fragment.
    """
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError(f"{what} must not contain spaces, control characters or letters outside ASCII.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # reading the port is what checks it
    except ValueError as error:
        raise ValueError(f"{what} is not a valid URL.") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError(f"{what} must begin with https:// (or http://) followed by a host.")
    if "@" in parts.netloc:
        raise ValueError(f"{what} must not contain a user name or password.")
    if "?" in url or "#" in url:
        raise ValueError(f"{what} must not contain a query or a fragment.")
    return url.rstrip("/")

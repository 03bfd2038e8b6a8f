"""A verification configuration as requests that only read it see it."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ConfigurationView:
    """A configuration that was not removed when it was read; ``VerificationConfiguration`` explains each."""

    id: str
    region: str
    service_url: str
    api_url: str
    api_key_sealed: str = field(repr=False)
    match_mode: str
    required_verifiers: tuple[str, ...]
    sign_locally: bool
    result_order: tuple[str, ...] | None
    #: Whether another order than the learnt one came in lately, so that the next return has to be counted.
    is_learning: bool
    face_ids_stable: bool
    #: Until when the view may be given out.
    fresh_until: datetime

"""How the portal's templates are kept and what they may assume: two rules, and nothing made twice.

An unknown name is an error and never an empty string, and blocks leave no blank lines behind. The parts of a
page that read the same for everybody are written once (``kept``); their files' names begin with ``_``.
"""

from collections.abc import Callable, Hashable, MutableMapping
from functools import lru_cache
from typing import Any

from flask.sansio.app import App
from flask.templating import Environment
from jinja2 import BaseLoader, BytecodeCache, StrictUndefined
from jinja2 import Environment as BareEnvironment
from markupsafe import Markup

_RULES: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
#: Parts that are kept: some for each client and flow that words a page in its own way.
_MOST_PARTS = 500


class Templates(Environment):
    """The environment of every page: an application's ``jinja_environment``, set before it is first used."""

    def __init__(self, app: App, **options: Any) -> None:
        """Take what ``Flask.jinja_options`` holds."""
        # The templates are those of one folder: keeping them all costs less than choosing which to keep.
        super().__init__(app, **_RULES | {"cache_size": -1} | options)
        assert self.loader is not None
        self.globals["kept"] = _keeper(self.loader, self.bytecode_cache, reloading=self.auto_reload)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the globals of a template: the environment's own, where the template has none of its own.

        Jinja lays an empty map over them for each template, and goes through both at every ``import`` to see
        whether the two templates differ.
        """
        return super().make_globals(d) if d else self.globals


def _keeper(loader: BaseLoader, compiled: BytecodeCache | None, *, reloading: bool) -> Callable[..., Markup]:
    """Return what writes a part of a page, once for each of the values that it is given."""
    # Knows nothing of a request: a part that asked for its nonce, or for the token of a form, would hand one
    # person's to the next. Here it is an unknown name, at the first look at the page.
    parts = BareEnvironment(
        loader=loader, autoescape=True, auto_reload=reloading, bytecode_cache=compiled, **_RULES
    )

    def written(name: str, **values: Hashable) -> Markup:
        return parts.get_template(name).make_module(values).__html__().strip()

    return written if reloading else lru_cache(_MOST_PARTS)(written)

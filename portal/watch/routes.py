"""The address of this room."""

from flask import Blueprint, Flask, Response

from portal.extensions import limit
from portal.watch import exposition

blueprint = Blueprint("watch", __name__)
blueprint.add_url_rule(
    "/metrics", "metrics", exposition.view, methods=["GET"], provide_automatic_options=False
)


def init_app(app: Flask) -> None:
    """Register the address and its limit on guessing."""
    app.register_blueprint(blueprint)
    limit(app, "watch.metrics", "rate_limit_secret_failures", deduct_when=_is_unauthorised)


def _is_unauthorised(response: Response) -> bool:
    return response.status_code == 401

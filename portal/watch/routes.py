"""The address of this room."""

from flask import Blueprint, Flask

from portal.watch import exposition
from portal.web.guessing import limit_wrong_secrets

blueprint = Blueprint("watch", __name__)
blueprint.add_url_rule(
    "/metrics", "metrics", exposition.view, methods=["GET"], provide_automatic_options=False
)


def init_app(app: Flask) -> None:
    """Register the address and its limit on guessing."""
    app.register_blueprint(blueprint)
    limit_wrong_secrets(app, "watch.metrics")

"""What tests of the protocol share."""

import pytest
from flask import Flask

from tests.support.sandbox_server import SandboxServer
from tests.support.scenes import Scene


@pytest.fixture
def scene(app: Flask, sandbox_server: SandboxServer) -> Scene:
    """A relying party of profile ``okta-factor`` and a person who is enrolled."""
    return Scene(app, sandbox_server)

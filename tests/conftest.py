"""What every test gets. The fixtures themselves live in ``tests/support``, one module per subject."""

pytest_plugins = [
    "tests.support.network",
    "tests.support.log_state",
    "tests.support.databases",
    "tests.support.moving_clock",
    "tests.support.portal_app",
    "tests.support.sandbox_server",
    "tests.support.browsers",
]

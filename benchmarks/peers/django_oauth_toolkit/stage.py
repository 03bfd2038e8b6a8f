"""Makes the tables, the person and the client.

The secret is kept plain, as the package allows: hashed, each token would take a fifth of a second more.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - after Django is set up
from django.core.management import call_command  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402

call_command("migrate", verbosity=0)
application = get_application_model()
application.objects.create(
    name="Benchmark",
    user=get_user_model().objects.create_user("amara"),
    client_id=os.environ["BENCH_CLIENT_ID"],
    client_secret=os.environ["BENCH_CLIENT_SECRET"],
    hash_client_secret=False,
    redirect_uris=os.environ["BENCH_REDIRECT_URI"],
    client_type=application.CLIENT_CONFIDENTIAL,
    authorization_grant_type=application.GRANT_AUTHORIZATION_CODE,
    algorithm=application.RS256_ALGORITHM,
    skip_authorization=True,
)

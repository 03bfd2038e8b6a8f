"""The provider's addresses, a login that asks nothing, and codes for the benchmark."""

import json
import os
from datetime import timedelta

from django.contrib.auth import get_user_model, login
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import include, path
from django.utils import timezone
from oauth2_provider.models import get_application_model, get_grant_model


def sign_in(request):
    """Sign in the one person there is."""
    login(request, get_user_model().objects.get(username="amara"))
    return HttpResponseRedirect(request.GET["next"])


def codes(request, count):
    """Store fresh codes."""
    given, grant = os.environ, get_grant_model()
    application = get_application_model().objects.get(client_id=given["BENCH_CLIENT_ID"])
    user = get_user_model().objects.get(username="amara")
    made = [os.urandom(24).hex() for _ in range(count)]
    grant.objects.bulk_create(
        [
            grant(
                user=user, code=code, application=application, redirect_uri=given["BENCH_REDIRECT_URI"],
                scope="openid", expires=timezone.now() + timedelta(hours=1), nonce=given["BENCH_NONCE"],
                code_challenge=given["BENCH_CHALLENGE"], code_challenge_method="S256", claims=json.dumps({}),
            )
            for code in made
        ],
        batch_size=1000,
    )  # fmt: skip
    return HttpResponse("\n".join(made))


urlpatterns = [
    path("login", sign_in),
    path("bench/codes/<int:count>", codes),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]

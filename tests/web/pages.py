"""Every page of a person's check in each of its variants, with parameters as the rooms pass them.

The tests and the gallery render the same list, so a variant that is looked at is also checked.
"""

from typing import Any

CLIENT = "https://acme.okta.com/oauth2/v1/authorize/callback"

BRAND: dict[str, Any] = {
    "organisation": "Acme",
    "organisation_logo": None,
    "help_url": "mailto:help@acme.example",
    "privacy_url": "/privacy",
    "terms_url": "/terms",
    "reference": "7KXM-2PQR-9BCD",
}

START: dict[str, Any] = {
    "client_name": "Acme Okta",
    "login": "jonas.doe@acme.example",
    "purpose": "sign in",
    "checks": ("that a live person is there", "that the face is yours"),
    "where": "the European Union",
    "keeps": (
        "The picture is deleted after the check. Your face template stays until your account is removed; "
        "Acme keeps only the result and the time."
    ),
    "first_time": False,
    "failure": None,
    "attempts_left": 3,
    "waiting": False,
    "start_url": "/capture/start",
    "cancel_url": "/capture/cancel",
    "camera_help_url": "/capture/camera-help",
    "other_way": "Use another way to sign in",
    "consent_version": "2026-11",
    "seconds_left": 600,
    "start_over": "Go back to where you came from and start again.",
    "extend_url": "/capture/start?more",
}

IDENTIFY: dict[str, Any] = {
    "identify_url": "/capture/identify",
    "login": "",
    "client_name": "Acme Okta",
    "error": None,
    "back_url": "/continue",
}

LONG = {
    "organisation": "Österreichische Donaudampfschifffahrtsgesellschaft & Söhne <Holding>",
    "client_name": "Österreichische Donaudampfschifffahrt – Workforce Sign-In (Production, EMEA)",
    "login": "maximiliane-alexandrina.von-und-zu-hohenlohe-waldenburg@department.subsidiary.acme.example",
}

BACK: dict[str, Any] = {"client_name": "Acme Okta", "back_url": "/continue"}
LOST: dict[str, Any] = {"client_name": None, "back_url": None}

#: name → (template, parameters)
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "identify": ("capture/identify.html", IDENTIFY),
    "identify-empty": ("capture/identify.html", IDENTIFY | {"error": "empty"}),
    "identify-unreadable": (
        "capture/identify.html",
        IDENTIFY | {"error": "unreadable", "login": '"><b>', "back_url": None},
    ),
    "start": ("capture/start.html", START),
    "start-first-time": ("capture/start.html", START | {"first_time": True}),
    "start-retry": ("capture/start.html", START | {"failure": "not_matched", "attempts_left": 2}),
    "start-last-try": ("capture/start.html", START | {"failure": "not_live", "attempts_left": 1}),
    "start-unknown-failure": ("capture/start.html", START | {"failure": "x_17", "attempts_left": 2}),
    "start-waiting": ("capture/start.html", START | {"waiting": True}),
    "start-help-in-words": ("capture/start.html", START | {"help_url": "The service desk, room 12"}),
    "start-expiring": ("capture/start.html", START | {"seconds_left": 60}),
    "start-bare": (
        "capture/start.html",
        START
        | {
            "checks": ("that a live person is there",),
            "camera_help_url": None,
            "extend_url": None,
            "help_url": None,
            "privacy_url": None,
            "terms_url": None,
            "reference": None,
        },
    ),
    "start-long-words": (
        "capture/start.html",
        START | LONG | {"checks": (*START["checks"], "that you are of age")},
    ),
    "refused": ("capture/refused.html", BACK),
    "not-set-up": ("capture/not_set_up.html", BACK | {"identify_url": None}),
    "not-set-up-asked": ("capture/not_set_up.html", BACK | {"identify_url": "/capture/identify"}),
    "expired": ("capture/expired.html", BACK),
    "expired-lost": ("capture/expired.html", LOST),
    "away": ("capture/away.html", BACK | {"retry_url": "/capture/start"}),
    "away-no-retry": ("capture/away.html", BACK | {"retry_url": None}),
    "wrong-browser": ("capture/wrong_browser.html", LOST),
    "wrong-browser-back": ("capture/wrong_browser.html", BACK),
    "already-used": ("capture/already_used.html", BACK | {"continue_url": "/continue"}),
    "already-used-lost": ("capture/already_used.html", LOST | {"continue_url": None}),
    "result-rejected": ("capture/result_rejected.html", BACK | {"retry_url": "/capture/start"}),
    "result-rejected-lost": ("capture/result_rejected.html", LOST | {"retry_url": None}),
    "cancelled": ("capture/cancelled.html", BACK | {"retry_url": "/capture/start"}),
    "cancelled-final": ("capture/cancelled.html", BACK | {"retry_url": None}),
    "camera-help": ("capture/camera_help.html", {"start_url": None}),
    "camera-help-back": ("capture/camera_help.html", {"start_url": "/capture/start"}),
    "returning": (
        "capture/returning.html",
        {
            "action": CLIENT,
            "fields": {"code": "c0de", "state": 'st"ate', "iss": "https://portal.example"},
            "title": "Signing you in",
            "client_name": "Acme Okta",
        },
    ),
    "error-displayed": (
        "errors/displayed.html",
        {
            "status": 400,
            "title": "We can’t start this check",
            "cause": "The request to sign in names an address that isn’t registered for the application.",
            "next_step": "Go back to the application and try again.",
        },
    ),
}

#: Statuses that have words of their own, and two that borrow them.
STATUSES = (400, 403, 404, 405, 413, 429, 500, 503, 410, 502)

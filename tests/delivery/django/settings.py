"""What is the same at every site comes from Django; what differs from site to site comes from the environment."""

import os
from pathlib import Path

FOLDER = Path(os.environ["API_FOLDER"])

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
LOGIN_URL = "/login/"
MEDIA_ROOT = FOLDER / "media"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Far from UTC: a time without an offset would be hours off.
TIME_ZONE = "America/Chicago"
LANGUAGE_CODE = os.environ.get("API_LANGUAGE", "en")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    "hardware",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "db.sqlite3",
        # Several requests write at once: one waits for the other instead of failing. Nobody needs the file after a power cut.
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=wal; PRAGMA synchronous=off;",
        },
    }
}

# The first of these decides how a bad token is answered: 401 by tokens, 403 by sessions.
AUTHENTICATION = {
    "token": "rest_framework.authentication.TokenAuthentication",
    "session": "rest_framework.authentication.SessionAuthentication",
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        AUTHENTICATION[name] for name in os.environ.get("API_AUTHENTICATION", "token,session").split(",")
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

# Every nth row is committed late, none if 0, and its client never gets an answer.
LATE_EVERY = int(os.environ.get("API_LATE_EVERY", "0"))
LATE_S = 4

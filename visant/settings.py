"""Every setting of Visant. All come from the environment; ``.env.example`` says a sentence for each."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError, validate

from visant.environment import parse_peppers, read_secret, refuse_unknown

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
env.read_env(str(BASE_DIR / ".env"), recurse=False)
BOOLEAN: dict[str, Any] = {"error_messages": {"invalid": "must be true or false."}}
NUMBER: dict[str, Any] = {"error_messages": {"invalid": "must be a whole number."}}

try:
    DEBUG = env.bool("DEBUG", False, **BOOLEAN)
    VISANT_VAR = Path(env.str("VISANT_VAR", "") or BASE_DIR / "var").resolve()
    PORT = env.int("PORT", 8000, validate=validate.Range(1, 65535), **NUMBER)
    VISANT_HOST = env.str("VISANT_HOST", "127.0.0.1")
    VISANT_URL = env.str("VISANT_URL", "") or f"http://localhost:{PORT}"
    VISANT_MIGRATE = env.bool("VISANT_MIGRATE", False, **BOOLEAN)
    WEB_PROCESSES = env.int("WEB_PROCESSES", 2, validate=validate.Range(1, 256), **NUMBER)
    VISANT_WEB_THREADS = env.int("VISANT_WEB_THREADS", 8, validate=validate.Range(1, 256), **NUMBER)
    VISANT_WORKERS = env.int("VISANT_WORKERS", 1, validate=validate.Range(1, 64), **NUMBER)
    VISANT_LOG_LEVEL = env.str(
        "VISANT_LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])
    )
    VISANT_MAX_PICTURE_MB = env.int("VISANT_MAX_PICTURE_MB", 20, validate=validate.Range(1, 1024), **NUMBER)
    VISANT_MAX_MEGAPIXELS = env.int("VISANT_MAX_MEGAPIXELS", 50, validate=validate.Range(1, 150), **NUMBER)
    VISANT_EVALUATORS = env.list("VISANT_EVALUATORS", ["captures.evaluation.scene.SceneEvaluator"])
    VISANT_ALLOWED_HOSTS: list[str] = env.list("VISANT_ALLOWED_HOSTS", [])
    DATABASE_URL = env.str("DATABASE_URL", "")
    DATABASE_POOL_MIN = env.int("DATABASE_POOL_MIN", 2, validate=validate.Range(0, 1000), **NUMBER)
    DATABASE_POOL_MAX = env.int(
        "DATABASE_POOL_MAX", VISANT_WEB_THREADS + 2, validate=validate.Range(1, 1000), **NUMBER
    )
    SECRET_KEY = read_secret(env, "SECRET_KEY", made_in=VISANT_VAR / "secret_key")
    VISANT_KEY_PEPPERS = parse_peppers(read_secret(env, "VISANT_KEY_PEPPERS", made_in=VISANT_VAR / "key_peppers"))
except EnvError as error:
    raise ImproperlyConfigured(str(error)) from error
refuse_unknown(
    os.environ,
    ["VISANT_KEY_PEPPERS_FILE", *(name for name in globals() if name.startswith("VISANT_"))],
)

# --- where it is reached

try:
    _url = urlsplit(VISANT_URL)
except ValueError:
    _url = urlsplit("")
if _url.scheme not in ("http", "https") or not _url.hostname:
    raise ImproperlyConfigured(f"VISANT_URL is {VISANT_URL!r}; it must be like https://visant.example.org.")
_secure = _url.scheme == "https"
ALLOWED_HOSTS = sorted({_url.hostname, "localhost", "127.0.0.1", "[::1]", *VISANT_ALLOWED_HOSTS})
CSRF_TRUSTED_ORIGINS = [f"{_url.scheme}://{_url.netloc}"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SECURE_SSL_REDIRECT = False  # the server in front ends TLS; it redirects
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False  # the neighbours' names are not ours to bind
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if _secure:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Said here because they are decided above; every other finding of ``check --deploy`` fails the lint.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]

# --- the pieces

INSTALLED_APPS = [
    "orgs.apps.OperatorsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_tasks",
    "django_tasks_db",
    "csp",
    "orgs.apps.OrgsConfig",
    "devices",
    "captures",
    "sharing",
    "visant",
]
MIDDLEWARE = [
    "visant.context.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "visant.errors.RefusalMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "visant.urls"
WSGI_APPLICATION = "visant.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the database

if DATABASE_URL:
    try:
        _database = dj_database_url.parse(DATABASE_URL)
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError) as error:
        raise ImproperlyConfigured(
            "DATABASE_URL is not understood; it must be like postgres://user:password@host:5432/name."
        ) from error
else:
    _database = dj_database_url.DBConfig(
        ENGINE="django.db.backends.sqlite3", NAME=str(VISANT_VAR / "visant.sqlite3")
    )
if "postgresql" in _database["ENGINE"]:
    if DATABASE_POOL_MIN > DATABASE_POOL_MAX:
        raise ImproperlyConfigured("DATABASE_POOL_MIN must not be larger than DATABASE_POOL_MAX.")
    _database["OPTIONS"] = {
        **_database.get("OPTIONS", {}),
        "pool": {"min_size": DATABASE_POOL_MIN, "max_size": DATABASE_POOL_MAX, "timeout": 5},
    }
    _database["OPTIONS"].setdefault("connect_timeout", 5)
    _database["ENGINE"] = "orgs.postgresql"
elif "sqlite" in _database["ENGINE"]:
    _database["CONN_MAX_AGE"] = None
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        # FULL: a commit is on the disk before its picture is acknowledged, also when the power goes.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    raise ImproperlyConfigured("DATABASE_URL must name PostgreSQL or SQLite.")
DATABASES = {"default": _database}

# --- files

MEDIA_ROOT = VISANT_VAR / "media"
STATIC_URL = "static/"
STATIC_ROOT = VISANT_VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "captures.storage.DurableFileSystemStorage"},
    "quarantine": {
        "BACKEND": "captures.storage.DurableFileSystemStorage",
        "OPTIONS": {"location": VISANT_VAR / "quarantine"},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# The intake reads bodies itself, with its own limit; this one is for forms.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- people

AUTH_USER_MODEL = "orgs.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "timeline"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = [
    "orgs.hashers.Argon2idHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.BCryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- devices and clients

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "visant.pagination.KeysetPagination",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "visant.negotiation.AlwaysJSON",
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "visant.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    # A token ends with the password it was made with.
    "CHECK_REVOKE_TOKEN": True,
    "UPDATE_LAST_LOGIN": True,
}

# --- work behind the scenes

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
# What the scheduler calls, and how many seconds lie between two calls.
SCHEDULE = {
    "captures.evaluation.tasks.wake_workers": 0.5,
    "captures.upkeep.sweep_files_daily": 24 * 60 * 60,
    "visant.tasks.prune_finished_tasks": 60 * 60,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": VISANT_LOG_LEVEL},
    "loggers": {"django_tasks": {"level": "WARNING"}, "PIL": {"level": "INFO"}},
}

"""Every setting of Visant. All come from the environment; ``.env.example`` says a sentence for each."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import dj_email_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError, validate

from visant.environment import (
    find_secret,
    limit_variable,
    parse_networks,
    parse_peppers,
    read_rates,
    read_secret,
    refuse_unknown,
    with_password,
)
from visant.storages import OFF, S3, origins, picture_storages

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
env.read_env(str(BASE_DIR / ".env"), recurse=False)
BOOLEAN: dict[str, Any] = {"error_messages": {"invalid": "must be true or false."}}
NUMBER: dict[str, Any] = {"error_messages": {"invalid": "must be a whole number."}}

try:
    DEBUG = env.bool("DEBUG", False, **BOOLEAN)
    VISANT_VAR = Path(env.str("VISANT_VAR", "") or BASE_DIR / "var").resolve()
    VISANT_STATIC_ROOT = env.str("VISANT_STATIC_ROOT", "")
    PORT = env.int("PORT", 8000, validate=validate.Range(1, 65535), **NUMBER)
    VISANT_HOST = env.str("VISANT_HOST", "127.0.0.1")
    VISANT_URL = (env.str("VISANT_URL", "") or f"http://localhost:{PORT}").rstrip("/")
    VISANT_MIGRATE = env.bool("VISANT_MIGRATE", False, **BOOLEAN)
    WEB_PROCESSES = env.int("WEB_PROCESSES", 2, validate=validate.Range(1, 256), **NUMBER)
    VISANT_WEB_THREADS = env.int("VISANT_WEB_THREADS", 8, validate=validate.Range(1, 256), **NUMBER)
    VISANT_WORKERS = env.int("VISANT_WORKERS", 1, validate=validate.Range(1, 64), **NUMBER)
    VISANT_LOG_LEVEL = env.str(
        "VISANT_LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])
    )
    VISANT_LOG_FORMAT = env.str("VISANT_LOG_FORMAT", "text", validate=validate.OneOf(["text", "json"]))
    VISANT_METRICS_TOKEN = find_secret(env, "VISANT_METRICS_TOKEN")
    VISANT_MAX_PICTURE_MB = env.int("VISANT_MAX_PICTURE_MB", 20, validate=validate.Range(1, 1024), **NUMBER)
    VISANT_MAX_MEGAPIXELS = env.int("VISANT_MAX_MEGAPIXELS", 50, validate=validate.Range(1, 150), **NUMBER)
    VISANT_STORAGE = env.str("VISANT_STORAGE", "filesystem", validate=validate.OneOf(["filesystem", "s3"]))
    VISANT_STORAGE_FALLBACK = env.str(
        "VISANT_STORAGE_FALLBACK", "", validate=validate.OneOf(["", "filesystem", "s3"])
    )
    VISANT_S3_BUCKET = env.str("VISANT_S3_BUCKET", "")
    VISANT_S3_ENDPOINT = env.str("VISANT_S3_ENDPOINT", "").rstrip("/")
    VISANT_S3_PUBLIC_ENDPOINT = env.str("VISANT_S3_PUBLIC_ENDPOINT", "").rstrip("/")
    VISANT_S3_REGION = env.str("VISANT_S3_REGION", "") or "us-east-1"
    VISANT_S3_ACCESS_KEY_ID = find_secret(env, "VISANT_S3_ACCESS_KEY_ID")
    VISANT_S3_SECRET_ACCESS_KEY = find_secret(env, "VISANT_S3_SECRET_ACCESS_KEY")
    VISANT_S3_ADDRESSING = env.str(
        "VISANT_S3_ADDRESSING", "auto", validate=validate.OneOf(["auto", "path", "virtual"])
    )
    VISANT_S3_CA_FILE = env.str("VISANT_S3_CA_FILE", "")
    VISANT_S3_TIMEOUT = env.int("VISANT_S3_TIMEOUT", 10, validate=validate.Range(1, 300), **NUMBER)
    VISANT_DIRECT_UPLOAD = env.bool("VISANT_DIRECT_UPLOAD", True, **BOOLEAN)
    VISANT_PICTURE_URL_SECONDS = env.int(
        "VISANT_PICTURE_URL_SECONDS", 3600, validate=validate.Range(60, 604_800), **NUMBER
    )
    VISANT_ACCEL_REDIRECT = env.str("VISANT_ACCEL_REDIRECT", "")
    VISANT_EVALUATORS = env.list("VISANT_EVALUATORS", ["captures.evaluation.scene.SceneEvaluator"])
    VISANT_INTEGRITY_GB_A_DAY = env.int(
        "VISANT_INTEGRITY_GB_A_DAY", 10, validate=validate.Range(0, 1_000_000), **NUMBER
    )
    VISANT_ALLOWED_HOSTS: list[str] = env.list("VISANT_ALLOWED_HOSTS", [])
    VISANT_TRUSTED_PROXIES: list[str] = env.list("VISANT_TRUSTED_PROXIES", [])
    REDIS_URL = with_password("REDIS", find_secret(env, "REDIS_URL"), find_secret(env, "REDIS_PASSWORD"))
    VISANT_PLAN = env.str("VISANT_PLAN", "self-hosted", validate=validate.OneOf(["self-hosted", "trial"]))
    VISANT_TRIAL_DAYS = env.int("VISANT_TRIAL_DAYS", 30, validate=validate.Range(1, 3650), **NUMBER)
    VISANT_TRIAL_CAMERAS = env.int("VISANT_TRIAL_CAMERAS", 5, validate=validate.Range(0, 1_000_000), **NUMBER)
    VISANT_TRIAL_GB = env.int("VISANT_TRIAL_GB", 10, validate=validate.Range(0, 1_000_000), **NUMBER)
    VISANT_TRIAL_EVALUATIONS = env.int(
        "VISANT_TRIAL_EVALUATIONS", 10_000, validate=validate.Range(0, 1_000_000_000), **NUMBER
    )
    # How long an organization can still be taken back, and for how long its export can be downloaded.
    VISANT_DELETION_DAYS = env.int("VISANT_DELETION_DAYS", 14, validate=validate.Range(0, 365), **NUMBER)
    VISANT_EXPORT_DAYS = env.int("VISANT_EXPORT_DAYS", 7, validate=validate.Range(1, 90), **NUMBER)
    # How long a report of a shared page is kept after an operator settled it.
    VISANT_LINK_REPORT_DAYS = env.int("VISANT_LINK_REPORT_DAYS", 90, validate=validate.Range(1, 3650), **NUMBER)
    DATABASE_URL = with_password(
        "DATABASE", find_secret(env, "DATABASE_URL"), find_secret(env, "DATABASE_PASSWORD")
    )
    DATABASE_POOL_MIN = env.int("DATABASE_POOL_MIN", 2, validate=validate.Range(0, 1000), **NUMBER)
    DATABASE_POOL_MAX = env.int(
        "DATABASE_POOL_MAX", VISANT_WEB_THREADS + 2, validate=validate.Range(1, 1000), **NUMBER
    )
    EMAIL_URL = find_secret(env, "EMAIL_URL")
    EMAIL: dict[str, Any] = dj_email_url.parse(EMAIL_URL) if EMAIL_URL else {}
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "") or "Visant <visant@localhost>"
    VISANT_EMAIL_VERIFICATION = env.str(
        "VISANT_EMAIL_VERIFICATION", "", validate=validate.OneOf(["", "mandatory", "optional"])
    )
    VISANT_SIGNUP = env.str("VISANT_SIGNUP", "open", validate=validate.OneOf(["open", "invited"]))
    VISANT_OIDC_NAME = env.str("VISANT_OIDC_NAME", "") or "Single sign-on"
    VISANT_OIDC_URL = env.str("VISANT_OIDC_URL", "")
    VISANT_OIDC_CLIENT_ID = env.str("VISANT_OIDC_CLIENT_ID", "")
    VISANT_OIDC_CLIENT_SECRET = find_secret(env, "VISANT_OIDC_CLIENT_SECRET")
    SECRET_KEY = read_secret(env, "SECRET_KEY", made_in=VISANT_VAR / "secret_key")
    SECRET_KEY_FALLBACKS = find_secret(env, "SECRET_KEY_FALLBACKS").replace(",", " ").split()
    VISANT_KEY_PEPPERS = parse_peppers(read_secret(env, "VISANT_KEY_PEPPERS", made_in=VISANT_VAR / "key_peppers"))
    # How often what may be tried (orgs/ratelimits.py), and by whom it is counted.
    RATE_LIMITS = read_rates(
        env,
        {
            "login_address": "60/5m",
            "login_account": "10/5m",
            "signup_address": "30/h",
            "signup_account": "5/h",
            "reset_address": "30/h",
            "reset_account": "5/h",
            "invitation_address": "60/5m",  # links that were never given out
            "invitation_account": "30/h",
            "invitation_mail_organization": "100/h",
            "invitation_mail_recipient": "5/h",  # for one organization's mails
            "secret_address": "60/m",  # keys and tokens that open nothing
            "secret_account": "10/m",
            "claim_address": "60/m",  # codes of labels that claim nothing
            "claim_account": "10/m",  # by the person who types them, or the serial that shows them
            "claim_unit": "20/h",  # keys that a unit asks for again, not having used the one before
            "trigger_device": "30/m",  # pictures that people ask a camera for
            "share_address": "60/5m",  # links that were never given out
            "share_password_address": "10/5m",  # wrong passwords of one link, from one address
            "share_password_link": "300/h",  # of one link, from everywhere: no single address fills it
            "share_report_address": "10/h",  # pages reported to the operator
            "share_making_link": "300/5m",  # pictures made large for the first time, by one link
            "upload_key": "600/m",
            "upload_organization": "6000/m",
        },
    )
except EnvError as error:
    raise ImproperlyConfigured(str(error)) from error
refuse_unknown(
    os.environ,
    [
        "VISANT_KEY_PEPPERS_FILE",
        "VISANT_OIDC_CLIENT_SECRET_FILE",
        "VISANT_METRICS_TOKEN_FILE",
        "VISANT_S3_ACCESS_KEY_ID_FILE",
        "VISANT_S3_SECRET_ACCESS_KEY_FILE",
        *map(limit_variable, RATE_LIMITS),
        *(name for name in globals() if name.startswith("VISANT_")),
    ],
)

# --- who may look at it

if VISANT_METRICS_TOKEN and len(VISANT_METRICS_TOKEN) < 16:
    raise ImproperlyConfigured("VISANT_METRICS_TOKEN must have at least 16 characters, or it may be guessed.")

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
# Nobody else's word counts for where a request comes from (visant/proxies.py).
TRUSTED_PROXIES = parse_networks("VISANT_TRUSTED_PROXIES", VISANT_TRUSTED_PROXIES)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
# Browsers take a cookie of this name only over https, for this host alone; a neighbour cannot plant one.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = (
    ("__Host-sessionid", "__Host-csrftoken") if _secure else ("sessionid", "csrftoken")
)
SESSION_COOKIE_AGE = 14 * 24 * 60 * 60  # as long as the API's refresh tokens
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "visant.errors.csrf_failure"
SECURE_SSL_REDIRECT = False  # the server in front ends TLS; it redirects
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False  # the neighbours' names are not ours to bind
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
FORBIDDEN_FEATURES = [
    "camera",
    "microphone",
    "geolocation",
    "display-capture",
    "payment",
    "usb",
    "serial",
    "bluetooth",
]
if _secure:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Said here because they are decided above; every other finding of ``check --deploy`` fails the lint.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]

# --- the pieces

INSTALLED_APPS = [
    "visant",  # first, so that its migrate and db_worker stand for those of the same name
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
]
MIDDLEWARE = [
    "visant.proxies.ProxyMiddleware",
    "visant.context.RequestContextMiddleware",
    "visant.headers.LeanNotModifiedMiddleware",
    # Headers come before static files are answered, so that those have them, too.
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "visant.headers.PermissionsPolicyMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "visant.schema.middleware.SchemaMiddleware",
    "sharing.visitors.headers.VisitorHeadersMiddleware",
    "visant.errors.RefusalMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "visant.ratelimits.SmallBodyMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "visant.ratelimits.RateLimitMiddleware",
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
    # Rows fetched later would be looked for under whichever organization is being worked for by then.
    _database["DISABLE_SERVER_SIDE_CURSORS"] = True
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

# --- what processes share for a while: the counts of rate limits

if REDIS_URL and urlsplit(REDIS_URL).scheme not in ("redis", "rediss", "unix"):
    raise ImproperlyConfigured("REDIS_URL is not understood; it must be like redis://host:6379/0.")
# Without Redis each process counts for itself. django-ratelimit would refuse that at the start, as it cannot
# know how many processes there are; so it is used as a library, and is not among the INSTALLED_APPS.
CACHES: dict[str, Any] = {
    "default": {"BACKEND": "visant.caches.RedisOrHere", "LOCATION": REDIS_URL, "KEY_PREFIX": "visant"}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 50_000}}
}
RATELIMIT_FAIL_OPEN = True  # a count that vanishes between two looks locks nobody out

# --- files

MEDIA_ROOT = VISANT_VAR / "media"
STATIC_URL = "static/"
STATIC_ROOT = Path(VISANT_STATIC_ROOT or VISANT_VAR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
_s3 = S3(
    bucket=VISANT_S3_BUCKET,
    endpoint=VISANT_S3_ENDPOINT,
    public_endpoint=VISANT_S3_PUBLIC_ENDPOINT,
    region=VISANT_S3_REGION,
    access_key=VISANT_S3_ACCESS_KEY_ID,
    secret_key=VISANT_S3_SECRET_ACCESS_KEY,
    addressing=VISANT_S3_ADDRESSING,
    ca_file=VISANT_S3_CA_FILE,
    timeout=VISANT_S3_TIMEOUT,
)
STORAGES = {
    **picture_storages(VISANT_STORAGE, fallback=VISANT_STORAGE_FALLBACK, var=VISANT_VAR, s3=_s3),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# What a backup keeps of the storage: for each model the columns that name a file, with that of its checksum.
BACKED_UP_FILES = {"captures.capture": [("storage_key", "sha256"), ("thumbnail_key", "")]}
# Whether cameras are offered to put pictures into the bucket themselves.
DIRECT_UPLOAD = VISANT_DIRECT_UPLOAD and VISANT_STORAGE == "s3" and VISANT_S3_PUBLIC_ENDPOINT != OFF
if VISANT_ACCEL_REDIRECT and not (VISANT_ACCEL_REDIRECT.startswith("/") and VISANT_ACCEL_REDIRECT.endswith("/")):
    raise ImproperlyConfigured("VISANT_ACCEL_REDIRECT must be like /protected/.")
# The intake reads bodies itself, with its own limit; this one is for forms.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- mail

if EMAIL_URL and "EMAIL_BACKEND" not in EMAIL:
    raise ImproperlyConfigured("EMAIL_URL must be like submission://user:password@mail.example.org:587.")
EMAIL_BACKEND = EMAIL.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_FILE_PATH = EMAIL.get("EMAIL_FILE_PATH") or None
EMAIL_HOST = EMAIL.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = EMAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = EMAIL.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = EMAIL.get("EMAIL_TIMEOUT") or 10  # seconds; a page waits for it

# --- people

AUTH_USER_MODEL = "orgs.User"
AUTHENTICATION_BACKENDS = ["orgs.accounts.backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "orgs.accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "orgs.accounts.forms.LoginForm",
    "signup": "orgs.accounts.forms.SignUpForm",
    "add_email": "orgs.accounts.forms.ChangeAddressForm",
    "change_password": "orgs.accounts.forms.ChangePasswordForm",
    "set_password": "orgs.accounts.forms.SetPasswordForm",
    "reset_password": "orgs.accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "orgs.accounts.forms.ResetPasswordForm",
    "reauthenticate": "orgs.accounts.forms.ConfirmPasswordForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Without a mail server nobody could verify an address, so that nobody could get in.
ACCOUNT_EMAIL_VERIFICATION = VISANT_EMAIL_VERIFICATION or ("mandatory" if EMAIL_URL else "optional")
# Its own limits only where ours (RATE_LIMITS) do not look: wrong codes, and what people do once they are in.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": "20/5m/key",
    "signup": None,
    "reset_password": None,
    "reset_password_from_key": None,
}
MFA_ADAPTER = "orgs.accounts.adapters.MFAAdapter"
MFA_FORMS = {
    "authenticate": "orgs.accounts.forms.CodeForm",
    "reauthenticate": "orgs.accounts.forms.ConfirmCodeForm",
    "activate_totp": "orgs.accounts.forms.ActivateAppForm",
}
MFA_TOTP_ISSUER = "Visant"
MFA_TOTP_TOLERANCE = 1  # a clock may be half a minute off
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION != "mandatory"
SOCIALACCOUNT_ADAPTER = "orgs.accounts.adapters.SingleSignOnAdapter"
SOCIALACCOUNT_FORMS = {"signup": "orgs.accounts.forms.SingleSignOnSignUpForm"}
# The operator chose the provider: whom it knows by a verified address is the person of that address.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if VISANT_OIDC_URL:
    if not (VISANT_OIDC_CLIENT_ID and VISANT_OIDC_CLIENT_SECRET):
        raise ImproperlyConfigured("VISANT_OIDC_URL needs VISANT_OIDC_CLIENT_ID and VISANT_OIDC_CLIENT_SECRET.")
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": VISANT_OIDC_NAME,
                "client_id": VISANT_OIDC_CLIENT_ID,
                "secret": VISANT_OIDC_CLIENT_SECRET,
                "settings": {"server_url": VISANT_OIDC_URL},
            }
        ],
    }
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "timeline"
LOGOUT_REDIRECT_URL = "account_login"
PASSWORD_HASHERS = [
    "orgs.hashers.Argon2idHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "orgs.hashers.BcryptHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "orgs.passwords.NotOneself"},
    {"NAME": "orgs.passwords.LongEnough", "OPTIONS": {"min_length": 10}},
    {"NAME": "orgs.passwords.NotCommon"},
    {"NAME": "orgs.passwords.NotANumber"},
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", *(origins(_s3) if VISANT_STORAGE == "s3" else ())],
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
    "DEFAULT_PARSER_CLASSES": ["orgs.api.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "visant.pagination.KeysetPagination",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "visant.negotiation.AlwaysJSON",
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "visant.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "visant.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # what there is to know stands in /v1/schema
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Visant",
    "DESCRIPTION": "Cameras hand in pictures; people's programs ask what was seen.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/v1",
    "POSTPROCESSING_HOOKS": ["visant.openapi.add_problems"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # A key that was typed in is gone with the page.
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "displayRequestDuration": True},
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    # A token ends with the password it was made with.
    "CHECK_REVOKE_TOKEN": True,
    "AUTH_TOKEN_CLASSES": ("orgs.jwts.AccessToken",),
}

# Every so many seconds each process writes how much keys were used; 0: only when it is told to.
METERING_SECONDS = 2
# What a web process calls when it was told to end and has answered its last request.
WEB_PROCESS_ENDS = ["orgs.metering.flush_or_say"]
# Streams to cameras: a sign of life each so many seconds; how often a camera's right to listen is looked at again.
STREAM_PING_SECONDS = 25.0
STREAM_CHECK_SECONDS = 30.0

# --- keeping pictures

# Whether a camera has a picture of that name: one that it is told to take would have the same.
IS_NAME_OF_PICTURE = "captures.services.is_name_of_picture"
# What keeps a picture whose time has come, by the word that people read. Each is a function that takes the
# organization and the moment and returns the condition on its captures (captures/retention/keepers.py).
RETENTION_KEEPERS = {
    "held": "captures.retention.keepers.held",
    "labelled": "captures.retention.keepers.labelled",
    "shared": "sharing.keeping.shown_by_open_links",
}

# --- the demo

# What else `seed_demo` makes, in rooms above that of pictures. Each is a function that takes the organization once
# its cameras and pictures are there, and makes what is missing.
DEMO_PARTS = ["sharing.demo.share_demo"]

# --- work behind the scenes

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
# How far the workers are behind, and what they found: for /readyz and /metrics.
STORAGE_TROUBLE = "captures.storage.checks.storage_trouble"  # for doctor, as what follows
UPKEEP_TROUBLES = "captures.integrity.troubles.upkeep_troubles"
BACKLOG = "captures.evaluation.backlog.backlog"
OUTCOMES = "captures.evaluation.backlog.outcomes_of_last_minute"
# What the scheduler calls, and how many seconds lie between two calls.
SCHEDULE = {
    "captures.evaluation.tasks.wake_workers": 0.5,
    # Each does its day's turn once, however often it is called.
    "captures.upkeep.sweep_files_daily": 60 * 60,
    "captures.integrity.tasks.check_integrity_daily": 60 * 60,
    "captures.retention.tasks.prune_tonight": 10 * 60,
    "captures.retention.tasks.forget_deleted": 24 * 60 * 60,
    "captures.retention.tasks.wake_forecasts": 60,
    "captures.direct.services.sweep_uploads": 60 * 60,
    "captures.calendar.tasks.settle_calendar": 60,
    "captures.calendar.tasks.prune_rejections": 24 * 60 * 60,
    "devices.tasks.warn_near_limits": 10 * 60,
    "devices.tasks.fire_schedules": 1,
    "devices.tasks.follow_time_zones": 60,
    "devices.tasks.expire_commands": 5,
    "devices.tasks.prune_commands": 24 * 60 * 60,
    "devices.tasks.remind_of_expiring_keys": 60 * 60,
    "visant.tasks.prune_finished_tasks": 60 * 60,
    "visant.backup.secret_marks.note_peppers": 60 * 60,
    "orgs.services.logins.forget_expired_logins": 60 * 60,
    "captures.leaving.tasks.delete_due_organizations": 10 * 60,
    "captures.leaving.tasks.wake_exports": 60,
    "sharing.services.forgetting.forget_visitors": 60 * 60,
    "sharing.services.forgetting.forget_old": 24 * 60 * 60,
    "sharing.tasks.end_links": 60,
    "sharing.tasks.remind_of_unopened": 10 * 60,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "visant.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s",
        },
        "json": {"()": "visant.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if VISANT_LOG_FORMAT == "json" else "line",
        }
    },
    "root": {"handlers": ["console"], "level": VISANT_LOG_LEVEL},
    "loggers": {
        # Django gives these two handlers of their own, past the formatter that takes out secrets.
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # redis gives this one a handler, too, unless it is known already.
        "push_response": {"level": "INFO"},
        # At DEBUG it would write every query with its parameters: digests, session keys, addresses.
        "django.db.backends": {"level": "INFO"},
        "django_tasks": {"level": "WARNING"},
        # At DEBUG they write requests with their signatures.
        "boto3": {"level": "INFO"},
        "botocore": {"level": "WARNING"},
        "urllib3": {"level": "INFO"},
        "PIL": {"level": "INFO"},
        # It would write past the formatter that takes out secrets.
        "uvicorn": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}

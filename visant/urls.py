from django.contrib import admin
from django.urls import include, path

from visant import description
from visant.favicon import favicon
from visant.health import healthz, readyz
from visant.metrics import metrics

handler400 = "visant.errors.bad_request"
handler403 = "visant.errors.permission_denied"
handler404 = "visant.errors.page_not_found"
handler429 = "visant.errors.too_many_requests"  # django-allauth asks for it
handler500 = "visant.errors.server_error"

urlpatterns = [
    path("", include("captures.urls")),
    path("", include("devices.urls")),
    path("", include("orgs.urls")),
    path("", include("sharing.urls")),
    path("", include("sharing.visitors.urls")),
    path("v1/", include("orgs.api.urls")),
    path("v1/", include("devices.api.urls")),
    path("v1/", include("captures.api.urls")),
    path("v1/", include("sharing.api.urls")),
    path("v1/schema", description.Schema.as_view(), name="schema"),
    path("v1/docs", description.Docs.as_view(), name="docs"),
    path("favicon.ico", favicon, name="favicon"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
]

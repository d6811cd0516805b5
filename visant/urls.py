from django.contrib import admin
from django.urls import include, path

from visant.health import healthz, readyz

handler400 = "visant.errors.bad_request"
handler403 = "visant.errors.permission_denied"
handler404 = "visant.errors.page_not_found"
handler500 = "visant.errors.server_error"

urlpatterns = [
    path("", include("captures.urls")),
    path("", include("devices.urls")),
    path("", include("orgs.urls")),
    path("v1/", include("orgs.api.urls")),
    path("v1/", include("captures.api.urls")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
]

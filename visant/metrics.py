"""``/metrics``: for Prometheus, to whoever shows ``VISANT_METRICS_TOKEN``."""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from visant import health, heartbeats
from visant.counting import counted
from visant.errors import DATABASE_DOWN
from visant.models import Heartbeat


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What this host's web processes counted, and how the whole installation is. 404 without a token to show."""
    if not settings.VISANT_METRICS_TOKEN:
        raise Http404
    shown = request.headers.get("Authorization", "")
    if not constant_time_compare(shown, f"Bearer {settings.VISANT_METRICS_TOKEN}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    return HttpResponse(
        generate_latest(counted()) + generate_latest(_installation()), content_type=CONTENT_TYPE_LATEST
    )


def _installation() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Installation())
    return registry


class _Installation(Collector):
    """Read from the database when it is asked for, so that it is right whichever process is asked."""

    def collect(self) -> Iterator[Metric]:
        found = health.examine()
        fit = GaugeMetricFamily("visant_fit", "Whether this part is as it should be.", labels=["part"])
        for part, state in found.items():
            fit.add_metric([part], float(state == health.OK))
        yield fit
        if found["schema"] != health.OK:
            return
        try:
            yield from [*_backlog(), _processes(), _outcomes()]
        except (DatabaseError, *DATABASE_DOWN):
            return  # between the two looks it went; the next scrape says so


def _backlog() -> Iterator[Metric]:
    behind = import_string(settings.BACKLOG)()
    yield GaugeMetricFamily("visant_queue_pictures", "Pictures that could be judged now.", behind.waiting)
    yield GaugeMetricFamily("visant_queue_seconds", "How long the first of them has waited.", behind.seconds)


def _processes() -> Metric:
    running = GaugeMetricFamily("visant_processes", "Processes that were heard of lately.", labels=["kind"])
    for kind in Heartbeat.Kind:
        running.add_metric([kind], heartbeats.alive(kind))
    return running


def _outcomes() -> Metric:
    found = GaugeMetricFamily(
        "visant_evaluations_last_minute", "What evaluators said in the last minute.", labels=["outcome"]
    )
    for outcome, count in import_string(settings.OUTCOMES)().items():
        found.add_metric([outcome], count)
    return found

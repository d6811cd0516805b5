"""``/metrics``: closed unless a token is set, of few names, and the sum of all processes of a host."""

import os
import re
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from tests.builders import make_capture, make_device, make_evaluation, make_jpeg
from tests.server import Server
from visant import heartbeats
from visant.counting import count_request
from visant.models import Heartbeat
from visant.processes import prepare_metrics

TOKEN = "a-token-of-the-metrics"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


def read(body: bytes) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


@pytest.mark.django_db
def test_there_are_none_without_a_token(client):
    assert client.get("/metrics", headers=SHOWN).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("shown", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_they_are_shown_for_the_token_alone(client, settings, shown):
    settings.VISANT_METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers=shown)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.django_db
def test_they_tell_how_the_installation_is(client, settings):
    settings.VISANT_METRICS_TOKEN = TOKEN
    heartbeats.beat(Heartbeat.Kind.WORKER)
    capture = make_capture(evaluation_due_at=timezone.now() - timedelta(seconds=300))
    make_evaluation(capture, verdict="abnormal")
    make_evaluation(capture, provider="other", verdict=None, error="It broke.")
    found = read(client.get("/metrics", headers=SHOWN).content)
    assert {part: found["visant_fit", part] for part in ("database", "schema", "storage", "queue")} == {
        "database": 1,
        "schema": 1,
        "storage": 1,
        "queue": 0,
    }
    assert found["visant_queue_pictures",] == 1
    assert 300 <= found["visant_queue_seconds",] < 330
    assert (found["visant_processes", "worker"], found["visant_processes", "scheduler"]) == (1, 0)
    outcomes = {key[1]: value for key, value in found.items() if key[0] == "visant_evaluations_last_minute"}
    assert outcomes == {"normal": 0, "abnormal": 1, "uncertain": 0, "failed": 1}


@pytest.mark.django_db
def test_no_name_is_of_one_camera_or_organization(client, settings):
    settings.VISANT_METRICS_TOKEN = TOKEN
    device, key = make_device()
    client.post("/v1/captures", make_jpeg(), content_type="image/jpeg", headers={"X-API-Key": key})
    client.get(f"/v1/devices/{device.pk}/config", headers={"X-API-Key": key})
    client.get(f"/cameras/{device.pk}")
    body = client.get("/metrics", headers=SHOWN).content
    found = read(body)
    assert found["visant_request_seconds_count", "upload", "201"] >= 1
    assert str(device.pk).encode() not in body
    assert {name for line in body.decode().splitlines() for name in re.findall(r'(\w+)="', line)} <= {
        *("door", "status", "le", "part", "kind", "outcome"),
        *("implementation", "major", "minor", "patchlevel", "version", "generation"),  # of Python
    }


def test_counting_costs_a_request_little():
    """A millisecond would be noticed; it takes some hundredths of one."""
    began = time.process_time()
    for _ in range(1000):
        count_request("GET", "/v1/captures", 200, 0.01)
    assert time.process_time() - began < 0.3


def test_the_processes_of_a_host_count_together(tmp_path, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    prepare_metrics(tmp_path / "metrics")
    environment = {
        "PROMETHEUS_MULTIPROC_DIR": os.environ["PROMETHEUS_MULTIPROC_DIR"],
        "VISANT_METRICS_TOKEN": TOKEN,
    }
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    with Server(tmp_path / "var", **environment) as server:
        server.start()
        for _ in range(40):
            assert server.request("GET", "/v1/version-of-nothing")[0] == 404
        first = read(server.request("GET", "/metrics", headers=SHOWN)[2])
        assert first["visant_request_seconds_count", "api", "404"] == 40
        server.kill()
        server.start()
        again = read(server.request("GET", "/metrics", headers=SHOWN)[2])
        assert again["visant_request_seconds_count", "api", "404"] == 40
        assert again["visant_streams",] == 0

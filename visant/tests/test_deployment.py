"""What deploys Visant speaks of variables, commands and folders that there are, and of no secret by default."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

BASE_DIR = settings.BASE_DIR
DEPLOY = BASE_DIR / "deploy"
COMPOSE = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())
OURS = ("migrate", "web", "events", "worker", "scheduler")
SECRET = re.compile(r"PASSWORD|SECRET|PEPPERS|TOKEN|ACCESS_KEY$")


def manifests() -> list[dict[str, Any]]:
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    return [document for path in files for document in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for found in manifests() if found["kind"] == kind}


def container(found: dict[str, Any]) -> dict[str, Any]:
    [only] = found["spec"]["template"]["spec"]["containers"]
    return only


def described() -> set[str]:
    """The variables of ``.env.example``."""
    return set(re.findall(r"^#([A-Z_0-9]+)=", (BASE_DIR / ".env.example").read_text(), re.MULTILINE))


def test_compose_has_all_that_runs():
    others = {"nginx", "postgres", "redis", "minio"}
    assert set(COMPOSE["services"]) == {*OURS, *others}
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["command"][0] in get_commands()
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        needed = {need: how["condition"] for need, how in service["depends_on"].items()}
        assert needed["minio"] == "service_healthy"
        assert needed.get("migrate", "service_completed_successfully") == "service_completed_successfully"


def test_compose_sets_only_variables_that_there_are():
    assert set(COMPOSE["x-visant"]["environment"]) - described() == set()


def test_compose_refuses_to_start_without_each_secret():
    """``${NAME:?…}`` stops it with a sentence; no secret stands in the file, or has a default."""
    for name, service in COMPOSE["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) and not variable.endswith("_FALLBACKS"):
                assert re.fullmatch(r"\$\{[A-Z_0-9]+:\?[^}]+\}", str(value)), f"{name}: {variable}"
    made = set(re.findall(r"^([A-Z_0-9]+)=", (DEPLOY / "new-secrets.sh").read_text(), re.MULTILINE))
    wanted = set(re.findall(r"\$\{([A-Z_0-9]+):\?", (BASE_DIR / "compose.yaml").read_text()))
    assert made == wanted


def test_only_nginx_can_be_reached_from_outside():
    assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["nginx"]


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_nginx_is_given_every_variable_of_its_template(where):
    template = (DEPLOY / "nginx.conf").read_text()
    wanted = set(re.findall(r"\$\{(NGINX_\w+)\}", template)) - {"NGINX_LOCAL_RESOLVERS"}  # which its image makes
    if where == "compose":
        given = set(COMPOSE["services"]["nginx"]["environment"])
    else:
        given = {variable["name"] for variable in container(of_kind("Deployment")["nginx"])["env"]}
    assert wanted <= given
    assert "NGINX_ENTRYPOINT_LOCAL_RESOLVERS" in given
    documented = (BASE_DIR / "docs/deployment.md").read_text()
    assert {name for name in wanted if f"`{name}`" not in documented} == set()


def test_kustomize_takes_every_manifest():
    listed = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(f"kubernetes/{path.name}" for path in (DEPLOY / "kubernetes").glob("*.yaml"))


def test_kubernetes_runs_the_same_commands_with_variables_that_there_are():
    runs = {name: container(found)["args"] for name, found in of_kind("Deployment").items() if name != "nginx"}
    runs["migrate"] = container(of_kind("Job")["migrate"])["args"]
    assert runs == {name: COMPOSE["services"][name]["command"] for name in OURS}
    data = of_kind("ConfigMap")["visant"]["data"]
    assert {name for name in data if name not in described()} == set()
    assert [name for name in data if SECRET.search(name) and not name.endswith("_FILE")] == []


def test_every_pod_is_fit_for_a_restricted_namespace():
    for found in [*of_kind("Deployment").values(), *of_kind("Job").values()]:
        pod, only = found["spec"]["template"]["spec"], container(found)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == set(only["resources"])


def test_what_is_behind_a_service_has_probes_and_a_budget():
    services, budgets = of_kind("Service"), of_kind("PodDisruptionBudget")
    assert set(services) == {"web", "events", "nginx"}
    for name in services:
        assert {"readinessProbe", "livenessProbe"} <= set(container(of_kind("Deployment")[name]))
        assert name in budgets
    for name, scaler in of_kind("HorizontalPodAutoscaler").items():
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
        # Two would decide, and each roll-out would set back what the autoscaler had found.
        assert "replicas" not in of_kind("Deployment")[name]["spec"]


def test_the_image_has_every_room_and_no_test():
    text, ignored = (BASE_DIR / "Dockerfile").read_text(), (BASE_DIR / ".dockerignore").read_text().splitlines()
    rooms = {path.parent.name for path in BASE_DIR.glob("*/__init__.py")} - {"tests", "bench"}
    copied = set(re.findall(r"^COPY (?!--)(\S+)", text, re.MULTILINE))
    assert {room for room in rooms if f"{room}/" not in copied} == set()
    assert {name for name in copied if f"!{name.rstrip('/')}" not in ignored} == set()
    assert ignored[0] == "*"
    assert "**/tests" in ignored
    assert re.search(r"^USER 10001", text, re.MULTILINE)
    assert Path(BASE_DIR, "deploy/healthcheck.py").exists()

"""The manifests of deploy/kubernetes, compared with the code and the image."""

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from api.app import create_app
from api.process.drain import DRAIN_SECONDS
from api.process.settings import Settings, strangers
from tests.harness.processes import command

FOLDER = Path("deploy/kubernetes")
DOCUMENTS = [document for file in FOLDER.glob("*.yaml") for document in yaml.safe_load_all(file.read_text())]
KINDS: dict[str, dict[str, Any]] = {document["kind"]: document for document in DOCUMENTS}
DOCKERFILE = Path("Dockerfile").read_text()
PORT = int(re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[0])


def pod(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = KINDS[kind]["spec"]["template"]["spec"]
    return found


def container(kind: str) -> dict[str, Any]:
    [found] = pod(kind)["containers"]
    return dict(found)


def variables(kind: str) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(kind)["env"]}


def wrong_probes(container: Mapping[str, Any]) -> list[str]:
    """Return the probes of a container that ask for no route, or at no port of it."""
    routes = set(create_app().openapi()["paths"])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    probes = {name: probe["httpGet"] for name, probe in container.items() if name.endswith("Probe")}
    return [name for name, get in probes.items() if get["path"] not in routes or ports.get(get["port"]) != PORT]


def test_every_probe_asks_for_a_route_at_the_port_of_the_image() -> None:
    """Readiness depends on the databases, liveness does not: an outage of PostgreSQL restarts no pod."""
    deployed = container("Deployment")
    assert wrong_probes(deployed) == []
    assert Settings.model_fields["port"].default == PORT
    assert deployed["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert deployed["livenessProbe"]["httpGet"]["path"] == "/livez"
    startup = deployed["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > Settings.model_fields["start_timeout"].default


@pytest.mark.parametrize("get", [{"path": "/healthz", "port": "http"}, {"path": "/livez", "port": "web"}])
def test_a_wrong_probe_is_found(get: dict[str, str]) -> None:
    """An unknown path or port is named (negative control)."""
    assert wrong_probes(container("Deployment") | {"livenessProbe": {"httpGet": get}}) == ["livenessProbe"]


def test_a_pod_has_the_time_to_drain() -> None:
    """A pod leaves the endpoints before its port closes, and is not killed before every request is answered."""
    spec, readiness = pod("Deployment"), container("Deployment")["readinessProbe"]
    assert spec["terminationGracePeriodSeconds"] >= DRAIN_SECONDS + 5
    drain = Settings(drain_time=float(variables("Deployment")["FOLIO_DRAIN_TIME"])).drain_time
    assert drain >= readiness["periodSeconds"] * readiness["failureThreshold"]


def test_two_replicas_are_found_by_service_ingress_and_budget() -> None:
    """Selectors and names agree; an upgrade or a drained node leaves at least one replica."""
    deployment = KINDS["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["replicas"] == 2
    assert labels == deployment["spec"]["selector"]["matchLabels"] == KINDS["Service"]["spec"]["selector"]
    assert labels == KINDS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    [port] = KINDS["Service"]["spec"]["ports"]
    assert port["targetPort"] in {port["name"] for port in container("Deployment")["ports"]}
    [rule] = KINDS["Ingress"]["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert (backend["name"], backend["port"]["name"]) == (KINDS["Service"]["metadata"]["name"], port["name"])


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_settings_command_and_user_are_those_of_the_image(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting is known and valid, the command exists, and the user is that of the Dockerfile."""
    for name, value in variables(kind).items():
        monkeypatch.setenv(name, value)
    Settings()
    assert strangers(variables(kind)) == []
    arguments = container(kind)["args"]
    usage = command(*arguments, "--help", settings={})
    assert (usage.returncode, all(option in usage.stdout for option in arguments)) == (0, True)
    security = pod(kind)["securityContext"]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}\n" in DOCKERFILE
    assert f"--uid {security['runAsUser']} " in DOCKERFILE
    assert container(kind)["image"].endswith(f"/folio:{version('folio')}")
    mounts = {mount["name"] for mount in container(kind)["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod(kind)["volumes"]}


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_the_address_of_the_service_is_not_taken_for_a_setting(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes would set FOLIO_PORT to the address of the service `folio`, which is no port."""
    assert pod(kind)["enableServiceLinks"] is False
    monkeypatch.setenv(f"{KINDS['Service']['metadata']['name'].upper()}_PORT", "tcp://10.0.0.1:80")
    with pytest.raises(ValidationError):
        Settings()


def test_the_image_says_its_version() -> None:
    """The label's default is the version of the distribution."""
    assert f"ARG VERSION={version('folio')} " in DOCKERFILE

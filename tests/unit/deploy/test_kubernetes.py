"""The Kubernetes manifests: held to the API's own schemas, and to what a node needs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from firesteel.settings import Settings, load_settings
from firesteel.supervisor import STOP_MARGIN_S
from tests.support.deployment import DEPLOY, document, documents

FOLDERS = ("cluster", "single-node")
OLDEST, NEWEST = "1.28", "1.37"
KEY = "A" * 43


def manifests(folder: str) -> list[dict[str, Any]]:
    """The objects as they are written, the example of an Ingress too."""
    paths = sorted((DEPLOY / "kubernetes" / folder).glob("*.yaml"))
    return [
        each
        for path in paths
        if path.name != "kustomization.yaml"
        for each in documents(path.read_text())
    ]


def kustomization(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = document(DEPLOY / "kubernetes" / folder / "kustomization.yaml")
    return found


def of_kind(folder: str, *kinds: str) -> list[dict[str, Any]]:
    return [each for each in manifests(folder) if each["kind"] in kinds]


def workloads() -> list[Any]:
    """Every set of pods, with its folder."""
    return [
        pytest.param(folder, each, id=f"{folder}/{each['metadata']['name']}")
        for folder in FOLDERS
        for each in of_kind(folder, "Deployment", "StatefulSet")
    ]


every_workload = pytest.mark.parametrize(("folder", "workload"), workloads())


def container_of(workload: dict[str, Any]) -> dict[str, Any]:
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def settings_of(folder: str, workload: dict[str, Any]) -> Settings:
    """What the node would run with: the ConfigMap's settings, and the Secret's."""
    (generated,) = kustomization(folder)["configMapGenerator"]
    environment = dict(each.split("=", 1) for each in generated["literals"])
    secret = {"database-url": "postgresql://u:p@db/firesteel", "encryption-key": KEY}
    for each in container_of(workload)["env"]:
        given = each.get("value") or secret[each["valueFrom"]["secretKeyRef"]["key"]]
        environment[each["name"]] = given
    return load_settings({}, environment, None)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_fits_the_schemas_of_kubernetes(folder: str, version: str) -> None:
    for each in manifests(folder):
        kubernetes_validate.validate(each, version, strict=True)


def test_the_schemas_find_a_key_that_does_not_exist() -> None:
    wrong = of_kind("cluster", "Deployment")[0]
    wrong["spec"]["template"]["spec"]["terminationGraceSeconds"] = 60
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGraceSeconds"):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def kustomized(folder: str) -> list[dict[str, Any]]:
    """The objects as they would be applied."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on this machine")
    done = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return documents(done.stdout)


@pytest.mark.parametrize("folder", FOLDERS)
def test_kustomize_puts_the_objects_together(folder: str) -> None:
    built = kustomized(folder)
    for each in built:
        kubernetes_validate.validate(each, NEWEST, strict=True)
    pods = [each for each in built if each["kind"] in ("Deployment", "StatefulSet")]
    (generated,) = (each["metadata"]["name"] for each in built if each["kind"] == "ConfigMap")
    for workload in pods:
        template = workload["spec"]["template"]
        assert template["metadata"]["labels"]["app.kubernetes.io/name"] == "firesteel"
        assert container_of(workload)["image"] == "firesteel:0.1.0"
        assert container_of(workload)["envFrom"] == [{"configMapRef": {"name": generated}}]
    policies = [each["spec"] for each in built if each["kind"] == "NetworkPolicy"]
    for policy in policies:
        assert policy["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "firesteel"}


def test_the_example_of_an_overlay_changes_what_it_names_and_nothing_else() -> None:
    base, built = kustomized("cluster"), kustomized("example")
    assert [each["kind"] for each in built] == [each["kind"] for each in base]
    assert {each["metadata"]["namespace"] for each in built} == {"firesteel"}
    (config,) = (each["data"] for each in built if each["kind"] == "ConfigMap")
    assert config["FIRESTEEL_PUBLIC_URL"] == "https://hooks.acme.example"
    deployments = [each for each in built if each["kind"] == "Deployment"]
    assert [each["spec"]["replicas"] for each in deployments] == [2, 4]
    images = {container_of(each)["image"] for each in deployments}
    assert images == {"registry.example.com/acme/firesteel:0.1.0"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_is_a_resource_or_an_example_that_is_named(folder: str) -> None:
    home = DEPLOY / "kubernetes" / folder
    listed = set(kustomization(folder)["resources"])
    there = {path.name for path in home.glob("*.yaml")} - {"kustomization.yaml"}
    assert listed <= there
    for example in there - listed:
        assert f"# - {example}" in (home / "kustomization.yaml").read_text()


@every_workload
def test_settings_are_taken_and_the_key_is_the_same_everywhere(
    folder: str, workload: dict[str, Any]
) -> None:
    settings = settings_of(folder, workload)
    assert settings.encryption_key is not None
    assert (settings.database_url is None) == (folder == "single-node")
    secret = [each["valueFrom"]["secretKeyRef"] for each in _secret(container_of(workload))]
    assert {each["name"] for each in secret} == {"firesteel"}


@every_workload
def test_processes_that_run_workflows_are_counted_not_guessed(
    folder: str, workload: dict[str, Any]
) -> None:
    """A node would take the cores of the machine; a gateway takes one."""
    if "gateway" not in container_of(workload)["args"]:
        assert settings_of(folder, workload).workers == 2


def _secret(container: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in container["env"] if "valueFrom" in each]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_secret_lies_among_the_manifests(folder: str) -> None:
    assert of_kind(folder, "Secret") == []
    assert "secretGenerator" not in kustomization(folder)
    text = json.dumps([manifests(folder), kustomization(folder)])
    assert "postgresql://" not in text


@every_workload
def test_probes_ask_the_admin_port(folder: str, workload: dict[str, Any]) -> None:
    container = container_of(workload)
    asked = {
        name: (container[name]["httpGet"]["path"], container[name]["httpGet"]["port"])
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {
        "startupProbe": ("/health/live", "admin"),
        "livenessProbe": ("/health/live", "admin"),
        "readinessProbe": ("/health/ready", "admin"),
    }
    settings = settings_of(folder, workload)
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    public = {} if "worker" in container["args"] else {"public": settings.port}
    assert ports == {"admin": settings.admin_port, **public}


@every_workload
def test_a_stopping_node_has_the_time_that_it_takes(folder: str, workload: dict[str, Any]) -> None:
    settings = settings_of(folder, workload)
    needed_s = settings.shutdown_delay_s + settings.shutdown_timeout_s + STOP_MARGIN_S
    assert workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > needed_s
    probe = container_of(workload)["readinessProbe"]
    assert settings.shutdown_delay_s > probe["periodSeconds"] * probe["failureThreshold"]


@every_workload
def test_pods_are_restricted(folder: str, workload: dict[str, Any]) -> None:
    """The profile ``restricted`` of the Pod Security Standards, and a root that is read-only."""
    pod, container = workload["spec"]["template"]["spec"], container_of(workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"]["cpu"]


@every_workload
def test_the_services_addresses_are_not_taken_for_settings(
    folder: str, workload: dict[str, Any]
) -> None:
    """A Service named firesteel would else give every pod a FIRESTEEL_PORT of its own."""
    assert workload["spec"]["template"]["spec"]["enableServiceLinks"] is False


@every_workload
def test_every_mount_has_its_volume(folder: str, workload: dict[str, Any]) -> None:
    spec = workload["spec"]
    volumes = {each["name"] for each in spec["template"]["spec"]["volumes"]}
    volumes |= {each["metadata"]["name"] for each in spec.get("volumeClaimTemplates", [])}
    mounts = {each["name"]: each["mountPath"] for each in container_of(workload)["volumeMounts"]}
    assert set(mounts) == volumes
    assert mounts == {"data": "/var/lib/firesteel", "tmp": "/tmp"}


@every_workload
def test_selectors_find_the_pods(folder: str, workload: dict[str, Any]) -> None:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert workload["spec"]["selector"]["matchLabels"] == labels


@pytest.mark.parametrize("folder", FOLDERS)
def test_services_and_budgets_select_pods_that_exist(folder: str) -> None:
    kinds = of_kind(folder, "Deployment", "StatefulSet")
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in kinds]
    for service in of_kind(folder, "Service"):
        assert service["spec"]["selector"] in labels
    for budget in of_kind(folder, "PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"] in labels
        assert budget["spec"]["maxUnavailable"] == 1


def test_a_cluster_has_gateways_and_workers_that_are_replaced_one_by_one() -> None:
    deployments = of_kind("cluster", "Deployment")
    assert [container_of(each)["args"][-1] for each in deployments] == ["gateway", "worker"]
    for each in deployments:
        assert each["spec"]["replicas"] >= 2
        assert each["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert len(of_kind("cluster", "PodDisruptionBudget")) == len(deployments)


def test_a_store_in_sqlite_has_one_node_and_a_volume_that_stays() -> None:
    (workload,) = of_kind("single-node", "StatefulSet")
    assert workload["spec"]["replicas"] == 1
    (claim,) = workload["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert workload["spec"]["serviceName"] in names(of_kind("single-node", "Service"))


def test_only_callers_ports_are_open_to_the_way_in() -> None:
    (ingress,) = of_kind("cluster", "Ingress")
    backends = [
        path["backend"]["service"]
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]
    assert backends == [{"name": "firesteel", "port": {"name": "public"}}]
    (service,) = (
        each for each in of_kind("cluster", "Service") if each["metadata"]["name"] == "firesteel"
    )
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["public"]


def test_each_port_is_opened_by_a_label_of_its_own() -> None:
    (policy,) = (
        each["spec"] for each in of_kind("cluster", "NetworkPolicy") if "ingress" in each["spec"]
    )
    opened = {
        rule["ports"][0]["port"]: rule["from"][0]["namespaceSelector"]["matchLabels"]
        for rule in policy["ingress"]
    }
    assert opened == {
        "public": {"firesteel.public": "allowed"},
        "admin": {"firesteel.admin": "allowed"},
    }


def names(objects: list[dict[str, Any]]) -> Iterator[str]:
    for each in objects:
        yield each["metadata"]["name"]

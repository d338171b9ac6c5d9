"""The manifests: valid by Kubernetes' own schemas, restricted, and true of mintwatch and of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from monitor import settings
from monitor.settings import Reference
from monitor.settings.daemon import ServeSettings
from tests.deploy.names import DEPLOY, read

FOLDER: Final = DEPLOY / "kubernetes"
MONITORING: Final = FOLDER / "monitoring"
VERSIONS: Final = ("1.29", "1.33", "1.37")
KUSTOMIZATION: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "resources"],
    "properties": {
        "apiVersion": {"const": "kustomize.config.k8s.io/v1beta1"},
        "kind": {"const": "Kustomization"},
        "resources": {"type": "array", "items": {"type": "string"}},
        "images": {"type": "array", "items": {"required": ["name", "newName", "newTag"]}},
    },
}
SERVICE_MONITOR: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "ServiceMonitor"},
        "metadata": {"type": "object"},
        "spec": {
            "additionalProperties": False,
            "required": ["selector", "endpoints"],
            "properties": {
                "selector": {"required": ["matchLabels"]},
                "namespaceSelector": {"properties": {"matchNames": {"items": {"type": "string"}}}},
                "endpoints": {
                    "items": {
                        "additionalProperties": False,
                        "required": ["port"],
                        "properties": {
                            "port": {"type": "string"},
                            "path": {"const": "/metrics"},
                            "interval": {"pattern": r"^\d+s$"},
                            "scrapeTimeout": {"pattern": r"^\d+s$"},
                        },
                    }
                },
            },
        },
    },
}


def manifest(kind: str) -> Any:
    """The one manifest of that kind; what is looked up in it differs by kind."""
    return read(FOLDER / f"{kind.lower()}.yml")


def pod() -> Any:
    return manifest("StatefulSet")["spec"]["template"]["spec"]


def container() -> Any:
    (only,) = pod()["containers"]
    return only


PLAIN: Final = [path for path in sorted(FOLDER.glob("*.yml")) if path.name != "kustomization.yml"]
"""What Kubernetes itself knows."""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_kubernetes_would_accept_it(path: Path, version: str) -> None:
    kubernetes_validate.validate(read(path), version, strict=True)


def test_the_schemas_refuse_what_kubernetes_would() -> None:
    wrong = manifest("StatefulSet")
    wrong["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFileSystem"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("folder", [FOLDER, MONITORING], ids=lambda path: path.name)
def test_kustomization_names_every_file(folder: Path) -> None:
    said = read(folder / "kustomization.yml")
    jsonschema.validate(said, KUSTOMIZATION)
    assert isinstance(said["resources"], list)
    assert {*said["resources"], "kustomization.yml"} == {path.name for path in folder.glob("*.yml")}


def test_everything_is_in_its_namespace_and_carries_its_name() -> None:
    for path in [*PLAIN, MONITORING / "servicemonitor.yml", MONITORING / "prometheusrule.yml"]:
        about: Any = read(path)["metadata"]
        assert about["name"] == "mintwatch"
        if path.name != "namespace.yml":
            assert about["namespace"] == "mintwatch"
            assert about["labels"]["app.kubernetes.io/name"] == "mintwatch"


# --- restricted ---------------------------------------------------------------------------------------------------


def test_the_pod_is_what_the_namespace_enforces() -> None:
    """Each point of the Pod Security Standard `restricted` that a pod can miss."""
    assert manifest("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    whole, own = pod()["securityContext"], container()["securityContext"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod().keys()
    assert whole["runAsNonRoot"] is True
    assert whole["runAsUser"] == whole["runAsGroup"] == whole["fsGroup"] == 10001
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own["readOnlyRootFilesystem"] is True
    assert {kind for one in pod()["volumes"] for kind in one} <= {"name", "configMap", "secret", "emptyDir"}


def test_no_token_of_kubernetes_is_mounted() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert manifest("ServiceAccount")["automountServiceAccountToken"] is False


def test_azure_gives_the_pod_a_token() -> None:
    assert manifest("StatefulSet")["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert "azure.workload.identity/client-id" in manifest("ServiceAccount")["metadata"]["annotations"]
    assert pod()["serviceAccountName"] == manifest("ServiceAccount")["metadata"]["name"]


# --- true of mintwatch --------------------------------------------------------------------------------------------


def test_there_is_one_writer_and_its_state_outlives_it() -> None:
    spec = manifest("StatefulSet")["spec"]
    assert spec["replicas"] == 1
    assert set(spec["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
    assert [one["metadata"]["name"] for one in spec["volumeClaimTemplates"]] == ["state"]


def test_it_is_given_the_time_to_stop() -> None:
    assert pod()["terminationGracePeriodSeconds"] >= 15


def test_the_settings_load(tmp_path: Path) -> None:
    (tmp_path / "mintwatch.yml").write_text(manifest("ConfigMap")["data"]["mintwatch.yml"], "utf-8")
    chosen = settings.load(tmp_path / "mintwatch.yml", {})
    places = {one["mountPath"] for one in container()["volumeMounts"]}
    assert chosen.rules is None, "the shipped rules"
    assert str(chosen.state) == "/state"
    assert chosen.state.as_posix() in places
    assert "/etc/mintwatch" in places
    assert chosen.slack is not None
    assert chosen.heartbeat is not None
    for one in (chosen.slack.token, chosen.slack.app_token, chosen.heartbeat.url):
        assert isinstance(one, Reference)
        assert one.file is not None
        assert one.file.parent.as_posix() in places


def test_what_the_pod_mounts_is_there() -> None:
    named = {one["name"] for one in pod()["volumes"]} | {"state"}
    assert {one["name"] for one in container()["volumeMounts"]} == named
    (from_map,) = [one["configMap"]["name"] for one in pod()["volumes"] if "configMap" in one]
    assert from_map == manifest("ConfigMap")["metadata"]["name"]
    assert not [one for one in container()["volumeMounts"] if "subPath" in one], "a change would never arrive"


def test_probes_ask_what_it_answers_and_bear_a_first_history() -> None:
    probes = {name: container()[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    asked = {name: one["httpGet"]["path"] for name, one in probes.items()}
    assert asked == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert probes["startup"]["periodSeconds"] * probes["startup"]["failureThreshold"] >= 600
    assert 60 <= probes["liveness"]["periodSeconds"] * probes["liveness"]["failureThreshold"] <= 120


def test_all_speak_of_one_port() -> None:
    port = int(ServeSettings().address.rpartition(":")[2])
    (service,) = manifest("Service")["spec"]["ports"]
    ((inward,),) = [one["ports"] for one in manifest("NetworkPolicy")["spec"]["ingress"]]
    (endpoint,) = read(MONITORING / "servicemonitor.yml")["spec"]["endpoints"]  # type: ignore[index]
    assert container()["ports"] == [{"name": "metrics", "containerPort": port}]
    assert service == {"name": "metrics", "port": port, "targetPort": "metrics"}
    assert inward == {"port": port, "protocol": "TCP"}
    assert endpoint["port"] == "metrics"
    assert {container()[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness", "readiness")} == {
        "metrics"
    }


def test_selectors_select_it() -> None:
    labels = manifest("StatefulSet")["spec"]["template"]["metadata"]["labels"].items()
    assert manifest("StatefulSet")["spec"]["selector"]["matchLabels"].items() <= labels
    assert manifest("Service")["spec"]["selector"].items() <= labels
    jsonschema.validate(watched := read(MONITORING / "servicemonitor.yml"), SERVICE_MONITOR)
    chosen: Any = watched["spec"]
    assert chosen["selector"]["matchLabels"].items() <= manifest("Service")["metadata"]["labels"].items()


def test_metrics_are_read_while_it_is_not_ready() -> None:
    assert manifest("Service")["spec"]["publishNotReadyAddresses"] is True


def test_nothing_private_can_be_reached() -> None:
    policy = manifest("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    blocks = [to["ipBlock"] for one in policy["egress"] for to in one["to"] if "ipBlock" in to]
    assert [one["cidr"] for one in blocks] == ["0.0.0.0/0"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(blocks[0]["except"])

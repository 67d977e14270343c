"""Azure Monitor's autoscale, by its own client and by `az monitor`: instances follow what was measured."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.monitor.models import AutoscaleProfile, MetricTrigger, ScaleAction, ScaleRule

from tests.clients.test_online_scaling import Endpoint, given, until
from tests.conftest import GROUP, SUBSCRIPTION, Platform, lead

SCORE = """
def init():
    pass

def run(raw_data):
    return 1
"""


def rule(metric: str, resource: str, comparison: str, threshold: float, direction: str) -> ScaleRule:
    return ScaleRule(
        metric_trigger=MetricTrigger(
            metric_name=metric,
            metric_resource_uri=resource,
            time_grain=timedelta(seconds=5),
            statistic="Average",
            operator=comparison,
            time_aggregation="Last",
            time_window=timedelta(seconds=10),
            threshold=threshold,
        ),
        scale_action=ScaleAction(direction=direction, type="ChangeCount", value=1, cooldown=timedelta(seconds=1)),
    )


def profile(least: int, most: int, *rules: ScaleRule) -> AutoscaleProfile:
    return AutoscaleProfile(
        name="usual", capacity={"minimum": least, "maximum": most, "default": least}, rules=list(rules)
    )


def test_rules_move_instances_through_a_crash_of_the_platform(own_platform: Platform, code: Path, monkeypatch) -> None:
    own_platform.start()
    lead(monkeypatch, own_platform)
    ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "moved")
    monitor = MonitorManagementClient(DefaultAzureCredential(), SUBSCRIPTION)
    blue = ManagedOnlineDeployment(**given(code, "moved", instance_type="Standard_DS3_v2"))
    one = Endpoint(ml, own_platform, ManagedOnlineEndpoint(name="moved"), blue)
    target = ml.online_deployments.get("blue", "moved").id
    whole = ml.online_endpoints.get("moved").properties["azureml.onlineendpointid"]

    def put(*profiles: AutoscaleProfile) -> None:
        body = {"location": "eastus", "target_resource_uri": target, "enabled": True, "profiles": list(profiles)}
        monitor.autoscale_settings.create_or_update(GROUP, "moving", body)

    def instances() -> int:
        return ml.online_deployments.get("blue", "moved").instance_count

    put(profile(2, 2))
    until(lambda: one.has(2) and instances() == 2)
    own_platform.kill()
    own_platform.start()
    assert monitor.autoscale_settings.get(GROUP, "moving").profiles[0].capacity.minimum == "2"
    assert instances() == 2
    more = rule("RequestsPerMinute", whole, "GreaterThan", 30, "Increase")
    fewer = rule("RequestsPerMinute", target, "LessThan", 1, "Decrease")
    put(profile(1, 3, more, fewer))
    with one.load(clients=1, seconds=0, pause_s=0.05) as statuses:
        until(lambda: instances() == 3)
        until(lambda: one.has(3))
    until(lambda: instances() == 1)
    assert statuses.keys() == {200}
    log = ml.online_deployments.get_logs("blue", "moved", lines=50, container_type="storage-initializer")
    assert "from 2 to 3 instances: RequestsPerMinute of moved was" in log
    # A new body of the deployment keeps what the rules have made of its capacity, unless it says otherwise.
    again = ml.online_deployments.get("blue", "moved")
    assert again.instance_count == 1
    (found,) = monitor.metrics.list(target, metricnames="RequestsPerMinute", aggregation="Total").value
    asked = sum(point.total for series in found.timeseries for point in series.data)
    assert asked > 0, "the minutes before and after the crash"
    monitor.autoscale_settings.delete(GROUP, "moving")
    with pytest.raises(ResourceNotFoundError):
        monitor.autoscale_settings.get(GROUP, "moving")


def test_az_monitor_writes_what_its_own_scripts_do(ml: MLClient, platform: Platform, code: Path) -> None:
    name, setting = f"ep-{ml.workspace_name}", f"as-{ml.workspace_name}"
    blue = ManagedOnlineDeployment(**given(code, name, instance_type="Standard_DS3_v2"))
    one = Endpoint(ml, platform, ManagedOnlineEndpoint(name=name), blue)
    target = ml.online_deployments.get("blue", name).id
    assert one.ask().status_code == 200

    def az(*words: str) -> object:
        command = [sys.executable, "-m", "lazulite.cli.main", "az", "monitor", *words, "-g", GROUP]
        command += ["--subscription", SUBSCRIPTION]
        done = subprocess.run(command, env=platform.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    of = ("--autoscale-name", setting)
    az(
        "autoscale",
        "create",
        "-n",
        setting,
        "--resource",
        target,
        "--min-count",
        "2",
        "--max-count",
        "3",
        "--count",
        "2",
    )
    until(lambda: one.has(2))
    az("autoscale", "rule", "create", *of, "--condition", "CpuUtilizationPercentage > 70 avg 5m", "--scale", "out", "2")
    az("autoscale", "rule", "create", *of, "--condition", "RequestLatency > 70 avg 5m", "--scale", "out", "1",
       "--resource", target.rpartition("/deployments/")[0])  # fmt: skip
    az("autoscale", "rule", "create", *of, "--condition", "CpuUtilizationPercentage < 25 avg 5m", "--scale", "in", "1")
    az("autoscale", "rule", "delete", *of, "--index", "1")
    rules = az("autoscale", "rule", "list", *of)
    assert [rule["scaleAction"]["direction"] for rule in rules] == ["Increase", "Decrease"]
    trigger = rules[0]["metricTrigger"]
    assert (trigger["metricResourceUri"], trigger["operator"], trigger["threshold"]) == (target, "GreaterThan", 70)
    assert (trigger["statistic"], trigger["timeGrain"], trigger["timeWindow"]) == ("Average", "PT1M", "PT5M")
    az("autoscale", "profile", "create", *of, "--name", "weekend", "--count", "2", "--recurrence", "week", "sat", "sun",
       "--timezone", "Pacific Standard Time")  # fmt: skip
    names = [found["name"] for found in az("autoscale", "profile", "list", *of)]
    assert names == ["default", "weekend", '{"name": "default", "for": "weekend"}']
    az("autoscale", "profile", "delete", *of, "-n", "weekend")
    shown = az("autoscale", "update", "-n", setting, "--enabled", "false")
    assert (shown["enabled"], [found["name"] for found in shown["profiles"]]) == (False, ["default"])
    assert setting in [found["name"] for found in az("autoscale", "list")]
    until(lambda: az("metrics", "list", "--resource", target, "--metrics", "RequestsPerMinute")["value"][0][
        "timeseries"][0]["data"])  # fmt: skip
    ever = az("metrics", "list", "--resource", target, "--interval", "1d", "--offset", "999999999d")
    assert ever["timespan"].startswith("1970-01-01T00:00:00Z/")
    known = [found["name"]["value"] for found in az("metrics", "list-definitions", "--resource", target)]
    assert {"CpuUtilizationPercentage", "RequestLatency_P95", "DeploymentCapacity"} <= set(known)
    az("autoscale", "delete", "-n", setting)


def test_what_cannot_be_moved_is_refused(ml: MLClient, platform: Platform, code: Path) -> None:
    name = f"ep-{ml.workspace_name}"
    blue = ManagedOnlineDeployment(**given(code, name, instance_type="Standard_DS3_v2"))
    Endpoint(ml, platform, ManagedOnlineEndpoint(name=name), blue)
    target, settings = ml.online_deployments.get("blue", name).id, MonitorManagementClient(
        DefaultAzureCredential(), SUBSCRIPTION
    ).autoscale_settings  # fmt: skip

    def put(setting: str, resource: str, *rules: ScaleRule) -> None:
        body = {"location": "eastus", "target_resource_uri": resource, "profiles": [profile(1, 1, *rules)]}
        settings.create_or_update(GROUP, f"{setting}-{name}", body)

    put("first", target)
    with pytest.raises(HttpResponseError, match='is for deployment "blue"') as refused:
        put("second", target)
    assert refused.value.status_code == 409
    with pytest.raises(HttpResponseError, match='has no deployment "green"'):
        put("second", target.replace("/blue", "/green"))
    with pytest.raises(HttpResponseError, match="There are CpuUtilizationPercentage"):
        put("first", target, rule("GpuUtilizationPercentage", target, "GreaterThan", 5, "Increase"))
    assert settings.get(GROUP, f"first-{name}").profiles[0].rules == []
    settings.delete(GROUP, f"first-{name}")

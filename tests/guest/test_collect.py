"""What a worker collects, told by the plan alone; what reaches the datastore stands in tests/clients."""

import json

from tests.guest.deployed import wait_until

SCRIPT = """
import sys, types

class Frame:
    def to_json(self, orient):
        return '[{"a": 1}]'

sys.modules["pandas"] = types.SimpleNamespace(DataFrame=Frame)
from azureml.ai.monitoring import Collector
from azureml.ai.monitoring.context import BasicCorrelationContext

def init():
    global seen
    seen = Collector(name="model_inputs", on_error=print)
    Collector(name="other", on_error=print)

def run(data):
    seen.collect(Frame(), BasicCorrelationContext(id="the-id"))
    seen.collect([1])
    return 1
"""


def test_a_local_deployment_prints_what_it_collects(deploy, tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps({"collections": {"model_inputs": {"enabled": True, "sampling_percentage": 100}}, "runMode": "local"})
    )
    worker = deploy(SCRIPT, AZUREML_MDC_CONFIG_PATH=str(plan)).start()
    worker.score(b"x")
    log = wait_until(lambda: "local.capture" in worker.log and worker.log)
    assert 'local.capture - model_inputs | the-id | [{"a": 1}]' in log
    assert "collection other is not enabled" in log and "data type (list) not supported" in log


def test_without_a_plan_collectors_say_so(deploy):
    worker = deploy(SCRIPT).start()
    assert "custom logging is not enabled" in worker.log
    assert worker.score(b"x").status == 200


def test_requests_are_collected_by_chance_and_large_ones_beside_their_line(deploy, tmp_path):
    def place(name, percent):
        folder = tmp_path / name
        return {"enabled": True, "sampleRatePercentage": percent, "uri": f"azureml://x/{name}", "folder": str(folder)}

    plan = tmp_path / "plan.json"
    collections = {"request": place("request", 100), "response": place("response", 0)}
    told = {"collections": collections, "rollingRate": "day", "captureHeaders": [], "source": "me"}
    plan.write_text(json.dumps(told))
    worker = deploy("def init(): pass\ndef run(data): return len(data)", AZUREML_MDC_CONFIG_PATH=str(plan)).start()
    large = b"x" * (5 << 20)
    for body in (b'{"a": 1}', large):
        assert worker.score(body).status == 200

    def events():
        lines = [line for path in (tmp_path / "request").rglob("*.jsonl") for line in path.read_text().splitlines()]
        return [json.loads(line) for line in lines] if len(lines) == 2 else None

    small, big = wait_until(events)
    assert (small["data"], small["type"], small["source"]) == ({"a": 1}, "azureml.inference.request", "me")
    (beside,) = (tmp_path / "request").rglob("*.bin")
    assert beside.read_bytes() == large and big["dataref"].endswith(beside.name) and "data" not in big
    assert not (tmp_path / "response").exists()

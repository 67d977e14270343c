"""What a client of the scoring port gets: statuses, headers and bodies as Azure's endpoints give them."""

import json
import re
from collections import Counter

import pytest

from lazulite.serving import routing
from tests.serving.rig import KEY, blue, endpoint, rig_in, wait_until

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    with rig_in(folder) as rig:
        swagger = folder / "swagger.json"
        swagger.write_text('{"swagger": "2.0"}')
        both = {name: {one: blue(rig.worker(f"{name}-{one}")) for one in ("blue", "green")} for name in ("s", "m")}
        rig.route(
            e=endpoint(rig.worker("e"), swagger=str(swagger)),
            quiet=routing.Endpoint({"blue": blue(rig.worker("quiet"))}, keys=(KEY,)),
            empty=routing.Endpoint({}, keys=(KEY,)),
            shared=routing.Endpoint(both["s"], keys=(KEY,), traffic={"blue": 90, "green": 10}),
            mirrored=routing.Endpoint(both["m"], keys=(KEY,), traffic={"blue": 100}, mirror={"green": 50}),
            dead=routing.Endpoint({"blue": blue()}, keys=(KEY,), traffic={"blue": 100}),
            pages=routing.Endpoint(
                {"blue": blue(rig.worker("pages"))}, keys=(KEY,), traffic={"blue": 100}, cors=("https://a.example",)
            ),
        )
        rig.start()
        yield rig


def told(rig, path, **headers):
    return json.loads(rig.call(f"{path}?told=1", b"{}", **headers).body)


def error(answer):
    return json.loads(answer.body)["error"]


def test_an_answer_bears_the_headers_of_azure(rig):
    answer = rig.call("/e/score", b"hello")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-toy"] == "1"
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert UUID.fullmatch(answer.headers["x-request-id"])
    assert answer.headers["x-ms-request-id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"\d+\.\d{3}", answer.headers["x-ms-run-fn-exec-ms"])
    assert answer.headers["date"].endswith("GMT")


def test_client_ids_come_back_and_the_request_id_is_azures_own(rig):
    answer = rig.call("/e/score", b"", x_ms_client_request_id="my-id <1>", x_request_id="mine")
    assert answer.headers["x-ms-client-request-id"] == "my-id1"
    assert answer.headers["x-ms-request-id"] == "my-id1"
    assert UUID.fullmatch(answer.headers["x-request-id"])


def test_the_worker_hears_the_id_the_path_and_the_time_it_has(rig):
    answer = rig.call("/e/score?told=1&x=%20y", b"{}", x_request_id="mine")
    heard = json.loads(answer.body)
    assert heard["id"] == answer.headers["x-request-id"]
    assert heard["timeout_ms"] == 5000
    assert heard["head"].startswith("POST /e/score?told=1&x=%20y HTTP/1.1\r\n")
    assert heard["head"].endswith("\r\nx-lazulite-path: /score?told=1&x=%20y\r\n")
    assert "mine" not in heard["head"]


def test_azures_host_name_leads_to_the_endpoint(rig):
    assert rig.call("/score", b"hello", Host="e.eastus.inference.ml.azure.com").body == b"hello"


def test_endpoint_names_ignore_case(rig):
    assert rig.call("/E/score", b"hello").status == 200


@pytest.mark.parametrize("path", ["/e/", "/e"])
def test_the_bare_address_is_healthy_without_a_key(rig, path):
    answer = rig.call(path, key=None)
    assert (answer.status, answer.body) == (200, b"Healthy")


def test_an_endpoint_without_a_worker_is_not_ready(rig):
    for answer in (rig.call("/dead/", key=None), rig.call("/dead/score", b"")):
        assert answer.status == 503
        assert answer.headers["ms-azureml-model-error-reason"] == "model_not_ready"
        assert answer.headers["retry-after"] == "1"
        assert "no healthy upstream" in error(answer)["message"]


def test_swagger_is_what_the_deployment_wrote(rig):
    answer = rig.call("/e/swagger.json")
    assert (answer.status, answer.body) == (200, b'{"swagger": "2.0"}')
    assert answer.headers["content-type"] == "application/json"
    assert rig.call("/e/swagger.json", key=None).status == 401


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/e/nothing", "404"), ("DELETE", "/e/score", "405")])
def test_what_the_container_would_refuse_is_424_as_on_azure(rig, method, path, status):
    answer = rig.call(path, method=method)
    assert answer.status == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == status
    assert answer.headers["ms-azureml-model-error-reason"] == "model_error"


def test_the_bare_address_takes_get_only(rig):
    answer = rig.call("/e/", b"{}", key=None)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_an_error_of_the_model_is_424_with_its_own_status_and_body(rig, status):
    answer = rig.call(f"/e/score?status={status}", b"my own words")
    assert (answer.status, answer.body) == (424, b"my own words")
    assert answer.headers["ms-azureml-model-error-statuscode"] == str(status)
    assert answer.headers["azureml-model-deployment"] == "blue"


def test_a_model_may_answer_with_any_good_status(rig):
    assert rig.call("/e/score?status=201", b"made").status == 201
    empty = rig.call("/e/score?status=204")
    assert (empty.status, empty.body) == (204, b"")
    assert "content-length" not in empty.headers


def test_head_has_no_body_and_the_connection_goes_on(rig):
    with rig.link() as link:
        link.sendall(rig.head("/e/score?size=100", method="HEAD") + rig.head("/e/score", "Connection: close"))
        data = b""
        while piece := link.recv(1 << 16):
            data += piece
    first, _, second = data.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200") and second.startswith(b"HTTP/1.1 200")


def test_a_head_that_is_no_head_is_424_and_splits_nothing(rig):
    answer = rig.call("/e/score?bad_head=1", b"hello")
    assert answer.status == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == "502"


def test_an_unknown_endpoint_is_404_with_those_that_exist(rig):
    answer = rig.call("/nothing/score", b"")
    assert answer.status == 404
    assert "Endpoints: dead, e, " in error(answer)["message"]
    assert rig.call("/", key=None).status == 404


def test_no_traffic_is_azures_404_and_tells_what_to_do(rig):
    answer = rig.call("/quiet/score", b"")
    assert answer.status == 404
    assert "Specified traffic group could not be found" in error(answer)["message"]
    assert "Deployments: blue." in error(answer)["message"]
    assert rig.call("/empty/score", b"").status == 404


@pytest.mark.parametrize("name", ["blue", "Blue", "GREEN"])
def test_the_header_chooses_the_deployment_in_any_case(rig, name):
    answer = rig.call("/shared/score", b"", azureml_model_deployment=name)
    assert answer.headers["azureml-model-deployment"] == name.lower()


def test_the_header_works_without_traffic(rig):
    assert rig.call("/quiet/score", b"x", azureml_model_deployment="blue").body == b"x"


def test_an_unknown_deployment_goes_by_traffic_and_says_so(rig):
    answer = rig.call("/e/score", b"x", azureml_model_deployment="of-another-endpoint")
    assert (answer.status, answer.headers["azureml-model-deployment"]) == (200, "blue")
    assert "azureml-model-deployment" in answer.headers["x-lazulite-warning"]


def test_an_unknown_deployment_is_404_where_there_is_no_traffic(rig):
    answer = rig.call("/quiet/score", b"x", azureml_model_deployment="green")
    assert answer.status == 404
    assert "'green'. Deployments: blue." in error(answer)["message"]


def test_traffic_is_shared_by_weight(rig):
    found = Counter(rig.call("/shared/score", b"").headers["azureml-model-deployment"] for _ in range(40))
    assert found == {"blue": 36, "green": 4}


def test_mirrored_traffic_is_a_copy_that_the_client_does_not_see(rig):
    before = rig.deployment("mirrored", "green")["requests"]
    for _ in range(10):
        assert rig.call("/mirrored/score", b"hello").headers["azureml-model-deployment"] == "blue"
    wait_until(lambda: rig.deployment("mirrored", "green")["requests"] == before + 5, "the copies")
    assert rig.deployment("mirrored", "blue")["mirrored"] == 5


def test_what_a_mirrored_answer_says_otherwise_is_written_down(rig):
    folder = rig.home / "endpoints" / "mirrored" / "green"
    folder.mkdir(parents=True)
    answers = [rig.call("/mirrored/score?told=1", b"{}") for _ in range(6)]

    def written():
        lines = [json.loads(line) for path in folder.glob("mirror.jsonl") for line in path.read_text().splitlines()]
        return lines if sum("differences" in line for line in lines) >= 3 else None

    lines = wait_until(written, "the differences")
    counts = [line for line in lines if "compared" in line]
    assert sum(line["compared"] - line["same"] for line in counts) == 3
    one = next(line for line in lines if "differences" in line)
    live, copy = (json.loads(one[side]["body"]) for side in ("live", "mirror"))
    assert one["differences"] == [f"$.pid: {live['pid']} is {copy['pid']}"], "both were told the same id"
    assert one["requestId"] in [answer.headers["x-request-id"] for answer in answers]
    assert (one["live"]["deployment"], one["mirror"]["deployment"], one["mirror"]["status"]) == ("blue", "green", 200)


def test_pages_may_call_only_where_the_routing_file_says_so(rig):
    asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    allowed = rig.call("/pages/score", method="OPTIONS", key=None, **asks)
    assert allowed.status == 204
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    called = rig.call("/pages/score", b"x", Origin="https://a.example")
    assert called.headers["access-control-allow-origin"] == "https://a.example"

    assert rig.call("/e/score", method="OPTIONS", key=None, **asks).status == 401
    for refused in (
        rig.call("/e/score", b"x", Origin="https://a.example"),
        rig.call("/pages/score", b"x", Origin="https://b.example"),
    ):
        assert "access-control-allow-origin" not in refused.headers


def test_answers_are_counted_by_status_and_time(rig):
    before = rig.deployment("quiet", "blue")
    rig.call("/quiet/score", b"", azureml_model_deployment="blue")
    rig.call("/quiet/score?status=500", b"", azureml_model_deployment="blue")
    after = rig.deployment("quiet", "blue")
    assert after["requests"] == before["requests"] + 2
    assert after["statuses"]["424"] == before["statuses"].get("424", 0) + 1
    assert sum(after["latency_ms"].values()) == after["requests"]
    assert (after["in_flight"], after["waiting"]) == (0, 0)


def test_a_failed_request_is_one_line_in_the_log(rig):
    request_id = rig.call("/e/score?status=500", b"what it said").headers["x-request-id"]
    line = wait_until(
        lambda: [line for line in (rig.home / "logs/gateway.log").read_text().splitlines() if request_id in line], "it"
    )[0]
    assert " 500 POST e/blue /score " in line and line.endswith(f"{request_id}: what it said")

"""Every page opens, in any width and light, and says sanely what is hostile, huge, broken or gone."""

import json
import re
import urllib.request
from urllib.parse import urlsplit

import pytest
import requests
from azure.ai.ml.entities._job._studio_url_from_job_id import studio_url_from_job_id
from playwright.sync_api import Browser, Page, expect

from lazulite.studio import layout
from tests.conftest import GROUP, SUBSCRIPTION
from tests.studio.conftest import Place

HOSTILE = "<img src=x onerror=alert(1)>"
# Tries all that a file could try from within Studio, and writes down what it got.
REPORT = """<body><script>
const told = [];
try { told.push(parent.document.title) } catch { told.push("no parent") }
try { told.push(document.cookie) } catch { told.push("no cookie") }
fetch("/_studio/pulse").then(() => told.push("reached"), () => told.push("no network"))
  .finally(() => document.body.append(told.join(", ")));
</script></body>"""
WRITE = f"""
import os
os.makedirs("outputs", exist_ok=True)
open("outputs/report.html", "w").write('''{REPORT}''')
open("outputs/picture.svg", "w").write('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
open("outputs/broken.csv", "w").write('a,b\\n"1,2\\n3')
open("outputs/table.csv", "w").write("name,score\\nfirst,1\\n{HOSTILE},2\\n")
open("outputs/bytes.bin", "wb").write(bytes(range(256)) * 40)
open("outputs/settings.json", "w").write('{{"depth": 3}}')
print("{HOSTILE}")
print(chr(27) + "[31mred" + chr(27) + "[0m")
for line in range(20000):
    print("line", line, "padded " * 8)
print("the last line")
"""


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_opens_in_any_width_and_light(place: Place, chromium: Browser, width: int, scheme: str) -> None:
    name = place.job("true", displayName="short")
    place.ended(name)
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab, trouble = context.new_page(), []
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    tab.on("console", lambda told: trouble.append(told.text) if told.type == "error" else None)
    own = (place.platform.url, "data:", "blob:")
    tab.on("request", lambda sent: None if sent.url.startswith(own) else trouble.append(f"{sent.url} left"))
    paths = [path for _, path in layout.pages()] + [
        f"/runs/{name}",
        *(f"/runs/{name}?tab={part}" for part in ("metrics", "logs", "files", "environment", "usage", "definition")),
        f"/compare?runs={name}",
        "/datastores/workspaceblobstore",
    ]
    for path in paths:
        answer = tab.goto(place.address(path))
        assert answer and answer.ok, path
        expect(tab.locator("h1")).to_be_visible()
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {width}"
    assert not trouble
    context.close()


def test_the_addresses_that_the_clients_print_lead_to_the_job_in_whatever_workspace(place: Place, page: Page) -> None:
    name = place.job("true", displayName="found")
    shown = place.ask("GET", f"jobs/{name}")["properties"]["services"]["Studio"]["endpoint"]
    for address in (f"{shown}&tid=x", f"{place.platform.url}/runs/{name}"):
        page.goto(address)
        expect(page.locator("h1")).to_have_text("found")
    job = place.ask("GET", f"jobs/{name}")
    from_id = studio_url_from_job_id(job["id"])
    assert from_id
    page.goto(f"{place.platform.url}/mlflow/v2.0{place.id}/#/experiments/0/runs/{name}")  # as MLflow's clients print it
    expect(page.locator("h1")).to_have_text("found")
    experiment = urllib.request.urlopen(  # as MLflow's clients print it, and as SDK v1 does
        f"{place.platform.url}/mlflow/v2.0{place.id}/api/2.0/mlflow/runs/get?run_id={name}", timeout=20
    )
    number = json.load(experiment)["run"]["info"]["experiment_id"]
    for address in (
        f"{place.platform.url}/mlflow/v2.0{place.id}/#/experiments/{number}",
        f"{place.platform.url}/experiments/id/{number}?wsid={place.id}&tid=x",
    ):
        page.goto(address)
        expect(page.locator(".jobs tr", has_text="found")).to_be_visible()
    short = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{place.name}"
    features = f"https://ml.azure.com/featureStore/s/featureSets/f/1/matJobs/jobs/{name}?wsid={place.id}"
    proxies = {"https": place.platform.url}
    bundle = str(place.platform.home / "ca" / "bundle.pem")
    for address in (from_id, f"https://ml.azure.com/runs/{name}?wsid={short}&tid=x", features):
        assert urlsplit(address).netloc == "ml.azure.com"
        led = requests.get(address, proxies=proxies, verify=bundle, timeout=20)
        assert led.ok and ">found</h1>" in led.text, address


def test_what_a_job_wrote_is_shown_and_nothing_of_it_runs_in_studio(place: Place, page: Page) -> None:
    code = place.code(write_py=WRITE)
    name = place.job("python write.py", codeId=code, displayName=HOSTILE, tags={HOSTILE: HOSTILE})
    assert place.ended(name) == "Completed"
    page.on("dialog", lambda dialog: pytest.fail("a script of the job's ran"))
    page.goto(place.address("/jobs"))
    expect(page.get_by_role("link", name=HOSTILE)).to_be_visible()
    page.goto(place.address(f"/runs/{name}"))
    expect(page.locator("h1")).to_have_text(HOSTILE)
    files = f"/runs/{name}?tab=files&path=outputs"
    page.goto(place.address(f"{files}/report.html"))
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("no parent, no cookie, no network")
    page.goto(place.address(f"{files}/picture.svg"))
    expect(page.locator(".preview img")).to_be_visible()
    for file, seen in (
        ("table.csv", HOSTILE),
        ("broken.csv", "1,2"),
        ("bytes.bin", "00 01 02"),
        ("settings.json", "depth"),
    ):
        page.goto(place.address(f"{files}/{file}"))
        expect(page.locator("#main")).to_contain_text(seen)
    page.goto(place.address(f"{files}/gone.txt"))
    expect(page.locator("#main")).to_contain_text("Nothing is at")


def test_stored_html_has_no_origin_wherever_it_is_opened(place: Place, page: Page) -> None:
    name = place.job("mkdir -p outputs; echo '<script>document.title=origin</script>' > outputs/x.html")
    assert place.ended(name) == "Completed"
    uri = f"azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.{name}/outputs/x.html"
    page.goto(place.address(f"/_studio/raw?uri={uri}"))
    assert page.title() in ("null", "")
    mlflow = f"{place.platform.url}/mlflow/v2.0{place.id}/api/2.0/mlflow/runs/get?run_id={name}"
    assert requests.get(mlflow, timeout=20).headers["content-security-policy"].startswith("sandbox")


def test_a_log_opens_at_its_end_and_is_searched_and_scrolled(place: Place, page: Page) -> None:
    code = place.code(write_py=WRITE)
    name = place.job("python write.py", codeId=code)
    assert place.ended(name) == "Completed"
    page.goto(place.address(f"/runs/{name}?tab=logs"))
    text = page.locator("lz-log .text")
    expect(text).to_contain_text("the last line")
    expect(text).not_to_contain_text("line 1 padded")
    page.get_by_label("Search this log").fill("line 7777 ")
    page.get_by_label("Search this log").press("Enter")
    expect(text.locator("mark")).to_have_text("line 7777 ")
    page.get_by_role("button", name="Top").click()
    expect(text).to_contain_text(HOSTILE)
    expect(text).to_contain_text("red")
    assert page.locator("lz-log img").count() == 0
    for _ in range(20):
        text.evaluate("element => element.scrollTop = element.scrollHeight")
        page.wait_for_timeout(50)  # for the wheel of a mouse: a frame or two between its turns
    expect(page.locator("lz-log .where")).not_to_contain_text(re.compile("^0 B"))


def test_several_runs_are_compared_and_everything_is_found_by_its_name(place: Place, page: Page) -> None:
    names = [place.job("true", displayName=f"candidate-{number}") for number in range(2)]
    page.goto(place.address("/jobs?q=candidate"))
    for name in names:
        page.get_by_label(f"Compare {name}").check()
    page.get_by_role("link", name="Compare 2").click()
    expect(page.locator("h1")).to_have_text("2 jobs")
    page.keyboard.press("/")
    page.keyboard.type("candidate-1")
    expect(page.locator("#palette li").first).to_contain_text("candidate-1")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("candidate-1")


def test_a_running_job_is_cancelled_and_run_again(place: Place, page: Page) -> None:
    name = place.job("sleep 100", displayName="endless")
    page.goto(place.address(f"/runs/{name}"))
    page.get_by_role("button", name="Cancel", exact=True).first.click()
    expect(page.locator(".title .badge")).to_have_text("Canceled")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator(".title .badge")).to_have_text(re.compile("Queued|Preparing|Starting|Running"))
    assert name not in page.url
    page.get_by_role("button", name="Cancel", exact=True).first.click()
    expect(page.locator(".title .badge")).to_have_text("Canceled")


def test_a_tab_that_goes_from_page_to_page_counts_as_one(place: Place, page: Page) -> None:
    pauses = []
    for path in ("/jobs", "/data", "/models", "/endpoints", "/jobs", "/data"):
        with page.expect_response(re.compile("/_studio/pulse")) as asked:
            page.goto(place.address(path))
        pauses.append(asked.value.json()["pause_ms"])
    assert pauses[-1] <= pauses[0]


def test_a_job_that_is_deleted_elsewhere_is_said_to_be_gone(place: Place, page: Page) -> None:
    name = place.job("true", displayName="fleeting")
    place.ended(name)
    page.goto(place.address(f"/runs/{name}?tab=metrics"))
    expect(page.locator("h1")).to_have_text("fleeting")
    place.ask("DELETE", f"jobs/{name}")
    expect(page.locator(".trouble")).to_contain_text(name)


def test_files_are_uploaded_and_become_data(place: Place, page: Page) -> None:
    page.goto(place.address("/assets/data"))
    page.get_by_role("button", name="Upload").click()
    rows = {"name": "rows.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    page.locator("lz-upload input[type=file]").first.set_input_files(rows)
    expect(page.locator("lz-upload")).to_contain_text("sent")
    sheet = page.locator("dialog[open]")
    sheet.get_by_label("Type").select_option("uri_file")
    sheet.get_by_role("button", name="Register").click()
    expect(page.locator("h1")).to_have_text("rows")
    expect(page.locator("table", has_text="1")).to_contain_text("2")
    assert place.ask("GET", "data/rows/versions/1")["properties"]["dataType"] == "uri_file"


def test_another_sites_page_and_a_sandboxed_file_can_have_nothing_done(place: Place) -> None:
    name = place.job("sleep 100")
    address = place.address(f"/runs/{name}/cancel")
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}):
        assert requests.post(address, json={}, headers=headers, timeout=20).status_code == 403
    assert requests.post(address, json={}, headers={"Origin": place.platform.url}, timeout=20).ok
    assert place.ended(name) == "Canceled"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/runs/nobody", 404, "nobody"),
        ("/models/none", 404, "none"),
        ("/endpoints/realtime/none/detail", 404, "none"),
        ("/_studio/raw?uri=file:///etc/passwd", 403, "storage"),
        ("/_studio/raw?uri=azureml://datastores/workspaceblobstore/paths/../../../secrets/signing.key", 404, ""),
        ("/_studio/log?uri=azureml://datastores/workspaceblobstore/paths/%252e%252e/x", 404, ""),
        ("/no/such/page", 404, "no such page"),
    ],
)
def test_what_is_not_there_is_said(place: Place, path: str, status: int, said: str) -> None:
    answer = requests.get(place.address(path), headers={"Accept": "text/html"}, timeout=20)
    assert answer.status_code == status and said in answer.text


def test_a_workspace_does_not_come_into_being_by_being_looked_at(place: Place) -> None:
    other = Place(place.platform)
    assert requests.get(other.address("/jobs"), timeout=20).status_code == 404
    assert other.name not in requests.get(f"{place.platform.url}/", timeout=20).text


def test_programs_are_told_of_unknown_paths_as_ever(place: Place) -> None:
    answer = requests.get(f"{place.platform.url}/unknown/api", timeout=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")

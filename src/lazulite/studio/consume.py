"""Programs that call an endpoint, to copy: they work where they are pasted."""

import json
import pprint
import shlex
from dataclasses import dataclass
from typing import Any

from lazulite.ids import WorkspaceId

_PYTHON = """\
import json
import urllib.error
import urllib.request

url = "{url}"
{credential} = "{secret}"
data = {data}

headers = {{"Content-Type": "application/json", "Authorization": f"Bearer {{{credential}}}"}}
{header}request = urllib.request.Request(url, json.dumps(data).encode(), headers)
try:
    with urllib.request.urlopen(request) as answer:
        print(answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""
_CURL = """\
curl {url} \\
  -H 'Authorization: Bearer {secret}' \\
  -H 'Content-Type: application/json' \\
{header}  -d {data}
"""
_CSHARP = """\
using System.Net.Http.Headers;
using System.Text;

var client = new HttpClient();
client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "{secret}");
{header}var body = new StringContent(@"{data}", Encoding.UTF8, "application/json");
var answer = await client.PostAsync("{url}", body);
Console.WriteLine((int)answer.StatusCode + " " + await answer.Content.ReadAsStringAsync());
"""
_SDK = """\
# lazulite run -- python this_file.py
from pathlib import Path

from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential

ml_client = MLClient(DefaultAzureCredential(), "{subscription}", "{group}", "{workspace}")
Path("request.json").write_text({data})
answer = ml_client.online_endpoints.invoke(endpoint_name="{name}", request_file="request.json"{header})
print(answer)
"""
_CREDENTIALS = {"Key": "key", "AMLToken": "token", "AADToken": "token"}
_HEADER = "azureml-model-deployment"


@dataclass(frozen=True)
class Request:
    """What a program is to ask. secret: what it signs in with; data: what JSON can say; deployment: "" by traffic."""

    workspace: WorkspaceId
    endpoint: str
    url: str
    auth_mode: str
    secret: str
    data: Any
    deployment: str = ""


def snippets(asked: Request) -> list[tuple[str, str]]:
    """Returns programs that ask an endpoint, by language."""
    compact = json.dumps(asked.data, ensure_ascii=False)
    credential, name = _CREDENTIALS[asked.auth_mode], asked.deployment
    python = pprint.pformat(asked.data, width=100, sort_dicts=False)
    facts = {"credential": credential, "secret": asked.secret}
    return [
        (
            "Python",
            _PYTHON.format(
                **facts, url=asked.url, data=python, header=f'headers["{_HEADER}"] = "{name}"\n' if name else ""
            ),
        ),
        (
            "curl",
            _CURL.format(
                **facts,
                url=shlex.quote(asked.url),
                data=shlex.quote(compact),
                header=f"  -H '{_HEADER}: {name}' \\\n" if name else "",
            ),
        ),
        (
            "C#",
            _CSHARP.format(
                **facts,
                url=asked.url,
                data=compact.replace('"', '""'),
                header=f'client.DefaultRequestHeaders.Add("{_HEADER}", "{name}");\n' if name else "",
            ),
        ),
        (
            "Azure ML SDK",
            _SDK.format(
                subscription=asked.workspace.subscription,
                group=asked.workspace.resource_group,
                workspace=asked.workspace.workspace,
                name=asked.endpoint,
                data=repr(compact),
                header=f', deployment_name="{name}"' if name else "",
            ),
        ),
    ]

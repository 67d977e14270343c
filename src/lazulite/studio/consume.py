"""Programs that call an endpoint, to copy."""

_PYTHON = """\
import json
import urllib.request

url = "{url}"
{credential} = "..."  # {hint}

request = urllib.request.Request(
    url,
    data=json.dumps({{"data": [1, 2, 3]}}).encode(),
    headers={{
        "Content-Type": "application/json",
        "Authorization": "Bearer " + {credential},{deployment_python}
    }},
)
with urllib.request.urlopen(request) as answer:
    print(answer.read().decode())
"""
_CURL = """\
curl '{url}' \\
  -H "Authorization: Bearer ${credential}" \\
  -H 'Content-Type: application/json' \\{deployment_curl}
  -d '{{"data": [1, 2, 3]}}'
"""
_CSHARP = """\
using System.Net.Http.Headers;
using System.Text;

var client = new HttpClient();
var {credential} = "..."; // {hint}
client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", {credential});{deployment_csharp}
var body = new StringContent("{{\\"data\\": [1, 2, 3]}}", Encoding.UTF8, "application/json");
var answer = await client.PostAsync("{url}", body);
Console.WriteLine(await answer.Content.ReadAsStringAsync());
"""
_SDK = """\
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential

ml_client = MLClient(DefaultAzureCredential(), subscription_id, resource_group, workspace)
print(ml_client.online_endpoints.invoke(endpoint_name="{name}", request_file="request.json"))
"""
_HINTS = {
    "Key": ("key", "the endpoint's primary or secondary key"),
    "AMLToken": ("token", "ml_client.online_endpoints.get_keys(name).access_token"),
    "AADToken": ("token", 'credential.get_token("https://ml.azure.com/.default").token'),
}


def snippets(url: str, auth_mode: str, deployment: str) -> list[tuple[str, str]]:
    """Returns programs by language. deployment: the one that they name in a header, "" for none."""
    credential, hint = _HINTS[auth_mode]
    facts = {
        "url": url,
        "name": url.rstrip("/").split("/")[-2],
        "credential": credential,
        "hint": hint,
        "deployment_python": f'\n        # "azureml-model-deployment": "{deployment}",' if deployment else "",
        "deployment_curl": "",
        "deployment_csharp": f'\n// client.DefaultRequestHeaders.Add("azureml-model-deployment", "{deployment}");'
        if deployment
        else "",
    }
    texts = (("Python", _PYTHON), ("curl", _CURL), ("C#", _CSHARP), ("Azure ML SDK", _SDK))
    return [(language, text.format_map(facts)) for language, text in texts]

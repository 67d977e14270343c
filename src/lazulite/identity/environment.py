"""The environment of every program whose Azure clients come here: shells, `lazulite run`, jobs and scoring scripts."""

from typing import NamedTuple
from urllib.parse import quote

from lazulite.settings import Settings, reachable

# Who a client is that names nobody. The first spells "lazulite" in hexadecimal.
TENANT = "6c617a75-6c69-7465-8000-000000000001"
CLIENT = "6c617a75-6c69-7465-8000-000000000002"
# What clients on loopback present as their secret: any will do there, but it must not be empty.
OPEN_SECRET = "lazulite"


class Variable(NamedTuple):
    """One line of the environment. value: a template over the names in `_facts`. recipe: "" is both."""

    name: str
    value: str
    meaning: str
    recipe: str = ""


# Both spellings of the proxy's variables: Python prefers the lower-case one, curl reads http_proxy in lower case only.
VARIABLES = (
    Variable("HTTPS_PROXY", "{proxy}", "Azure's host names lead here.", "proxy"),
    Variable("https_proxy", "{proxy}", "The same, for clients that prefer this spelling.", "proxy"),
    Variable("HTTP_PROXY", "{proxy}", "So does 169.254.169.254, the instance metadata address.", "proxy"),
    Variable("http_proxy", "{proxy}", "The same, for clients that prefer this spelling.", "proxy"),
    Variable("NO_PROXY", "{direct}", "What needs no proxy: this machine.", "proxy"),
    Variable("no_proxy", "{direct}", "The same, for clients that prefer this spelling.", "proxy"),
    Variable("REQUESTS_CA_BUNDLE", "{bundle}", "Whom to trust: requests, and so every Azure client for Python."),
    Variable("SSL_CERT_FILE", "{bundle}", "Whom to trust: OpenSSL, httpx, aiohttp, uv, Go."),
    Variable("CURL_CA_BUNDLE", "{bundle}", "Whom to trust: curl."),
    Variable("NODE_EXTRA_CA_CERTS", "{bundle}", "Whom to trust: Node."),
    Variable("IDENTITY_ENDPOINT", "{url}/_identity/token", "Managed identity, as App Service offers it."),
    Variable("IDENTITY_HEADER", "{secret}", "What managed identity wants to see."),
    Variable("MSI_ENDPOINT", "{url}/_identity/token", "Managed identity, as Azure ML's compute offers it."),
    Variable("MSI_SECRET", "{secret}", "What managed identity wants to see."),
    Variable("OBO_ENDPOINT", "{door}/_identity/obo", "The user's identity inside a job."),
    Variable("AZURE_TENANT_ID", TENANT, "EnvironmentCredential's tenant.", "proxy"),
    Variable("AZURE_TENANT_ID", "adfs", "The one tenant that needs no word from login.microsoftonline.com.", "direct"),
    Variable("AZURE_AUTHORITY_HOST", "{tls}", "Who gives out tokens.", "direct"),
    Variable("AZURE_CLIENT_ID", CLIENT, "EnvironmentCredential's client."),
    Variable("AZURE_CLIENT_SECRET", "{secret}", "EnvironmentCredential's secret."),
    Variable(
        "ARM_CLOUD_METADATA_URL",
        "{tls}/metadata/endpoints?api-version=2019-05-01",
        "The addresses of this cloud, from which the SDK learns all others.",
        "direct",
    ),
    Variable("REGISTRY_DISCOVERY_ENDPOINT_URL", "{tls}/", "Where registries are found.", "direct"),
)


def client_environment(settings: Settings, no_proxy: bool = False, who: str = "") -> dict[str, str]:
    """Returns the variables that lead a program's Azure clients here, by the proxy or, with no_proxy, by addresses.

    who: as whom the program is listed when it asks for a host that it is refused.

    A program's own AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET may stand instead; loopback takes any.
    Source: the clients' own reading of the environment: azure-identity 1.27.0 _constants.py, azure-ai-ml 1.35.2
    _azure_environments.py, requests.utils, learn.microsoft.com/azure/app-service/overview-managed-identity.
    """
    facts = _facts(settings)
    if who:
        secret = quote(secret_of(settings), safe="")
        facts["proxy"] = f"http://{quote(who, safe='')}:{secret}@{reachable(settings.host)}:{settings.port}"
    recipe = "direct" if no_proxy else "proxy"
    return {
        variable.name: variable.value.format_map(facts) for variable in VARIABLES if variable.recipe in ("", recipe)
    }


def secret_of(settings: Settings) -> str:
    """Returns what a client must present where the ports are exposed, and may on loopback."""
    return settings.secret if settings.is_exposed else OPEN_SECRET


def _facts(settings: Settings) -> dict[str, str]:
    host, port, secret = reachable(settings.host), settings.port, secret_of(settings)
    door = f"http://lazulite:{quote(secret, safe='')}@{host}:{port}" if settings.is_exposed else settings.url
    # "::1" only where it is needed: Azure's own reader of data (azureml-dataprep, mltable, azureml-fsspec) dies of it.
    direct = dict.fromkeys(("localhost", "127.0.0.1", host.strip("[]")))
    # Storage clients read the account from a path only where the host is called localhost or 127.0.0.1.
    is_local = not settings.is_exposed or settings.host in ("0.0.0.0", "::")
    return {
        "proxy": door,
        "door": door,
        "url": settings.url,
        "tls": f"https://{'localhost' if is_local else host}:{port}",
        "direct": ",".join(direct),
        "bundle": str(settings.home / "ca" / "bundle.pem"),
        "secret": secret,
    }

"""The addresses of this cloud, from which a client without a proxy learns all others."""

from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route

# What a cloud at an address of its own is called: not one of Azure's names, for which the SDK uses a table of its own.
_CLOUD = "Lazulite"
_AZURE = "https://management.azure.com"


def endpoints(call: Call, parts: Parts) -> Reply:
    """Answers `ARM_CLOUD_METADATA_URL`, and management.azure.com's own: `[{name, portal, resourceManager, ...}]`.

    resourceManager is the address that was asked, since the SDK takes a cloud only if that is part of the metadata URL.
    The portal's domain is where it takes the audience `https://ml.azure.com` from.
    Source: azure-ai-ml 1.35.2 _azure_environments.py, _get_clouds_by_metadata_url.
    """
    is_azure = call.base_url == _AZURE
    return Reply(
        [
            {
                "name": "AzureCloud" if is_azure else _CLOUD,
                "portal": "https://portal.azure.com",
                "resourceManager": call.base_url,
                "authentication": {
                    "loginEndpoint": "https://login.microsoftonline.com" if is_azure else call.base_url,
                    "audiences": list(dict.fromkeys((call.base_url, _AZURE))),
                    "tenant": "common" if is_azure else "adfs",
                    "identityProvider": "AAD",
                },
                "suffixes": {"storage": "core.windows.net", "acrLoginServer": "azurecr.io"},
            }
        ]
    )


ROUTES = (Route("GET", "/metadata/endpoints", endpoints),)

"""The addresses of this cloud, from which a client without a proxy learns all others."""

from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route

# Not one of Azure's own cloud names: for those the SDK uses a table of its own.
_CLOUD = "Lazulite"


def endpoints(call: Call, parts: Parts) -> Reply:
    """Answers `ARM_CLOUD_METADATA_URL`: `[{name, portal, resourceManager, authentication, suffixes}]`.

    resourceManager is the address that was asked, since the SDK takes a cloud only if that is part of the metadata URL.
    The portal's domain is where it takes the audience `https://ml.azure.com` from.
    Source: azure-ai-ml 1.35.2 _azure_environments.py, _get_clouds_by_metadata_url.
    """
    base = call.base_url
    return Reply(
        [
            {
                "name": _CLOUD,
                "portal": "https://portal.azure.com",
                "resourceManager": base,
                "authentication": {
                    "loginEndpoint": base,
                    "audiences": [base, "https://management.azure.com/"],
                    "tenant": "adfs",
                    "identityProvider": "AAD",
                },
                "suffixes": {"storage": "core.windows.net", "acrLoginServer": "azurecr.io"},
            }
        ]
    )


ROUTES = (Route("GET", "/metadata/endpoints", endpoints),)

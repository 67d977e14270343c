"""What clients ask login.microsoftonline.com before they ask for a token: where to ask."""

from urllib.parse import urlsplit

from lazulite.entra.principals import tenant_id
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route


def configuration(call: Call, parts: Parts) -> Reply:
    """Answers with the OpenID configuration of a tenant, whose endpoints are at the address that was asked.

    Source: learn.microsoft.com/entra/identity-platform/v2-protocols-oidc; msal 1.39.0 reads the first four.
    """
    base = f"{call.base_url}/{call.ids['tenant']}"
    return Reply(
        {
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "issuer": f"{call.base_url}/{tenant_id(call.ids['tenant'])}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["HS256"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
        }
    )


def instance(call: Call, parts: Parts) -> Reply:
    """Answers whether an authority is to be trusted, which here all are, and where its configuration is.

    query: authorization_endpoint, `https://{host}/{tenant}/oauth2/v2.0/authorize`. Source: msal 1.39.0 authority.py.
    """
    asked = urlsplit(call.query.get("authorization_endpoint", ""))
    tenant = asked.path.strip("/").partition("/")[0] or "common"
    aliases = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
    return Reply(
        {
            "tenant_discovery_endpoint": f"{call.base_url}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": aliases[0], "preferred_cache": aliases[1], "aliases": aliases}],
        }
    )


def keys(call: Call, parts: Parts) -> Reply:
    """Answers with no key: tokens are signed with the home's own secret, so only the platform can check them."""
    return Reply({"keys": []})


ROUTES = (
    Route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", configuration),
    Route("GET", "/{tenant}/.well-known/openid-configuration", configuration),
    Route("GET", "/{tenant}/discovery/instance", instance),
    Route("GET", "/{tenant}/discovery/v2.0/keys", keys),
    Route("GET", "/{tenant}/discovery/keys", keys),
)

"""Microsoft Graph, as far as programs ask it who they are."""

from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route


def me(call: Call, parts: Parts) -> Reply:
    """Answers with the caller, as the token says. Source: learn.microsoft.com/graph/api/user-get."""
    return Reply(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#users/$entity",
            "id": call.who.oid,
            "displayName": call.who.name,
            "userPrincipalName": call.who.name,
            "mail": None,
        }
    )


ROUTES = (Route("GET", "/v1.0/me", me, partial="names and id only"),)

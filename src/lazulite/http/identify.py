"""Who is asking: the bearer token of a request, verified for the audiences of its mount."""

from collections.abc import Collection, Mapping

from lazulite import clock
from lazulite.errors import Unauthorized
from lazulite.http.call import Caller
from lazulite.http.parts import Parts
from lazulite.http.stack import Identify
from lazulite.identity import keys, tokens

# Source: learn.microsoft.com/rest/api/azure: both spellings open Azure Resource Manager.
ARM_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
ML_AUDIENCES = (*ARM_AUDIENCES, "https://ml.azure.com")
GRAPH_AUDIENCES = ("https://graph.microsoft.com", "https://graph.windows.net")


def anyone(headers: Mapping[str, str], parts: Parts) -> Caller:
    """Lets everyone in, for addresses that give out tokens or that Azure leaves open."""
    return Caller()


def bearer_or_local(audiences: Collection[str]) -> Identify:
    """Makes the rule of clients that have no Azure credential: a token as `bearer` wants it, the platform's secret
    as the password of Basic authentication, or nothing at all where only this machine can ask.
    """
    by_token = bearer(audiences)

    def identify(headers: Mapping[str, str], parts: Parts) -> Caller:
        given = headers.get("authorization", "")
        if parts.settings.is_exposed and keys.presents(given, parts.settings.secret):
            return Caller()
        if not parts.settings.is_exposed and not given.lower().startswith("bearer "):
            return Caller()
        return by_token(headers, parts)

    return identify


def bearer(audiences: Collection[str]) -> Identify:
    """Makes the rule "a token issued here, for one of these audiences".

    Clients that came without a proxy name this very address as their resource manager, and so as the audience.
    """

    def identify(headers: Mapping[str, str], parts: Parts) -> Caller:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized(
                "Authentication failed. The 'Authorization' header is missing or is no bearer token.",
                hint="Run the program inside `lazulite run -- …`; its credential then asks here for a token.",
            )
        here = (f"https://localhost:{parts.settings.port}", f"https://127.0.0.1:{parts.settings.port}")
        claims = tokens.verify(parts.signing_key, token.strip(), {*audiences, *here}, clock.now())
        return Caller(claims.oid, claims.tid, claims.name)

    return identify

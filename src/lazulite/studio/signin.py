"""Signing in, where other machines can reach the platform: its secret once, then a cookie that scripts cannot read."""

from lazulite.errors import Unauthorized
from lazulite.http.call import Call, Reply
from lazulite.http.parts import Parts
from lazulite.http.routes import Route
from lazulite.identity import keys, sessions
from lazulite.studio import layout
from lazulite.studio import shown as s
from lazulite.studio.html import button, div, form, input_, label, p, span
from lazulite.studio.visit import refuse_other_sites


def page(call: Call, parts: Parts) -> Reply:
    """Shows the form that asks for the secret; leads on where none is needed."""
    to = _own(call.query.get("to", ""))
    if not parts.settings.is_exposed:
        return Reply(None, 303, {"location": to})
    content = div(
        div(span(class_="mark"), " Lazulite", class_="brand"),
        form(
            p("This platform is open to other machines, so it asks who you are."),
            label(
                span("Secret"),
                input_(type="password", name="secret", required=True, autofocus=True, autocomplete="current-password"),
                span("What LAZULITE_SECRET was when the platform was started.", class_="hint"),
                class_="field",
            ),
            s.hidden("to", to),
            div(button("Sign in", class_="primary"), class_="buttons"),
            method="post",
            action="/_studio/signin",
            data_act=True,
            class_="stack card",
        ),
        class_="stack",
    )
    return layout.bare("Sign in", content)


def sign_in(call: Call, parts: Parts) -> Reply:
    """Gives the cookie to who knows the secret. Raises Unauthorized (401)."""
    refuse_other_sites(call)
    given, settings = call.body, parts.settings
    if not settings.is_exposed or not keys.equal(str(given.get("secret") or ""), settings.secret):
        raise Unauthorized("That is not this platform's secret.")
    value = sessions.issue(settings.secret, call.now)
    return Reply(
        {"to": _own(str(given.get("to") or ""))}, 200, {"set-cookie": _cookie(call, value, sessions.LIFETIME_S)}
    )


def sign_out(call: Call, parts: Parts) -> Reply:
    """Takes the cookie away."""
    refuse_other_sites(call)
    return Reply({"to": "/_studio/signin"}, 200, {"set-cookie": _cookie(call, "", 0)})


def _cookie(call: Call, value: str, lifetime_s: int) -> str:
    secure = "; Secure" if call.base_url.startswith("https:") else ""
    return f"{sessions.COOKIE}={value}; Path=/; Max-Age={lifetime_s}; HttpOnly; SameSite=Lax{secure}"


def _own(path: str) -> str:
    """Returns a path of this platform, whatever was asked for."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"


ROUTES = (
    Route("GET", "/_studio/signin", page, is_open=True),
    Route("POST", "/_studio/signin", sign_in, is_open=True),
    Route("POST", "/_studio/signout", sign_out, is_open=True),
)

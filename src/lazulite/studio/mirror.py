"""What deployments answer otherwise than the live one to the requests that were mirrored to them."""

from lazulite.http.call import JsonObject
from lazulite.studio import shown as s
from lazulite.studio.html import Html, div, join, span, strong
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit

_FOLLOWED = 1000  # as long as no more answers differ, they are read anew each second
_NONE = "No request was mirrored yet. Choose on the overview which deployment gets copies, or type:"


def cards(visit: Visit, endpoint: str, deployments: list[JsonObject]) -> Html:
    """Shows for each deployment that got copies how its answers compare with those that the callers got."""
    shown = [card for one in deployments if (card := _card(visit, endpoint, one["name"]))]
    name = deployments[-1]["name"] if deployments else "green"
    command = f'lazulite online-endpoint update --name {endpoint} --mirror-traffic "{name}=10"'
    return div(shown, class_="stack") if shown else div(s.empty(_NONE, command), data_poll=True)


def _card(visit: Visit, endpoint: str, name: str) -> Html | None:
    told = visit.api.get(f"onlineEndpoints/{segment(endpoint)}/deployments/{segment(name)}/mirrorReport")
    compared, different = told["compared"], told["different"]
    if not compared:
        return None
    about = s.facts(
        ("Compared", f"{compared:,} answers"),
        ("Differ", f"{different:,}, {100 * different / compared:.1f} %" if different else "none"),
        ("Mean time", f"{_ms(told['liveMs'])} live, {_ms(told['mirrorMs'])} of {name}"),
    )
    rows = [_pair(one) for one in told["differences"][::-1]]
    headings = ["When", "What differs", "Live", name]
    table = s.grid(headings, rows, empty=s.muted("Every answer was the same."))
    above = div(about, class_="inset", data_poll=different <= _FOLLOWED)
    return s.card(f"Copies to {name}", above, table, class_="flush")


def _pair(one: JsonObject) -> Html:
    said = [div(s.mono(line)) for line in one["differences"]]
    return s.row(
        join(s.moment(one["time"]), span(one["requestId"], class_="sub wide-only")),
        join(*said),
        _side(one, "live"),
        _side(one, "mirror"),
        key=one["requestId"],
    )


def _side(pair: JsonObject, side: str) -> Html:
    one = pair[side]
    words = join(strong(one["status"]), f" in {_ms(one['ms'])}, {s.size(one['bytes'])}")
    body = s.source(one["body"]) if one["body"] else s.muted("An empty body.")
    return s.fold(words, body, id=f"{side}-{pair['requestId']}")


def _ms(value: float) -> str:
    return f"{value:.3g} ms"

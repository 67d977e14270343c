"""What of a workspace works here and would not on Azure: the page, and the same for programs. Knows no rule."""

import dataclasses

from lazulite.http.call import Reply
from lazulite.serving import shipping, shipping_facts
from lazulite.serving.shipped import Trouble
from lazulite.studio import shown as s
from lazulite.studio.html import Html, a, div, join, p, strong
from lazulite.studio.layout import shown
from lazulite.studio.visit import Visit, data


def page(visit: Visit) -> tuple[str, Html]:
    """Shows what Azure would refuse, then what it would do otherwise, each with what to do."""
    found = troubles(visit)
    refused = [one for one in found if one.is_refused]
    otherwise = [one for one in found if not one.is_refused]
    said = "`lazulite doctor --ship` says the same, and fails while there is anything that Azure would refuse."
    nothing = s.empty("Nothing was found that works here and not on Azure.")
    tables = [
        s.card(heading, _table(ones), class_="flush")
        for heading, ones in (("Azure would refuse", refused), ("Azure would do otherwise", otherwise))
        if ones
    ]
    return "Shipping", join(
        s.title("What would not ship", s.muted(f"{len(refused)} refused, {len(otherwise)} otherwise")),
        div(s.card(None, p(said)), tables or s.card(None, nothing), class_="stack"),
    )


def _table(found: list[Trouble]) -> Html:
    rows = [
        s.row(
            one.what,
            strong(one.where),
            one.said,
            one.fix,
            a("Azure's rule", href=one.source, rel="noreferrer"),
            key=f"{one.what}/{one.where}/{one.said}",
        )
        for one in found
    ]
    return s.grid(["What", "Where", "What is otherwise", "What to do", ""], rows)


def troubles(visit: Visit) -> list[Trouble]:
    """Looks at the workspace that the visit is about; finds nothing where there is none."""
    if not visit.workspace:
        return []
    return shipping.troubles(shipping_facts.look(visit.parts.db, visit.parts.settings, visit.workspace))


def told(visit: Visit) -> Reply:
    """Answers `[{what, where, said, fix, source, is_refused}]`."""
    return Reply([dataclasses.asdict(one) for one in troubles(visit)])


ROUTES = (shown("/know/shipping", page), data("GET", "/_lazulite/shipping", told))

"""Autoscale settings at work: each deployment's is looked at when something new was measured, and a change is noted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from lazulite.serving import autoscale, figures, wanted
from lazulite.serving.autoscale import Decision, Setting, Trigger
from lazulite.serving.figures import Point
from lazulite.serving.measures import Measures
from lazulite.serving.wanted import Wanted
from lazulite.store import resources
from lazulite.store.db import Database
from lazulite.store.resources import Place

SCALED_AT = "scaledAt"
"""In a setting's row: when it last changed the number of instances."""
_WHO = "autoscale"


@dataclass(frozen=True)
class Kept:
    """A setting, where its row is, and when it last changed something."""

    place: Place
    setting: Setting
    scaled_at: datetime | None


def enabled(connection: Connection) -> dict[str, Kept]:
    """Returns the settings that are in force, by the label of the deployment that each is for."""
    found = {}
    for row in resources.everywhere(connection, autoscale.KIND):
        setting, at = autoscale.read(row.body["properties"]), row.body.get(SCALED_AT)
        if setting.is_enabled:
            found[setting.target.label] = Kept(row.place, setting, datetime.fromisoformat(at) if at else None)
    return found


def decide(kept: Kept, measures: Measures, labels: Sequence[str], instances: int, now: datetime) -> Decision | None:
    """Returns how many instances a deployment should have, None where they are right. labels: of all deployments."""
    until = now.timestamp()

    def points_of(trigger: Trigger) -> list[Point]:
        of, since = trigger.watched, until - trigger.window_s
        about = [one for one in labels if one == of.label or (not of.deployment and one.startswith(f"{of.label}/"))]
        slices = [measures.between(label, since, until) for label in about]
        return figures.points(trigger.metric, slices, since, trigger.grain_s)

    return autoscale.decide(kept.setting, instances, now, kept.scaled_at, points_of)


def note(db: Database, deployment: Wanted, kept: Kept, instances: int, now: datetime | None) -> None:
    """Writes how many instances a deployment has as the capacity that was asked for, as Azure does, and when a setting
    changed it; now None: nothing but the capacity is new.

    Not when another body was asked for meanwhile: that one's capacity counts.
    """
    with db.write() as connection:
        if now and (row := resources.get(connection, kept.place)):
            body = {**row.body, SCALED_AT: now.isoformat()}
            resources.put(connection, kept.place, body, now=row.modified_at, who=row.modified_by)
        if wanted.generation(connection, deployment) != deployment.generation:
            return
        scope, path = deployment.workspace.scope, f"{deployment.endpoint}/{deployment.name}"
        place = Place(scope, wanted.DEPLOYMENTS, path)
        if found := resources.get(connection, place):
            sku: Mapping[str, object] = {**found.body["sku"], "capacity": instances}
            when = now or found.modified_at
            resources.put(connection, place, {**found.body, "sku": sku}, now=when, who=_WHO)

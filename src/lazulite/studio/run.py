"""What Studio knows of one run: its record, and its job where it is one. Asked once for a page."""

from dataclasses import dataclass
from functools import cached_property

from lazulite.errors import NotFound
from lazulite.http.call import JsonObject
from lazulite.studio import places, records
from lazulite.studio import shown as s
from lazulite.studio.inside import segment
from lazulite.studio.visit import Visit


@dataclass(frozen=True)
class Run:
    """A run on a page. record: run history's; job: ARM's properties, {} of a run that is no job."""

    visit: Visit
    record: JsonObject
    job: JsonObject

    @property
    def name(self) -> str:
        """Returns its id, which is the job's name."""
        return str(self.record["runId"])

    @property
    def shown(self) -> str:
        """Returns the name that people see."""
        return str(self.record["displayName"])

    @property
    def status(self) -> str:
        """Returns its state, as Azure spells it."""
        return str(self.record["status"])

    @property
    def is_over(self) -> bool:
        """Tells whether it has ended."""
        return self.status in s.ENDED

    @property
    def kind(self) -> str:
        """Returns the job's type, `Command`, or `Run` of a run that is no job."""
        return str(self.job.get("jobType") or "Run")

    @cached_property
    def tracked(self) -> JsonObject:
        """Returns the run as MLflow has it: metrics, parameters, datasets, models."""
        found: JsonObject = self.visit.api.mlflow("runs/get", {"run_id": self.name})["run"]
        return found

    @cached_property
    def children(self) -> list[JsonObject]:
        """Returns the runs below it, oldest first."""
        return list(records.children(self.visit, self.name))

    @cached_property
    def _told(self) -> tuple[list[tuple[str, str, str]], list[str]]:
        return records.events(self.visit, self.name)

    @property
    def events(self) -> list[tuple[str, str, str]]:
        """Returns what happened to it: (state, when, why)."""
        return self._told[0]

    @property
    def warnings(self) -> list[str]:
        """Returns what its user is to be told, each once."""
        return self._told[1]

    @property
    def artifacts(self) -> str:
        """Returns the URI of all that it logged and wrote."""
        return places.artifacts(self.name)

    @property
    def inputs(self) -> dict[str, JsonObject]:
        """Returns the job's inputs by name."""
        return {name: one for name, one in (self.job.get("inputs") or {}).items() if one}

    @property
    def outputs(self) -> dict[str, JsonObject]:
        """Returns the job's named outputs."""
        outputs = self.job.get("outputs") or {}
        return {name: one for name, one in outputs.items() if one and name != "default"}

    def link(self, **query: str) -> str:
        """Returns the address of a part of its page."""
        return self.visit.link(f"/runs/{segment(self.name)}", **query)


def find(visit: Visit, name: str) -> Run:
    """Asks for a run. Raises NotFound (404)."""
    record = visit.api.history(f"runs/{segment(name)}")
    try:
        job = visit.api.get(f"jobs/{segment(name)}")["properties"]
    except NotFound:
        job = {}
    return Run(visit, record, job)

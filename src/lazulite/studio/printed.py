"""Addresses that clients print and Azure's Studio has, where the page has another address here."""

from lazulite.http.call import Reply
from lazulite.studio import job
from lazulite.studio.inside import segment
from lazulite.studio.layout import shown
from lazulite.studio.visit import Shown, Visit

# Source: azure-ai-ml 1.35.2 operations/_job_ops_helper.py, jobs that materialise features.
_FEATURES = "/featureStore/{store}/featureSets/{set}/{version}/matJobs/jobs/{name}"


def by_id(visit: Visit) -> Shown:
    """Leads to an experiment's jobs, by its id. Source: azureml-core 1.61 core/_portal.py, HasExperimentPortal."""
    known = visit.api.history(f"experimentids/{segment(visit.call.ids['id'])}")
    return _jobs_of(visit, str(known["name"]))


def by_name(visit: Visit) -> Shown:
    """Leads to an experiment's jobs, by its name."""
    return _jobs_of(visit, visit.call.ids["name"])


def _jobs_of(visit: Visit, experiment: str) -> Reply:
    return Reply(None, 303, {"location": visit.link("/jobs", experiment=experiment)})


ROUTES = (shown("/experiments/id/{id}", by_id), shown("/experiments/{name}", by_name), shown(_FEATURES, job.show))

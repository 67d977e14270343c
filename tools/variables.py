"""docs/environment-variables.md: every environment variable that user code meets, from the catalog."""

from collections.abc import Sequence

from lazulite.catalog.job_variables import JOB_VARIABLES, JobVariable
from lazulite.catalog.variables import VARIABLES, Variable

HEAD = """# Environment variables

What jobs and scoring scripts find in their environment, and what a deployment may set in its `environment_variables`.
Made by `make docs` from `src/lazulite/catalog/variables.py` and `job_variables.py`. What leads Azure's clients here is
printed by `lazulite env`; jobs and scoring scripts have it too.
"""
OF_JOBS = (
    ("every", "Set for every job", "A job's own `environment_variables` win."),
    ("each rank", "Set for each rank of a job", "A job without a distribution has one."),
    ("PyTorch", "Set for each rank of a PyTorch distribution", ""),
    ("Mpi", "Set for each rank of an Mpi distribution", ""),
    ("TensorFlow", "Set for each rank of a TensorFlow distribution", ""),
    ("Ray", "Set for the command of a Ray distribution", ""),
    ("instance", "Set for jobs on a compute instance", ""),
    ("trial", "Set for the trials of a sweep or of AutoML", ""),
    (
        "parallel",
        "Set for the workers of parallel jobs and batch deployments",
        "As far as the job has a model, an output, a GPU.",
    ),
    ("none", "Not set for jobs", "Azure sets them; Lazulite does not, for the reason given."),
)
OF_DEPLOYMENTS = (
    ("platform", "Set for every deployment", "A deployment may say otherwise."),
    ("user", "Unset until a deployment sets them", "Azure's server reads them, and so does Lazulite."),
    ("ignored", "Ignored", "Azure's server reads them; Lazulite does not, for the reason given."),
)


def text() -> str:
    """Returns the page: a chapter for each way in which variables are set."""
    jobs = (
        _chapter(title, about, [one for one in JOB_VARIABLES if one.set_for == key]) for key, title, about in OF_JOBS
    )
    deployments = (
        _chapter(title, about, [one for one in VARIABLES if one.set_by == key]) for key, title, about in OF_DEPLOYMENTS
    )
    return "\n".join([HEAD, *jobs, *deployments])


def _chapter(title: str, about: str, variables: Sequence[Variable | JobVariable]) -> str:
    rows = "\n".join(f"| `{one.name}` | {one.meaning} | {one.source} |" for one in variables)
    head = f"## {title}\n\n{about}\n\n" if about else f"## {title}\n\n"
    return f"{head}| variable | meaning | source |\n|---|---|---|\n{rows}\n"


if __name__ == "__main__":
    print(text(), end="")

"""Pipelines on a home that an engine runs on: components that are shell commands, bodies as clients send them."""

import threading
import time

import pytest

from lazulite import clock
from lazulite.artifacts.locate import path_of
from lazulite.engine import folders, processes, states, submit
from lazulite.engine.courses import STEP, NewJob
from lazulite.engine.loop import Engine
from lazulite.store import datastores
from lazulite.tracking import entries
from tests.engine.conftest import HERE, Home

WITHIN_S = 30


def literal(value):
    return {"value": str(value), "job_input_type": "literal"}


def made_by(step, output="o"):
    return literal(f"${{{{parent.jobs.{step}.outputs.{output}}}}}")


def node(component, compute="cpu", **more):
    return {"type": "command", "componentId": f"{component}:1", "computeId": compute, **more}


class Pipelines(Home):
    """A home with an engine, to which pipelines are submitted."""

    def start(self):
        self.engine = Engine(self.settings, self.db, b"k" * 64)
        self.engine.start()

    def component(self, name, command="", inputs=None, outputs=None, **more):
        spec = {"name": name, "type": "command", "command": command, "environment": "plain:1"}
        spec |= {"inputs": inputs or {}, "outputs": {"o": "uri_folder"} if outputs is None else outputs, **more}
        for field in ("inputs", "outputs"):
            spec[field] = {key: one if isinstance(one, dict) else {"type": one} for key, one in spec[field].items()}
        self.put_asset("components", name, "1", componentSpec=spec)

    def submit_pipeline(self, jobs, wake=True, **more):
        """Submits a pipeline and returns its name."""
        return self.submit_body({"jobType": "Pipeline", "jobs": jobs, **more}, wake)

    def submit_body(self, body, wake=True, name=""):
        with self.db.write() as connection:
            job = submit.submit(connection, self.folder, HERE, NewJob(body, name, created_by="tester"), clock.now())
        if wake:
            self.engine.wake()
        return job.name

    def ended(self, name, *wanted):
        deadline = time.monotonic() + WITHIN_S
        while (job := self.job(name)).state not in (wanted or states.ENDED):
            assert time.monotonic() < deadline, (job.state, self.log(name))
            time.sleep(0.01)
        return job

    def run_pipeline(self, jobs, **more):
        return self.ended(self.submit_pipeline(jobs, **more))

    def submit_and_look(self, step, inputs):
        """Runs a pipeline of one step and returns its name."""
        name = self.submit_pipeline({"a": step}, inputs=inputs)
        job = self.ended(name)
        assert job.state == "Completed", job.run.error
        return name

    def children(self, name):
        """Returns a pipeline's children by their steps."""
        with self.db.read() as connection:
            found = states.children(connection, self.job(name))
            said = entries.of_runs(connection, [job.number for job in found])
        return {said[job.number, "property"][STEP]: job for job in found}

    def said(self, job):
        with self.db.read() as connection:
            return entries.of_run(connection, job.number, "property")

    def made(self, job, output="o"):
        """Returns where a job's output is."""
        with self.db.read() as connection:
            return path_of(self.folder, job.body["outputs"][output]["uri"], datastores.reader(connection, HERE))

    def log(self, name):
        path = folders.artifacts(self.folder, HERE, name) / folders.STEPS_LOG
        return path.read_text() if path.exists() else ""

    def cancel(self, name):
        with self.db.write() as connection:
            states.cancel(connection, self.job(name), clock.now())
        self.engine.wake()

    def end_all(self):
        with self.db.read() as connection:
            found = [states.get(connection, number) for number, _, _ in states.active(connection)]
        for job in found:
            self.cancel(job.name)
        for job in found:
            processes.await_end(folders.of_job(self.folder, HERE.scope, job.name))


@pytest.fixture
def home(tmp_path):
    made = Pipelines(tmp_path / "home")
    made.component("make", "echo ${{inputs.n}} > ${{outputs.o}}/n", {"n": "integer"})
    made.component(
        "add",
        "echo $(( $(cat ${{inputs.d}}/n) + ${{inputs.n}} )) > ${{outputs.o}}/n",
        {"d": "uri_folder", "n": {"type": "integer", "default": "1"}},
    )
    made.start()
    yield made
    made.end_all()
    made.engine.stop()
    for thread in threading.enumerate():
        if thread.name.startswith("job "):
            thread.join(WITHIN_S)
    made.db.close()

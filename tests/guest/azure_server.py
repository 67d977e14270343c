"""Azure's own inference server for tests, on loopback only, asked over HTTP."""

import http.client
import os
import subprocess
import textwrap

from tests.conftest import free_port
from tests.guest.deployed import WITHIN_S, Answer, wait_until


class AzureServer:
    """azureml-inference-server-http with one script; under gunicorn alone, since its command listens everywhere."""

    def __init__(self, folder, script, python, **variables):
        folder.mkdir()
        (folder / "score.py").write_text(textwrap.dedent(script))
        self.port = free_port()
        self._folder = folder
        self._python = python
        self._variables = variables
        self._process = None

    def start(self):
        """Starts the server and waits until it answers."""
        command = [self._python, "-m", "gunicorn", "-b", f"127.0.0.1:{self.port}"]
        command += ["azureml_inference_server_http.server.entry:app"]
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "AML_APP_ROOT": str(self._folder),
            "AZUREML_ENTRY_SCRIPT": "score.py",
            **self._variables,
        }
        with (self._folder / "console.log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, env=environ, stdout=log, stderr=log)
        wait_until(self._answers, "Azure's server")
        return self

    def ask(self, method, target, headers=(), body=b""):
        """Sends one request and returns its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        connection.request(method, target, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())

    def stop(self):
        """Ends the server."""
        self._process.terminate()
        self._process.wait(WITHIN_S)

    def _answers(self):
        assert self._process.poll() is None, (self._folder / "console.log").read_text()
        try:
            return self.ask("GET", "/").status == 200
        except OSError:
            return False

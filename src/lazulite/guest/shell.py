"""A job's place without the job: a shell, or one command, that sees what the job's command would, at a terminal.

The folder's `job.json` says what that is; docs/guest-protocol.md describes it.
"""

from __future__ import annotations

import json
import os

from . import apart, views


def main(arguments: "list[str]") -> int:
    """Turns this process into bash; arguments: the job's folder, then the command, if there is one."""
    folder, command = arguments[0], arguments[1:]
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
        plan = json.load(file)
    if plan["doors"] is not None:
        apart.enter(plan["doors"])
    if plan["isolated"]:
        views.enter(plan["views"], plan["readonly"], plan["writable"])
    os.chdir(plan["folder"])
    variables = {**plan["variables"], **plan["ranks"][0]["variables"]}
    if command:
        os.execvpe("bash", ["bash", "-c", command[0]], variables)
    variables["PS1"] = "(%s) \\W $ " % plan["variables"]["AZUREML_RUN_ID"]
    os.execvpe("bash", ["bash", "--norc"], variables)

"""`azureml_user.parallel_run`: what a batch script may ask of the process that it runs in.

Source: learn.microsoft.com/azure/machine-learning/v1/how-to-debug-parallel-run-step, EntryScript.
"""

from __future__ import annotations

import logging
import os
from typing import Any


class EntryScript:
    """The one object that describes this worker, however often it is made.

    agent_name: the worker process's name, `process000`. log_dir: a folder that is shown among the job's logs;
    whoever writes to it makes it. output_dir: where output files go. working_dir: the code's folder.
    logger: shows what it is told from the job's logging_level on.
    """

    _only: "EntryScript | None" = None

    agent_name = "process000"
    log_dir = os.curdir
    output_dir = os.curdir
    working_dir = os.curdir

    def __new__(cls, *_: Any, **__: Any) -> "EntryScript":
        """Returns the same object each time."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    @property
    def logger(self) -> logging.Logger:
        """Returns a logger of the script's own."""
        return logging.getLogger("EntryScript")

    @classmethod
    def describe(cls, agent_name: str, log_dir: str, output_dir: str, working_dir: str) -> None:
        """Sets what the script is told."""
        cls.agent_name = agent_name
        cls.log_dir = log_dir
        cls.output_dir = output_dir
        cls.working_dir = working_dir


__all__ = ("EntryScript",)

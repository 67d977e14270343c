"""The opened layers below: what a handler may use besides its call."""

from dataclasses import dataclass

from lazulite.artifacts.files import Staging
from lazulite.engine.loop import Engine
from lazulite.engine.scheduler import Scheduler
from lazulite.serving.supervisor import Supervisor
from lazulite.settings import Settings
from lazulite.store.db import Database


@dataclass(frozen=True)
class Parts:
    """Everything a handler needs, built once in app.py."""

    settings: Settings
    db: Database
    signing_key: bytes
    supervisor: Supervisor
    uploads: Staging
    engine: Engine
    scheduler: Scheduler

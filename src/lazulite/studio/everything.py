"""All of Studio's pages, and what its scripts ask."""

from lazulite.studio import curves, home, job, jobs, logs, pulse, raw, static, status

PAGES = (status, static, pulse, home, jobs, job, logs, raw, curves)

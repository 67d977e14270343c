"""All of Studio's pages, and what its scripts ask."""

from lazulite.studio import (
    curves,
    deploy,
    endpoint,
    endpoints,
    home,
    job,
    jobs,
    logs,
    pulse,
    raw,
    scoring,
    static,
    status,
    traffic,
)

PAGES = (status, static, pulse, home, jobs, job, endpoints, endpoint, deploy, scoring, traffic, logs, raw, curves)

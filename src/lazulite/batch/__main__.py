"""`python -m lazulite.batch FOLDER`: conducts the batch job whose folder holds parallel.json."""

import sys
from pathlib import Path

from lazulite.batch import conductor, order


def main() -> int:
    """Runs the job; the exit status is 0 when it has completed."""
    verdict = conductor.conduct(order.read(Path(sys.argv[1]) / "parallel.json"), sys.stdout.fileno())
    return 0 if verdict.state == "completed" else 1


if __name__ == "__main__":
    sys.exit(main())

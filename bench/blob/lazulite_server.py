"""Our blob storage on the platform's own port, without the rest of the platform.

python lazulite_server.py PORT HOME
"""

import asyncio
import sys
from pathlib import Path

import uvloop

from lazulite import settings
from lazulite.blob import service
from lazulite.edge import listen
from lazulite.identity.authority import Authority

SIGNING_KEY = b"a secret of this benchmark"


async def main(port: int, home: Path) -> None:
    """Serves until killed."""
    home.mkdir(parents=True, exist_ok=True)
    chosen = settings.read({}, home=home, port=port)
    await listen.start(chosen, Authority.open(home, {}), service.app(chosen, SIGNING_KEY), {})
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))

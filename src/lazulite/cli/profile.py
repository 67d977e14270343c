"""What `az configure --defaults`, `az account set` and `az login` leave behind: `home/azure.json`, ours alone."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from lazulite.errors import BadRequest


@dataclass(frozen=True)
class Profile:
    """The defaults of commands that name no scope; "" where none was set."""

    subscription: str = ""
    group: str = ""
    workspace: str = ""
    location: str = ""


def read(home: Path) -> Profile:
    """Returns the stored profile, an empty one when there is none. Raises BadRequest for a file that is not ours."""
    path = home / "azure.json"
    try:
        return Profile(**json.loads(path.read_text()))
    except FileNotFoundError:
        return Profile()
    except (ValueError, TypeError) as error:
        raise BadRequest(
            f"{path} is not what `az configure` wrote: {error}.", hint="Remove it and set the defaults again."
        ) from error


def write(home: Path, profile: Profile) -> None:
    """Stores the profile, whole or not at all."""
    path = home / "azure.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(dataclasses.asdict(profile), indent=2) + "\n")
    draft.replace(path)

"""Links in storage. The platform makes none there, but jobs may leave some, to anywhere: few may be followed."""

import os
import stat


def leads_out(folder: str, path: str) -> bool:
    """Tells whether a link on the way from a folder to a path below it leads out of that folder.

    Links within the folder are fine: caches of models have them. Where there is none, each part is looked at once.
    What is not there leads nowhere. Links above the folder are the operator's.
    """
    at = len(folder)
    while at >= 0:
        at = path.find("/", at + 1)
        try:
            mode = os.lstat(path if at < 0 else path[:at]).st_mode
        except OSError:
            return False
        if stat.S_ISLNK(mode):
            return not is_inside(os.path.realpath(path), os.path.realpath(folder))
    return False


def is_inside(real: str, folder: str) -> bool:
    """Tells whether a path is a folder or lies in it, both without links."""
    return f"{real}/".startswith(f"{folder.rstrip('/')}/")

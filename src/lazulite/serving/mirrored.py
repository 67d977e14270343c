"""What a deployment answered otherwise than the live one, from the lines that the gateway has written of it."""

import json
from collections import deque
from pathlib import Path
from typing import Any

_NAMES = ("mirror.jsonl.1", "mirror.jsonl")


def report(folder: Path, latest: int) -> dict[str, Any]:
    """Returns `{compared, same, different, liveMs, mirrorMs, differences}`: counts, mean times, and the latest pairs
    that differ, newest last: `{time, requestId, differences, live, mirror}`. Lines: gateway/compare.py.
    """
    compared, same, live_ms, mirror_ms = 0, 0, 0.0, 0.0
    found: deque[dict[str, Any]] = deque(maxlen=latest)
    for line in _lines(folder):
        if "differences" in line:
            found.append(line)
        else:
            compared, same = compared + line["compared"], same + line["same"]
            live_ms, mirror_ms = live_ms + line["liveMs"], mirror_ms + line["mirrorMs"]
    return {
        "compared": compared,
        "same": same,
        "different": compared - same,
        "liveMs": live_ms / compared if compared else None,
        "mirrorMs": mirror_ms / compared if compared else None,
        "differences": list(found),
    }


def _lines(folder: Path) -> list[dict[str, Any]]:
    texts = (path.read_text(encoding="utf-8") for name in _NAMES if (path := folder / name).exists())
    # The last line of a gateway that was killed may be half a line.
    return [json.loads(line) for text in texts for line in text.splitlines() if line.endswith("}")]

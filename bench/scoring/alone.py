"""The work without any server: prints the microseconds of CPU that one request takes."""

import os
import time
from pathlib import Path

import work

body = Path(os.environ["BENCH_BODY"]).read_bytes()
run = work.run_bytes if work.IS_OF_BYTES else work.run_text
work.init()
run(body)
count, over_at, began = 0, time.monotonic() + float(os.environ["BENCH_SECONDS"]), time.process_time()
while time.monotonic() < over_at:
    run(body)
    count += 1
print((time.process_time() - began) * 1e6 / count)

#!/usr/bin/env bash
# Trains a model, deploys it with an Azure ML script that knows nothing of Lazulite, and says where to look.
set -eu
root="$(cd "$(dirname "$0")/.." && pwd)"
PATH="$root/.venv/bin:$PATH"
export LAZULITE_HOME="$root/.demo"

lazulite status >/dev/null 2>&1 || lazulite up --detach 2>/dev/null || lazulite up --detach --port 0 --scoring-port 0
echo
cd "$root/examples/digits-online"
echo '$ python train.py'
python train.py
echo '$ lazulite run -- python deploy.py'
lazulite run -- python deploy.py

cat <<END

That was examples/digits-online: a script for Azure ML, unchanged, and a model that answers on this machine.
The endpoint stays up. Look around:

  export PATH="$root/.venv/bin:\$PATH" LAZULITE_HOME="$LAZULITE_HOME"
  lazulite status
  lazulite online-endpoint list -o table
  lazulite down                                     # stops it all; everything it made is in .demo
END

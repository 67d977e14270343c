"""How a job's command is put under pdb; what debug does is in test_job.py, on a real platform."""

import pytest

from lazulite.cli.grammar import Misuse
from lazulite.cli.job_debug import with_pdb

PDB = "-m pdb -c continue"


@pytest.mark.parametrize(
    ("command", "changed"),
    [
        ("python train.py --lr 1", f"python {PDB} train.py --lr 1"),
        ("python3.11 -u -B train.py", f"python3.11 -u -B {PDB} train.py"),
        ("cd src && A=1 ./bin/python -m train", f"cd src && A=1 ./bin/python {PDB} -m train"),
        ("pip list; python a.py | tee log\npython b.py", f"pip list; python {PDB} a.py | tee log\npython {PDB} b.py"),
    ],
)
def test_every_script_runs_under_pdb(command, changed):
    assert with_pdb(command) == changed


@pytest.mark.parametrize("command", ["torchrun train.py", "echo python", 'python -u -c "print(1)"', "pythonic x"])
def test_a_command_without_a_script_is_refused(command):
    with pytest.raises(Misuse, match="runs no Python script"):
        with_pdb(command)

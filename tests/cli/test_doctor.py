"""`lazulite doctor` tries things for real, and fails when one is missing."""

import json
import socket

from tests.cli.conftest import Cli


def findings(cli):
    return {one["what"]: one for one in json.loads(cli.run("doctor", "-o", "json").stdout)}


def test_on_a_running_platform_all_that_is_needed_is_there(cli):
    cli = Cli(cli.platform)
    done = cli.run("doctor")
    assert done.returncode == 0, done.stdout
    found = findings(cli)
    assert "failed" not in {one["state"] for one in found.values()}
    assert "management.azure.com verifies" in found["certificates"]["said"]
    assert f"pid {cli.platform.status()['pid']}" in found["port"]["said"]


def test_a_taken_port_is_found_with_its_owner_and_a_way_out(own_cli):
    with socket.create_server(("127.0.0.1", own_cli.platform.scoring_port)):
        done = own_cli.run("doctor")
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if line.startswith("failed"))
    assert "scoring" in line and f"{own_cli.platform.scoring_port} is taken by pid" in line
    assert "lazulite up --scoring-port N" in done.stdout


def test_a_home_that_cannot_be_written_fails(own_cli, tmp_path):
    (tmp_path / "file").write_text("")
    own_cli.variables["LAZULITE_HOME"] = str(tmp_path / "file" / "home")
    done = own_cli.run("doctor")
    assert done.returncode == 1
    assert "failed   home" in done.stdout and "Set LAZULITE_HOME" in done.stdout


def test_certificates_that_do_not_fit_the_platform_fail(own_cli):
    own_cli.platform.start()
    bundle = own_cli.platform.home / "ca" / "bundle.pem"
    bundle.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert findings(own_cli)["certificates"]["state"] == "failed"


def test_a_private_network_without_packages_is_told(own_cli, tmp_path):
    own_cli.variables.update(dict.fromkeys(("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"), ""))
    own_cli.variables.update(PIP_CONFIG_FILE="/dev/null", PIP_INDEX_URL="https://example.org/simple")
    own_cli.variables["LAZULITE_PRIVATE_NETWORK"] = "1"
    assert findings(own_cli)["packages"]["state"] == "warning"
    own_cli.variables["PIP_FIND_LINKS"] = str(tmp_path)
    assert f"builds find them at {tmp_path}" in findings(own_cli)["packages"]["said"]
    own_cli.variables["LAZULITE_ALLOWED_HOSTS"] = "example.org"
    assert "https://example.org/simple" in findings(own_cli)["packages"]["said"]

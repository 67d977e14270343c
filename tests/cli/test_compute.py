"""`lazulite compute`, against a real platform."""

CLUSTER = "$schema: x\nname: cpu\ntype: amlcompute\nsize: Standard_DS3_v2\nmax_instances: 4\ntags:\n  team: vision\n"


def test_a_cluster_is_made_listed_shown_changed_and_deleted(cli, tmp_path):
    file = tmp_path / "cluster.yml"
    file.write_text(CLUSTER)
    cluster = cli.json("compute", "create", "-f", str(file), "--set", "max_instances=3", "--min-instances", "1")
    assert (cluster["name"], cluster["type"], cluster["tags"]) == ("cpu", "amlcompute", {"team": "vision"})
    assert (cluster["min_instances"], cluster["max_instances"]) == (1, 3)
    assert cli.json("compute", "list") == [cluster] == [cli.json("compute", "show", "-n", "cpu")]
    assert cli.json("compute", "update", "-n", "cpu", "--set", "max_instances=5")["max_instances"] == 5
    assert [node["node_state"] for node in cli.json("compute", "list-nodes", "-n", "cpu")] == ["idle"]
    assert cli.json("compute", "delete", "-n", "cpu", "--yes") is None
    assert 'computes "cpu" was not found' in cli.refused("compute", "show", "-n", "cpu", code=3)


def test_an_instance_stops_and_starts(cli):
    words = ("--type", "ComputeInstance", "--size", "Standard_DS3_v2")
    assert cli.json("compute", "create", "-n", "mine", *words)["state"] == "Running"
    assert cli.json("compute", "stop", "-n", "mine") is None
    assert cli.json("compute", "show", "-n", "mine", "--query", "state") == "Stopped"
    cli.json("compute", "start", "-n", "mine")
    assert cli.json("compute", "show", "-n", "mine", "--query", "state") == "Running"


def test_sizes_and_usage_are_listed(cli):
    sizes = cli.json("compute", "list-sizes", "--type", "AmlCompute")
    assert next(one for one in sizes if one["name"] == "Standard_DS3_v2")["v_cp_us"] == 4
    assert cli.json("compute", "list-sizes", "--type", "Abacus") == []
    assert all(one["current_value"] <= one["limit"] for one in cli.json("compute", "list-usage"))


def test_what_is_wrong_in_a_file_is_said_with_its_place(cli, tmp_path):
    file = tmp_path / "bad.yml"
    file.write_text(CLUSTER.replace("max_instances: 4", "max_instances: many"))
    said = cli.refused("compute", "create", "-f", str(file), code=1)
    assert "max_instances" in said and "Traceback" not in said


def test_a_file_that_is_not_there_is_named(cli):
    assert "none.yml cannot be read: No such file" in cli.refused("compute", "create", "-f", "none.yml", code=2)


def test_a_size_that_does_not_exist_is_refused_in_azures_words(cli):
    said = cli.refused("compute", "create", "-n", "c", "--type", "AmlCompute", "--size", "Standard_None", code=1)
    assert '"Standard_None" is not a VM size' in said
    assert "must be PATH=VALUE" in cli.refused("compute", "update", "-n", "c", "--set", "oops", code=2)


def test_identities_are_given_by_commas_and_shown_as_a_list(cli):
    one = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x"
    words = ("--identity-type", "user_assigned", "--user-assigned-identities")
    cli.json("compute", "create", "-n", "mine", "--type", "AmlCompute", *words, one)
    shown = cli.json("compute", "update", "-n", "mine", "--max-instances", "3", *words, f"{one},{one}2")
    assert [each["resource_id"] for each in shown["identity"]["user_assigned_identities"]] == [one, f"{one}2"]
    assert shown["max_instances"] == 3
    assert "listens for SSH" in cli.refused("job", "connect-ssh", "-n", "any", code=1)
    assert cli.json("compute", "list", "--type", "computeinstance") == []

"""VM sizes: what is offered where, and what fits."""

import pytest

from lazulite.catalog import quotas, vm_sizes


def test_the_size_of_the_flux_story_is_offered():
    assert vm_sizes.check_online_size("Standard_NC40ads_H100_v5") is None


def test_names_ignore_letter_case():
    assert vm_sizes.check_online_size("STANDARD_NC4AS_T4_V3") is None
    assert vm_sizes.find("standard_ds3_v2") == vm_sizes.find("Standard_DS3_v2")


def test_a10_is_refused_and_sizes_with_enough_gpu_memory_are_named():
    problem = vm_sizes.check_online_size("Standard_NV36ads_A10_v5")
    assert problem is not None and problem.is_refusal
    assert "A10" in problem.message and "Standard_NC12s_v3" in problem.message
    assert vm_sizes.SKU_LIST in problem.hint


def test_a_training_size_is_refused_for_endpoints_with_its_neighbours():
    problem = vm_sizes.check_online_size("Standard_D4s_v3")
    assert problem is not None and problem.is_refusal and "Standard_D4as_v4" in problem.message


def test_a_misspelt_size_gets_a_suggestion():
    problem = vm_sizes.check_online_size("Standard_DS3v2")
    assert problem is not None and "Did you mean" in problem.message and "Standard_DS3_v2" in problem.message


@pytest.mark.parametrize(
    ("size", "model_gb", "expected"),
    [
        ("Standard_NC40ads_H100_v5", 9, None),
        ("Standard_DS3_v2", 9, None),
        ("Standard_DS2_v2", 9, True),
        ("Standard_NC4as_T4_v3", 24, False),
        ("Standard_ND96isr_H100_v5", 600, None),
    ],
)
def test_a_model_is_weighed_against_memory_and_gpu_memory(size, model_gb, expected):
    problem = vm_sizes.check_memory(size, model_gb * 1024**3)
    assert (problem and problem.is_refusal) == expected


def test_too_large_a_model_is_told_the_smallest_size_that_fits():
    problem = vm_sizes.check_memory("Standard_DS2_v2", 30 * 1024**3)
    assert problem is not None
    fitting = vm_sizes.find(problem.hint.removeprefix("The smallest size that fits is ").rstrip("."))
    assert fitting is not None and fitting.is_online and fitting.memory_gb >= 30


def test_every_size_of_azures_list_of_2023_is_offered_and_has_its_cores():
    offered = {size.name.lower(): size.vcpus for size in vm_sizes.sizes() if size.is_online}
    listed = {"standard_e64s_v3": 64, "standard_fx48mds": 48, "standard_l80s_v2": 80, "standard_nd40rs_v2": 40}
    assert listed.items() <= offered.items()
    assert len(offered) == 79  # rows of the list, the A10 sizes left out


def test_the_wire_shape_has_the_fields_of_azures_list():
    body = vm_sizes.wire(vm_sizes.find("Standard_NC64as_T4_v3"))
    assert (body["name"], body["vCPUs"], body["gpus"], body["memoryGB"]) == ("Standard_NC64as_T4_v3", 64, 4, 440)
    assert vm_sizes.wire(vm_sizes.find("Standard_NV6ads_A10_v5"))["gpus"] == 1  # a sixth of one
    assert all("AmlCompute" in vm_sizes.wire(size)["supportedComputeTypes"] for size in vm_sizes.sizes())


def test_premium_storage_follows_azures_naming():
    premium = {size.name: vm_sizes.wire(size)["premiumIO"] for size in vm_sizes.sizes()}
    assert premium["Standard_DS3_v2"] and premium["Standard_E4s_v3"] and premium["Standard_NC24ads_A100_v4"]
    assert not premium["Standard_D3_v2"] and not premium["Standard_NC6"] and not premium["Standard_D4a_v4"]


def test_usages_count_the_cores_of_computes():
    entries = {entry["name"]["value"]: entry for entry in quotas.usages("s", "eastus", {"standardDSv2Family": 8}, 2)}
    assert entries["standardDSv2Family"]["currentValue"] == 8
    assert entries["TotalDedicatedCores"]["currentValue"] == 8
    assert entries["Clusters"]["currentValue"] == 2

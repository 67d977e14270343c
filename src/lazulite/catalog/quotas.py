"""Azure Machine Learning's default limits and quotas. Data only; enforcing them is the caller's affair.

Source: learn.microsoft.com/azure/machine-learning/how-to-manage-quotas (edition of 2026-01-27), unless said otherwise.
"""

from collections.abc import Mapping
from typing import Any

from lazulite.catalog import vm_sizes

ENDPOINTS_PER_SUBSCRIPTION = 100
DEPLOYMENTS_PER_SUBSCRIPTION = 500
DEPLOYMENTS_PER_ENDPOINT = 20
INSTANCES_PER_DEPLOYMENT = 50
MAX_REQUEST_TIMEOUT_MS = 180_000
COMPUTES_PER_REGION = 500
# "24 to 300, depending on your subscription offer type"; none of families with GPUs.
LEAST_DEDICATED_CORES, DEDICATED_CORES = 24, 300
LOW_PRIORITY_CORES = 3000


def usages(subscription: str, location: str, cores_in_use: Mapping[str, int], computes: int) -> list[dict[str, Any]]:
    """Returns what `locations/{location}/usages` lists: one entry for each VM family, and three totals.

    cores_in_use: family -> vCPUs of the computes that exist. Source: azure-ai-ml 1.35.2 entities/_compute/_usage.py
    (the fields), names of the totals: guess.
    """
    base = (
        f"/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location.lower()}/usages"
    )
    families = dict.fromkeys(size.family for size in vm_sizes.sizes())
    entries = [
        _usage(base, location, family, f"{family} Cluster Dedicated vCPUs", cores_in_use.get(family, 0))
        for family in families
    ]
    total = sum(cores_in_use.values())
    entries.append(_usage(base, location, "TotalDedicatedCores", "Total Cluster Dedicated Regional vCPUs", total))
    entries.append(
        _usage(base, location, "TotalLowPriorityCores", "Total Cluster LowPriority Regional vCPUs", 0)
        | {"limit": LOW_PRIORITY_CORES}
    )
    entries.append(_usage(base, location, "Clusters", "Clusters", computes) | {"limit": COMPUTES_PER_REGION})
    return entries


def _usage(base: str, location: str, name: str, shown: str, current: int) -> dict[str, Any]:
    return {
        "id": f"{base}/{name.replace(' ', '')}",
        "amlWorkspaceLocation": location,
        "type": "Microsoft.MachineLearningServices/usages",
        "unit": "Count",
        "currentValue": current,
        "limit": DEDICATED_CORES,
        "name": {"value": name, "localizedValue": shown},
    }

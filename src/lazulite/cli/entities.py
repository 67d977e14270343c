"""Resources as `az ml` prints them: one table per noun, from the fields of its entity to the places in ARM's body.

A field is (name in the entity, path in the resource, how to turn it); what is null there is left out, and a field
without a name is an object whose own fields are the entity's. The tests hold the tables against what azure-ai-ml makes
of the same bodies.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from lazulite.cli import entity_graphs as graphs

Json = Any
Turn = Callable[[Json], Json]
Field = tuple[str, str] | tuple[str, str, Turn]

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")


def entity(resource: Json, fields: Sequence[Field]) -> Json:
    """Returns the entity of a resource: a nested dict, since a dot in an entity's field opens a level."""
    made: dict[str, Any] = {}
    for name, path, *turn in fields:
        value = _at(resource, path)
        if value is not None and turn:
            value = turn[0](value)
        if value is None:
            continue
        if not name:
            made.update(value)
            continue
        *levels, last = name.split(".")
        inner = made
        for level in levels:
            inner = inner.setdefault(level, {})
        inner[last] = value
    return made


def _at(resource: Json, path: str) -> Json:
    for step in path.split("."):
        if not isinstance(resource, dict):
            return None
        resource = resource.get(step)
    return resource


def snake(word: str) -> str:
    """Turns ARM's spelling of a choice into az's: `SystemAssigned` -> `system_assigned`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", word).lower()


def milliseconds(duration: str) -> int | None:
    """Reads an ISO 8601 duration: `PT1M30.5S` -> 90500; None for anything else."""
    match = _DURATION.fullmatch(duration)
    if not match:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)


def _seconds(duration: str) -> int | None:
    found = milliseconds(duration)
    return None if found is None else found // 1000


def _enabled(word: str) -> bool:
    return word.lower() == "enabled"


def _segment(position: int) -> Turn:
    """Makes a turn that takes one segment of an ARM id: 4 the resource group, -3 the asset's or endpoint's name."""
    return lambda arm_id: arm_id.split("/")[position]


def _if_any(value: Json) -> Json:
    return value or None


def _flavors(flavors: Json) -> Json:
    return {name: flavor.get("data") for name, flavor in flavors.items()} or None


def _places(regions: Json) -> Json:
    return [
        {"location": one.get("location"), "storage_config": one.get("storageAccountDetails") or []} for one in regions
    ]


def _assigned(identities: Json) -> Json:
    """Prints user-assigned identities: `{id: {principalId, clientId}}` as a list."""
    words = {"principal_id": "principalId", "client_id": "clientId"}
    known = (
        (arm_id, {ours: (one or {}).get(word) for ours, word in words.items()}) for arm_id, one in identities.items()
    )
    return [{"resource_id": id, **{name: value for name, value in one.items() if value}} for id, one in known] or None


def _conda(text: str) -> Json:
    import yaml  # only where an environment with a conda file is shown

    return yaml.safe_load(text)


def _children(table: Sequence[Field]) -> Turn:
    return lambda value: entity(value, table)


def _each(table: Sequence[Field]) -> Turn:
    return lambda named: {name: entity(value, table) for name, value in named.items()}


def _inputs(inputs: Json) -> Json:
    """Prints a literal as its value, all else as its type, mode and path."""
    return {
        name: one["value"] if one["jobInputType"] == "literal" else entity(one, _INPUT) for name, one in inputs.items()
    }


def _service(word: str) -> str:
    """Source: azure-ai-ml 1.35.2 constants/_job/job.py, JobServiceTypeNames."""
    names = {"JupyterLab": "jupyter_lab", "SSH": "ssh", "TensorBoard": "tensor_board", "VSCode": "vs_code"}
    return names.get(word, word)


_ID: Field = ("id", "id")
_NAME: Field = ("name", "name")
_LOCATION: Field = ("location", "location")
_TAGS: Field = ("tags", "tags")
_ABOUT: tuple[Field, ...] = (
    ("description", "properties.description"),
    ("tags", "properties.tags"),
    ("properties", "properties.properties"),
)
_CREATION: tuple[Field, ...] = tuple(
    (f"creation_context.{snake(name)}", f"systemData.{name}")
    for name in ("createdAt", "createdBy", "createdByType", "lastModifiedAt", "lastModifiedBy", "lastModifiedByType")
)
_IDENTITY: tuple[Field, ...] = (
    ("identity.type", "identity.type", snake),
    ("identity.principal_id", "identity.principalId"),
    ("identity.tenant_id", "identity.tenantId"),
    ("identity.user_assigned_identities", "identity.userAssignedIdentities", _assigned),
)
_ROUTE: tuple[Field, ...] = (("port", "port"), ("path", "path"))
_PROBE: tuple[Field, ...] = (
    ("period", "period", _seconds),
    ("initial_delay", "initialDelay", _seconds),
    ("timeout", "timeout", _seconds),
    ("success_threshold", "successThreshold"),
    ("failure_threshold", "failureThreshold"),
)

_INPUT: tuple[Field, ...] = (("type", "jobInputType"), ("mode", "mode", graphs.mode), ("path", "uri"))
_OUTPUT: tuple[Field, ...] = (
    ("type", "jobOutputType"),
    ("mode", "mode", graphs.mode),
    ("path", "uri"),
    ("name", "assetName"),
    ("version", "assetVersion"),
)
_SERVICE: tuple[Field, ...] = (
    ("type", "jobServiceType", _service),
    ("endpoint", "endpoint"),
    ("port", "port"),
    ("status", "status"),
    ("nodes", "nodes.nodesValueType", snake),
)

CONTAINER: tuple[Field, ...] = (
    _NAME,
    ("id", "id", graphs.azureml),
    ("latest_version", "properties.latestVersion"),
    *_ABOUT,
    *_CREATION,
)
_VERSION: tuple[Field, ...] = (
    ("name", "id", _segment(-3)),
    ("version", "name"),
    *_ABOUT,
    *_CREATION,
)
MODEL: tuple[Field, ...] = (
    *_VERSION,
    ("id", "id", graphs.azureml),
    ("type", "properties.modelType"),
    ("path", "properties.modelUri"),
    ("flavors", "properties.flavors", _flavors),
    ("stage", "properties.stage"),
    ("job_name", "properties.jobName"),
)
ENVIRONMENT: tuple[Field, ...] = (
    *_VERSION,
    ("id", "id", graphs.azureml),
    ("image", "properties.image"),
    ("conda_file", "properties.condaFile", _conda),
    ("build.path", "properties.build.contextUri"),
    ("build.dockerfile_path", "properties.build.dockerfilePath"),
    ("inference_config.liveness_route", "properties.inferenceConfig.livenessRoute", _children(_ROUTE)),
    ("inference_config.readiness_route", "properties.inferenceConfig.readinessRoute", _children(_ROUTE)),
    ("inference_config.scoring_route", "properties.inferenceConfig.scoringRoute", _children(_ROUTE)),
    ("os_type", "properties.osType", str.lower),
)
COMPONENT: tuple[Field, ...] = (
    ("", "properties.componentSpec", graphs.spec),
    *_VERSION,
    ("id", "id", graphs.azureml),
)
DATA: tuple[Field, ...] = (
    *_VERSION,
    _ID,
    ("path", "properties.dataUri"),
    ("type", "properties.dataType"),
)
WORKSPACE: tuple[Field, ...] = (
    _NAME,
    _ID,
    _LOCATION,
    _TAGS,
    ("resource_group", "id", _segment(4)),
    ("description", "properties.description"),
    ("display_name", "properties.friendlyName"),
    ("discovery_url", "properties.discoveryUrl"),
    ("mlflow_tracking_uri", "properties.mlFlowTrackingUri"),
    ("hbi_workspace", "properties.hbiWorkspace"),
    ("storage_account", "properties.storageAccount"),
    ("container_registry", "properties.containerRegistry"),
    ("key_vault", "properties.keyVault"),
    ("application_insights", "properties.applicationInsights"),
    ("public_network_access", "properties.publicNetworkAccess"),
    ("system_datastores_auth_mode", "properties.systemDatastoresAuthMode"),
    ("image_build_compute", "properties.imageBuildCompute"),
    ("primary_user_assigned_identity", "properties.primaryUserAssignedIdentity"),
    ("allow_roleassignment_on_rg", "properties.allowRoleAssignmentOnRG"),
    *_IDENTITY,
)
COMPUTE: tuple[Field, ...] = (
    _NAME,
    _ID,
    _LOCATION,
    ("tags", "tags", _if_any),
    ("type", "properties.computeType", str.lower),
    ("description", "properties.description"),
    ("created_on", "properties.createdOn"),
    ("provisioning_state", "properties.provisioningState"),
    ("size", "properties.properties.vmSize"),
    ("tier", "properties.properties.vmPriority", snake),
    ("min_instances", "properties.properties.scaleSettings.minNodeCount"),
    ("max_instances", "properties.properties.scaleSettings.maxNodeCount"),
    ("idle_time_before_scale_down", "properties.properties.scaleSettings.nodeIdleTimeBeforeScaleDown", _seconds),
    ("ssh_public_access_enabled", "properties.properties.remoteLoginPortPublicAccess", _enabled),
    ("enable_node_public_ip", "properties.properties.enableNodePublicIp"),
    ("state", "properties.properties.state"),
    ("last_operation", "properties.properties.lastOperation"),
    *_IDENTITY,
)
SIZE: tuple[Field, ...] = (
    _NAME,
    ("family", "family"),
    ("v_cp_us", "vCPUs"),
    ("gpus", "gpus"),
    ("memory_gb", "memoryGB"),
    ("max_resource_volume_mb", "maxResourceVolumeMB"),
    ("os_vhd_size_mb", "osVhdSizeMB"),
    ("low_priority_capable", "lowPriorityCapable"),
    ("premium_io", "premiumIO"),
    ("supported_compute_types", "supportedComputeTypes"),
)
USAGE: tuple[Field, ...] = (
    _ID,
    ("name", "name.value"),
    ("unit", "unit"),
    ("current_value", "currentValue"),
    ("limit", "limit"),
)
NODE: tuple[Field, ...] = (
    ("node_id", "nodeId"),
    ("private_ip_address", "privateIpAddress"),
    ("public_ip_address", "publicIpAddress"),
    ("port", "port"),
    ("node_state", "nodeState"),
    ("run_id", "runId"),
)
DATASTORE: tuple[Field, ...] = (
    _NAME,
    _ID,
    ("type", "properties.datastoreType", snake),
    ("description", "properties.description"),
    ("tags", "properties.tags"),
    ("account_name", "properties.accountName"),
    ("container_name", "properties.containerName"),
    ("file_share_name", "properties.fileShareName"),
    ("filesystem", "properties.filesystem"),
    ("endpoint", "properties.endpoint"),
    ("protocol", "properties.protocol"),
    ("is_default", "properties.isDefault", _if_any),
)
ONLINE_ENDPOINT: tuple[Field, ...] = (
    _NAME,
    _ID,
    _LOCATION,
    _TAGS,
    ("kind", "kind"),
    ("description", "properties.description"),
    ("properties", "properties.properties"),
    ("auth_mode", "properties.authMode", snake),
    ("scoring_uri", "properties.scoringUri"),
    ("openapi_uri", "properties.swaggerUri"),
    ("provisioning_state", "properties.provisioningState"),
    ("traffic", "properties.traffic"),
    ("mirror_traffic", "properties.mirrorTraffic"),
    ("public_network_access", "properties.publicNetworkAccess", snake),
    *_IDENTITY,
)
ONLINE_DEPLOYMENT: tuple[Field, ...] = (
    _NAME,
    ("endpoint_name", "id", _segment(-3)),
    _ID,
    _TAGS,
    ("type", "properties.endpointComputeType", snake),
    ("description", "properties.description"),
    ("properties", "properties.properties"),
    ("provisioning_state", "properties.provisioningState"),
    ("model", "properties.model", graphs.azureml),
    ("model_mount_path", "properties.modelMountPath"),
    ("code_configuration.code", "properties.codeConfiguration.codeId"),
    ("code_configuration.scoring_script", "properties.codeConfiguration.scoringScript"),
    ("environment", "properties.environmentId", graphs.azureml),
    ("environment_variables", "properties.environmentVariables"),
    ("app_insights_enabled", "properties.appInsightsEnabled"),
    ("scale_settings.type", "properties.scaleSettings.scaleType", snake),
    ("scale_settings.min_instances", "properties.scaleSettings.minInstances"),
    ("scale_settings.max_instances", "properties.scaleSettings.maxInstances"),
    ("request_settings.request_timeout_ms", "properties.requestSettings.requestTimeout", milliseconds),
    (
        "request_settings.max_concurrent_requests_per_instance",
        "properties.requestSettings.maxConcurrentRequestsPerInstance",
    ),
    ("request_settings.max_queue_wait_ms", "properties.requestSettings.maxQueueWait", milliseconds),
    ("liveness_probe", "properties.livenessProbe", _children(_PROBE)),
    ("readiness_probe", "properties.readinessProbe", _children(_PROBE)),
    ("instance_count", "sku.capacity"),
    ("instance_type", "properties.instanceType"),
    ("egress_public_network_access", "properties.egressPublicNetworkAccess", snake),
    *_CREATION,
)
_DISTRIBUTION = (
    *("processCountPerInstance", "workerCount", "parameterServerCount"),
    *("port", "address", "includeDashboard", "dashboardPort", "headNodeAdditionalArgs", "workerNodeAdditionalArgs"),
)
JOB: tuple[Field, ...] = (
    _NAME,
    ("id", "id", graphs.azureml),
    *_ABOUT,
    *_CREATION,
    ("type", "properties.jobType", snake),
    ("display_name", "properties.displayName"),
    ("experiment_name", "properties.experimentName"),
    ("status", "properties.status"),
    ("services", "properties.services", _each(_SERVICE)),
    ("compute", "properties.computeId", graphs.azureml),
    ("identity.type", "properties.identity.identityType", snake),
    ("command", "properties.command"),
    ("code", "properties.codeId", graphs.azureml),
    ("environment", "properties.environmentId", graphs.azureml),
    ("environment_variables", "properties.environmentVariables"),
    ("resources.instance_count", "properties.resources.instanceCount"),
    ("resources.instance_type", "properties.resources.instanceType"),
    ("resources.shm_size", "properties.resources.shmSize"),
    ("resources.docker_args", "properties.resources.dockerArgs"),
    ("resources.properties", "properties.resources.properties"),
    ("distribution.type", "properties.distribution.distributionType", str.lower),
    *((f"distribution.{snake(one)}", f"properties.distribution.{one}") for one in _DISTRIBUTION),
    ("queue_settings.job_tier", "properties.queueSettings.jobTier", snake),
    ("limits.timeout", "properties.limits.timeout", _seconds),
    ("parameters", "properties.parameters"),
    ("inputs", "properties.inputs", _inputs),
    ("outputs", "properties.outputs", _each(_OUTPUT)),
    ("settings", "properties.settings", graphs.settings),
    ("jobs", "properties.jobs", graphs.nodes),
    ("trial.command", "properties.trial.command"),
    ("trial.code", "properties.trial.codeId", graphs.azureml),
    ("trial.environment", "properties.trial.environmentId", graphs.azureml),
    ("trial.environment_variables", "properties.trial.environmentVariables"),
    ("trial.resources.instance_count", "properties.trial.resources.instanceCount"),
    ("trial.resources.instance_type", "properties.trial.resources.instanceType"),
    ("trial.resources.properties", "properties.trial.resources.properties"),
    ("search_space", "properties.searchSpace", graphs.search_space),
    ("sampling_algorithm", "properties.samplingAlgorithm", graphs.sampling),
    ("objective.goal", "properties.objective.goal", snake),
    ("objective.primary_metric", "properties.objective.primaryMetric"),
    ("early_termination", "properties.earlyTermination", graphs.termination),
    ("limits.max_total_trials", "properties.limits.maxTotalTrials"),
    ("limits.max_concurrent_trials", "properties.limits.maxConcurrentTrials"),
    ("limits.trial_timeout", "properties.limits.trialTimeout", _seconds),
)
# A step or trial, as run history lists it. Source: azure-ai-ml 1.35.2 entities/_job/_base_job, base_job.py.
RUN: tuple[Field, ...] = (
    ("name", "runId"),
    ("id", "id", graphs.azureml),
    ("display_name", "displayName"),
    ("description", "description"),
    ("status", "status"),
    ("experiment_name", "experimentName"),
    ("compute", "target"),
    ("tags", "tags"),
    ("properties", "properties"),
    ("creation_context.created_at", "createdUtc"),
    ("creation_context.created_by", "createdBy.userName"),
)
SCHEDULE: tuple[Field, ...] = (
    _NAME,
    ("id", "id", graphs.azureml),
    ("description", "properties.description"),
    ("display_name", "properties.displayName"),
    ("tags", "properties.tags", _if_any),
    ("properties", "properties.properties", _if_any),
    *_CREATION,
    ("trigger", "properties.trigger", graphs.trigger),
    ("is_enabled", "properties.isEnabled"),
    ("provisioning_state", "properties.provisioningState"),
    ("create_job", "properties.action.jobDefinition", lambda definition: entity({"properties": definition}, JOB)),
    ("create_job.id", "properties.action.jobDefinition.sourceJobId", graphs.azureml),
)
CONNECTION: tuple[Field, ...] = (
    _NAME,
    _ID,
    ("tags", "properties.metadata"),
    ("metadata", "properties.metadata"),
    *_CREATION,
    ("type", "properties.category", snake),
    ("target", "properties.target"),
    ("api_base", "properties.target"),
    ("credentials.type", "properties.authType", snake),
    ("credentials.key", "properties.credentials.key"),
    ("is_shared", "properties.isSharedToAll"),
)
REGISTRY: tuple[Field, ...] = (
    _NAME,
    _ID,
    _LOCATION,
    _TAGS,
    ("description", "properties.description"),
    ("public_network_access", "properties.publicNetworkAccess"),
    ("discovery_url", "properties.discoveryUrl"),
    ("mlflow_registry_uri", "properties.mlFlowRegistryUri"),
    ("managed_resource_group", "properties.managedResourceGroup.resourceId"),
    ("intellectual_property.publisher", "properties.intellectualPropertyPublisher"),
    ("replication_locations", "properties.regionDetails", _places),
    *_IDENTITY,
)
BATCH_ENDPOINT: tuple[Field, ...] = (
    _NAME,
    _ID,
    _LOCATION,
    _TAGS,
    ("description", "properties.description"),
    ("properties", "properties.properties"),
    ("auth_mode", "properties.authMode", snake),
    ("scoring_uri", "properties.scoringUri"),
    ("openapi_uri", "properties.swaggerUri"),
    ("provisioning_state", "properties.provisioningState"),
    ("defaults.deployment_name", "properties.defaults.deploymentName"),
)
BATCH_DEPLOYMENT: tuple[Field, ...] = (
    _NAME,
    ("endpoint_name", "id", _segment(10)),
    _ID,
    _TAGS,
    ("description", "properties.description"),
    ("properties", "properties.properties"),
    ("provisioning_state", "properties.provisioningState"),
    ("model", "properties.model.assetId", graphs.azureml),
    ("code_configuration.code", "properties.codeConfiguration.codeId"),
    ("code_configuration.scoring_script", "properties.codeConfiguration.scoringScript"),
    ("environment", "properties.environmentId", graphs.azureml),
    ("environment_variables", "properties.environmentVariables"),
    ("compute", "properties.compute", graphs.azureml),
    ("resources.instance_count", "properties.resources.instanceCount"),
    ("resources.instance_type", "properties.resources.instanceType"),
    ("resources.properties", "properties.resources.properties"),
    ("mini_batch_size", "properties.miniBatchSize"),
    ("max_concurrency_per_instance", "properties.maxConcurrencyPerInstance"),
    ("output_action", "properties.outputAction", snake),
    ("output_file_name", "properties.outputFileName"),
    ("error_threshold", "properties.errorThreshold"),
    ("logging_level", "properties.loggingLevel"),
    ("retry_settings.max_retries", "properties.retrySettings.maxRetries"),
    ("retry_settings.timeout", "properties.retrySettings.timeout", _seconds),
    ("component", "properties.deploymentConfiguration.componentId.assetId", graphs.azureml),
    ("settings", "properties.deploymentConfiguration.settings"),
    *_CREATION,
)
BATCH_JOB: tuple[Field, ...] = (_ID, _NAME, ("type", "type"), ("status", "properties.status"))

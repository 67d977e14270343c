"""Components: versioned steps of pipelines. What they are made of is stored as it was sent, and comes back so."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lazulite import fields
from lazulite.arm import differences, source_jobs
from lazulite.arm.environments import ENVIRONMENT
from lazulite.arm.families import Asset, Context, one_of
from lazulite.artifacts.locate import locate
from lazulite.errors import BadRequest, NotFound, NotImplementedHere
from lazulite.http.call import Call, JsonObject, Reply
from lazulite.http.parts import Parts
from lazulite.ids import RegistryId, WorkspaceId, parse_asset
from lazulite.store import assets, datastores

_FLOW = "promptflow_parallel"
# What each type must have besides its name, for the SDK reads no list in which one lacks it. Source: azure-ai-ml 1.35.2
# entities/_component/component_factory.py, and the schemas in _schema/component.
_NEEDS: Mapping[str, Mapping[str, type]] = {
    "command": {"command": str},
    "pipeline": {"jobs": dict},
    "parallel": {"task": dict},
    "spark": {"entry": dict},
    "automl": {"task": str},
    "data_transfer": {"task": str},
    "import": {},
    _FLOW: {},
}
# What says nothing about what a component does: two versions that differ in these alone are the same.
_ABOUT = ("name", "version", "id", "display_name", "description", "tags", "properties", "$schema", "_source")
# The fields of a spec that name assets, and the kinds of these.
REFERENCES: Mapping[str, str] = {"code": "codes", "environment": "environments", "componentId": "components"}
_ANONYMOUS = "azureml_anonymous"
# What an import component becomes on the wire, a command with sources for inputs.
_IMPORT = "import"


def accept(given: JsonObject, context: Context) -> JsonObject:
    """Checks the spec; of what it holds nothing is added and only nulls are dropped, which the SDK could not read."""
    sent = given.get("componentSpec")
    if not isinstance(sent, dict):
        raise BadRequest(
            "A component has a componentSpec, an object with its type, inputs, outputs and what it runs.",
            target="properties.componentSpec",
        )
    spec = _without_nulls(sent)
    if fields.text(spec, "properties.componentSpec.sourceJobId") and isinstance(context.owner, WorkspaceId):
        spec |= source_jobs.spec_of(context.connection, context.owner, spec["sourceJobId"])
    _check(spec, "properties.componentSpec")
    if isinstance(context.owner, RegistryId):
        _refuse_workspaces(spec, "properties.componentSpec", context.owner)
    if not _is_anonymous(given, context) and spec.setdefault("name", context.name).lower() != context.name.lower():
        raise BadRequest(
            f'properties.componentSpec.name is "{spec["name"]}", but the component is "{context.name}".',
            target="properties.componentSpec.name",
        )
    return {
        "isAnonymous": False,
        **given,
        "componentSpec": {**spec, "version": context.version},
        "tags": given.get("tags") or {},
        "properties": given.get("properties") or {},
    }


def _check(spec: JsonObject, path: str) -> None:
    kind = one_of(spec, "componentSpec.type", _NEEDS)
    if kind == _FLOW:
        raise NotImplementedHere(
            "A component made of a flow of promptflow is not here: its runtime is a service of Azure's.",
            target=f"{path}.type",
            hint="Call what the flow calls from the script of a command or parallel component.",
        )
    for field in ("name", "display_name", "description", "environment", "code"):
        fields.text(spec, f"{path}.{field}")
    fields.texts(spec, f"{path}.tags")
    fields.flag(spec, f"{path}.is_deterministic")
    for field in ("resources", "distribution", "limits", "retry_settings", "settings"):
        fields.nested(spec, f"{path}.{field}")
    for field, wanted in _NEEDS[kind].items():
        if not isinstance(spec.get(field), wanted) or not spec[field]:
            raise BadRequest(
                f"A component of type {kind} needs {field}, but it is {spec.get(field)!r:.80}.", target=path
            )
    if kind == "command" and spec["command"] == _IMPORT:
        return
    if kind == "command":
        fields.text(spec, f"{path}.environment", required=True)
    for field in ("inputs", "outputs"):
        for name in fields.nested(spec, f"{path}.{field}"):
            one = fields.nested(spec[field], f"{path}.{field}.{name}")
            fields.text(one, f"{path}.{field}.{name}.type", required=True)
    for name in fields.nested(spec, f"{path}.jobs"):
        fields.nested(spec["jobs"], f"{path}.jobs.{name}")


def _refuse_workspaces(spec: JsonObject, path: str, registry: RegistryId) -> None:
    """Raises BadRequest for a component of a registry that is made of something in a workspace."""
    for field, value in spec.items():
        if isinstance(value, dict):
            _refuse_workspaces(value, f"{path}.{field}", registry)
        elif field in REFERENCES and isinstance(value, str) and "/workspaces/" in value:
            raise BadRequest(
                f'{path}.{field} is "{value}", which is in a workspace, but {registry.described} is used from others.',
                target=f"{path}.{field}",
                hint="Create it in the registry first, or share the component from the workspace.",
            )


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _is_anonymous(given: JsonObject, context: Context) -> bool:
    return context.name.lower() == _ANONYMOUS or bool(given.get("isAnonymous"))


def compare(before: JsonObject, accepted: JsonObject, context: Context) -> list[str]:
    """Lists what differs between two specs, into the files of their code and the components of their steps."""
    return _compare_specs(before["componentSpec"], accepted["componentSpec"], "", context)


def _compare_specs(old: JsonObject, new: JsonObject, path: str, context: Context) -> list[str]:
    def references(at: str, before: str, after: str) -> list[str] | None:
        field = at.rpartition(".")[2]
        try:
            if field == "code":
                return [f"{at}: {said}" for said in differences.of_files(_code(before, context), _code(after, context))]
            if field == "environment":
                old, new = (_environment(reference, context) for reference in (before, after))
                return differences.of_fields(old, new, at)
            if field == "componentId":
                return _compare_specs(_spec(before, context), _spec(after, context), at, context)
        except (BadRequest, NotFound):
            pass  # what is not here can only be told by its name
        return None

    kept = [{name: one for name, one in spec.items() if name not in _ABOUT} for spec in (old, new)]
    return differences.of_fields(kept[0], kept[1], path, references)


def _code(reference: str, context: Context) -> Path:
    row = assets.resolve(context.connection, parse_asset(reference, "codes", context.owner))
    uri = row.body["properties"]["codeUri"]
    return locate(context.parts.settings.home, uri, datastores.reader(context.connection, context.owner))


def _environment(reference: str, context: Context) -> JsonObject:
    row = assets.resolve(context.connection, parse_asset(reference, "environments", context.owner))
    return {name: row.body["properties"].get(name) for name in ENVIRONMENT.fixed}


def _spec(reference: str, context: Context) -> JsonObject:
    row = assets.resolve(context.connection, parse_asset(reference, "components", context.owner))
    return dict(row.body["properties"]["componentSpec"])


def put_version(call: Call, parts: Parts) -> Reply:
    """Makes a version, or changes what is said of one; one that is made of a job has the job's own version."""
    spec = fields.nested(fields.nested(call.body, "properties"), "properties.componentSpec")
    source = fields.text(spec, "properties.componentSpec.sourceJobId")
    if source and call.ids["name"].lower() == _ANONYMOUS:
        call = replace(call, ids={**call.ids, "version": source_jobs.version_of(source)})
    return COMPONENT.put_version(call, parts)


COMPONENT = Asset("components", accept, fixed=(), compare=compare)

ROUTES = tuple(
    replace(route, handler=put_version) if route.handler == COMPONENT.put_version else route
    for route in COMPONENT.routes()
)

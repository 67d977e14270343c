"""`lazulite model`: as az ml model, and download."""

from lazulite.cli import assets
from lazulite.cli.assets import LABEL, VERSION, Asset
from lazulite.cli.entities import MODEL
from lazulite.cli.grammar import Arguments, Command, Group, Json, flag
from lazulite.cli.session import open_assets
from lazulite.cli.verbs import COMMON, DESCRIPTION, FILE, NAME, REGISTRY, TAGS, sdk

_MODEL = Asset("model", "models", MODEL)
_FIELDS = (
    flag("--path", "-p", help="A file or folder here, or an azureml:// address."),
    flag("--type", "-t", choices=("custom_model", "mlflow_model", "triton_model"), help="What kind of model it is."),
    flag("--stage", "-s", help="How far it is: Development, Production, ..."),
    flag("--datastore", metavar="NAME", help="The datastore to upload it to."),
    DESCRIPTION,
    TAGS,
)


def _download(arguments: Arguments) -> None:
    session = open_assets(arguments)
    found = _MODEL.find(session, arguments.name, arguments.version, arguments.label)
    sdk().download_model(session, arguments.name, found["name"], arguments.download_path)


_DOWNLOAD = Command(
    "download",
    "Download a model's files into DIR/NAME.",
    _download,
    (
        NAME,
        VERSION,
        LABEL,
        flag("--download-path", "-p", default=".", metavar="DIR", help="Where to; the current folder if not given."),
        REGISTRY,
        *COMMON,
    ),
    "lazulite model download -n churn -v 3 -p ./models",
)


def _package(arguments: Arguments) -> Json:
    session = open_assets(arguments)
    found = _MODEL.find(session, arguments.name, arguments.version, None)
    return session.arm.call(
        "POST", session.path("models", arguments.name, "versions", found["name"], "package"), {}
    ).json()


_PACKAGE = Command(
    "package",
    "Refused: there are no images here to package a model in; a deployment's environment is built from its recipe.",
    _package,
    (NAME, VERSION, FILE, REGISTRY, *COMMON),
)

GROUPS = (
    Group(
        "model",
        (
            *assets.commands(_MODEL, _FIELDS, "lazulite model create -n churn -p ./model --type custom_model"),
            _DOWNLOAD,
            _PACKAGE,
        ),
    ),
)

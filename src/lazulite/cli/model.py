"""`lazulite model`: as az ml model, and download."""

from lazulite.cli import assets
from lazulite.cli.assets import LABEL, VERSION, Asset
from lazulite.cli.entities import MODEL
from lazulite.cli.grammar import Arguments, Command, Group, flag
from lazulite.cli.session import open_workspace
from lazulite.cli.verbs import COMMON, DESCRIPTION, NAME, TAGS, sdk

_MODEL = Asset("model", "models", MODEL)
_FIELDS = (
    flag("--path", "-p", help="A file or folder here, or an azureml:// address."),
    flag("--type", "-t", choices=("custom_model", "mlflow_model", "triton_model"), help="What kind of model it is."),
    flag("--stage", "-s", help="How far it is: Development, Production, ..."),
    DESCRIPTION,
    TAGS,
)


def _download(arguments: Arguments) -> None:
    session = open_workspace(arguments)
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
        *COMMON,
    ),
    "lazulite model download -n churn -v 3 -p ./models",
)

GROUPS = (
    Group(
        "model",
        (
            *assets.commands(_MODEL, _FIELDS, "lazulite model create -n churn -p ./model --type custom_model"),
            _DOWNLOAD,
        ),
    ),
)

"""`az configure`, `az config`, `az cloud`, `az extension`, `az version`: az's own settings."""

from lazulite import settings
from lazulite.cli import profile
from lazulite.cli.az.dispatch import AZ_VERSION, ML_VERSION
from lazulite.cli.az.flags import GLOBAL, NO_EFFECT
from lazulite.cli.grammar import Arguments, Command, Group, Json, Misuse, flag
from lazulite.cli.profile import Option
from lazulite.cli.verbs import pair
from lazulite.errors import LazuliteError


def _configure(arguments: Arguments) -> Json:
    home = settings.read().home
    if arguments.list_defaults:
        return [_shown(one) for one in profile.options(home) if one.section == "defaults"]
    if not arguments.defaults:
        raise Misuse("az configure asks questions when it is given nothing to do, and nobody can be asked here.")
    profile.put(home, "defaults", dict(arguments.defaults))
    return None


def _shown(option: Option) -> Json:
    return {"name": option.name, "source": option.source, "value": option.value}


def _set(arguments: Arguments) -> None:
    home = settings.read().home
    for name, value in arguments.settings:
        section, option = _split(name)
        profile.put(home, section, {option: value})


def _unset(arguments: Arguments) -> None:
    home = settings.read().home
    for name in arguments.settings:
        section, option = _split(name)
        profile.put(home, section, {option: ""})


def _split(name: str) -> tuple[str, str]:
    section, dot, option = name.partition(".")
    if not dot or not section or not option:
        raise Misuse(f'"{name}" is not SECTION.NAME.', hint="Write defaults.group, core.output and so on.")
    return section, option


def _get(arguments: Arguments) -> Json:
    section, _, name = (arguments.setting or "").partition(".")
    found = [one for one in profile.options(settings.read().home) if section in ("", one.section)]
    if not name:
        if section:
            return [_shown(one) for one in found]
        sections = dict.fromkeys(one.section for one in found)
        return {section: [_shown(one) for one in found if one.section == section] for section in sections}
    match = next((one for one in found if one.name == name), None)
    if not match:
        raise LazuliteError(f"Configuration '{arguments.setting}' is not set.")
    return _shown(match)


def _extension(arguments: Arguments) -> None:
    """Does nothing: the extension ml is this program, and another would find no az to extend."""
    if arguments.name not in (None, *_EXTENSIONS):
        raise LazuliteError(
            f'There is no extension "{arguments.name}" here: only ml.',
            hint="With a real az on PATH, install it there, outside `lazulite run`.",
        )


def _show_extension(arguments: Arguments) -> Json:
    if arguments.name != "ml":
        raise LazuliteError(f"The extension {arguments.name} is not installed.")
    return _ML


def _list_extensions(arguments: Arguments) -> Json:
    return [_ML]


def _version(arguments: Arguments) -> Json:
    core = {"azure-cli": AZ_VERSION, "azure-cli-core": AZ_VERSION, "azure-cli-telemetry": "1.1.0"}
    return {**core, "extensions": {"ml": ML_VERSION}}


def _clouds(arguments: Arguments) -> Json:
    return [_CLOUD]


def _cloud(arguments: Arguments) -> Json:
    if arguments.name not in (None, "AzureCloud"):
        raise LazuliteError(f"The cloud '{arguments.name}' is not registered.")
    return _CLOUD


_ML = {"name": "ml", "version": ML_VERSION, "extensionType": "whl", "experimental": False, "preview": False, "path": ""}
# What scripts may add or remove: ml is here, what it replaced and what they add beside it leaves nothing undone.
_EXTENSIONS = ("ml", "azure-cli-ml")
_CLOUD = {
    "name": "AzureCloud",
    "isActive": True,
    "profile": "latest",
    "endpoints": {
        "activeDirectory": "https://login.microsoftonline.com",
        "activeDirectoryResourceId": "https://management.core.windows.net/",
        "microsoftGraphResourceId": "https://graph.microsoft.com/",
        "portal": "https://portal.azure.com",
        "resourceManager": "https://management.azure.com/",
    },
    "suffixes": {"acrLoginServerEndpoint": ".azurecr.io", "storageEndpoint": "core.windows.net"},
}
_EXTENSION_FLAGS = (
    flag("--name", "-n", help="The extension: only ml is here."),
    flag("--version", "--source", "-s", "--index", "--pip-extra-index-urls", help=NO_EFFECT),
    flag(
        "--yes", "-y", "--upgrade", "--system", "--allow-preview", "--pip-proxy", nargs="?", const=True, help=NO_EFFECT
    ),
    *GLOBAL,
)
_EXTENSION_NAME = flag("--name", "-n", required=True, help="The extension.")
_CLOUD_NAME = flag("--name", "-n", help="The cloud: AzureCloud.")
_LOCAL = flag("--local", action="store_true", help=NO_EFFECT)

GROUPS = (
    Group(
        "configure",
        (
            Command(
                "",
                "Set defaults of later commands: group, workspace, location.",
                _configure,
                (
                    flag(
                        "--defaults",
                        "-d",
                        nargs="+",
                        action="extend",
                        type=pair,
                        default=[],
                        metavar="NAME=VALUE",
                        help="The defaults to set; an empty value unsets one.",
                    ),
                    flag("--list-defaults", "-l", action="store_true", help="List them."),
                    flag("--scope", choices=("global", "local"), help=NO_EFFECT),
                    *GLOBAL,
                ),
                "az configure --defaults group=team workspace=dev",
            ),
        ),
    ),
    Group(
        "config",
        (
            Command(
                "set",
                "Set options: defaults.group, core.output and so on.",
                _set,
                (
                    flag("settings", nargs="+", type=pair, metavar="SECTION.NAME=VALUE", help="What to set."),
                    _LOCAL,
                    *GLOBAL,
                ),
            ),
            Command(
                "get",
                "Show one option, those of a section, or all.",
                _get,
                (flag("setting", nargs="?", metavar="SECTION.NAME", help="Which."), _LOCAL, *GLOBAL),
            ),
            Command(
                "unset",
                "Take options away.",
                _unset,
                (flag("settings", nargs="+", metavar="SECTION.NAME", help="Which."), _LOCAL, *GLOBAL),
            ),
        ),
    ),
    Group(
        "cloud",
        (
            Command("list", "List the clouds: AzureCloud, which is here.", _clouds, GLOBAL),
            Command("show", "Show the cloud.", _cloud, (_CLOUD_NAME, *GLOBAL)),
            Command("set", "Does nothing: there is one cloud.", _cloud, (_CLOUD_NAME, *GLOBAL)),
        ),
    ),
    Group(
        "extension",
        (
            Command("add", "Does nothing: the extension ml is here already.", _extension, _EXTENSION_FLAGS),
            Command("update", "Does nothing, as above.", _extension, _EXTENSION_FLAGS),
            Command("remove", "Does nothing, as above.", _extension, _EXTENSION_FLAGS),
            Command("show", "Show the extension ml.", _show_extension, (_EXTENSION_NAME, *GLOBAL)),
            Command("list", "List the extension ml.", _list_extensions, GLOBAL),
        ),
    ),
    Group("version", (Command("", "Show the version that these commands answer as.", _version, GLOBAL),)),
)

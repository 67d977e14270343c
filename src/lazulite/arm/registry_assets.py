"""What is in registries, at the front end that the SDK is led to: the same assets as in workspaces."""

from lazulite.arm import codes, environments, sharing, uploads
from lazulite.arm.components import COMPONENT
from lazulite.arm.data import DATA
from lazulite.arm.models import MODEL, package
from lazulite.http.registries import FRONT_END
from lazulite.http.routes import Route

ROUTES = (
    *COMPONENT.routes(FRONT_END),
    *MODEL.routes(FRONT_END),
    *DATA.routes(FRONT_END),
    *codes.routes(FRONT_END),
    *environments.routes(FRONT_END),
    Route("PUT", f"{FRONT_END}/tempdatarefs/{{name}}/versions/{{version}}", uploads.start_temporary),
    Route("POST", f"{FRONT_END}/datarefs/{{name}}/versions/{{version}}", uploads.read_reference),
    Route("POST", f"{FRONT_END}/import", sharing.share),
    Route("POST", f"{FRONT_END}/models/{{name}}/versions/{{version}}/package", package),
)

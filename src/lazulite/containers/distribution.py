"""The workspace's container registry, `{acr}.azurecr.io`: what docker, podman and skopeo push to and pull from.

Source: github.com/opencontainers/distribution-spec 1.1; of the sign-in: learn.microsoft.com/azure/container-registry/
container-registry-authentication. On this machine's own name, `127.0.0.1:8765/{acr}/{repository}` is the same image as
`{acr}.azurecr.io/{repository}`: engines that know neither proxy nor authority push to that.
"""

import re
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lazulite.artifacts.files import full_disk_is_an_error
from lazulite.artifacts.oci import Images
from lazulite.edge import hosts
from lazulite.environments import images as recipes
from lazulite.errors import BadRequest, LazuliteError, NotFound
from lazulite.settings import Settings

_MOST_MANIFEST_BYTES = 4 << 20
_RANGE = re.compile(r"(\d+)-(\d+)")
_API = {"docker-distribution-api-version": "registry/2.0"}
Place = tuple[Images, str, str]  # the registry, its name, and the repository's name in the client's words


def app(settings: Settings) -> ASGIApp:
    """Makes the app. Whoever may speak to the port may push and pull; any user name and password will do."""

    def place(request: Request) -> Place:
        name = request.path_params.get("name", "")
        host = request.headers.get("host", "")
        if hosts.azure_mount(host):
            return Images(settings.home, hosts.bare_name(host).partition(".")[0]), name, ""
        registry, _, rest = name.partition("/")
        if not re.fullmatch(r"[a-z0-9]{2,50}", registry):
            raise BadRequest(f"{registry[:60]!r} is not a registry's name.", code="NAME_INVALID")
        return Images(settings.home, registry), rest, f"{registry}/"

    def route(path: str, handler: Callable[[Request, Place], Awaitable[Response]], *methods: str) -> Route:
        async def answer(request: Request) -> Response:
            try:
                with full_disk_is_an_error():
                    response = await handler(request, place(request))
            except ClientDisconnect:
                return Response(status_code=499)
            except LazuliteError as error:
                response = _refusal(error)
            response.headers.update(_API)
            return response

        return Route(path, answer, methods=list(methods))

    async def name_image(request: Request, place: Place) -> Response:
        answer = await _put_manifest(request, place)
        # A name means what was given it last: not what `az acr build` gave it before.
        name = f"{place[0].registry}{recipes.REGISTRY}/{place[1]}:{request.path_params['reference']}"
        await run_in_threadpool(recipes.forget, settings.home, name)
        return answer

    return Starlette(
        routes=[
            Route("/v2/", _root, methods=["GET", "HEAD"]),
            Route("/v2", _root, methods=["GET", "HEAD"]),
            Route("/oauth2/{kind}", _token, methods=["GET", "POST"]),
            route("/v2/_catalog", _catalog, "GET"),
            route("/v2/{name:path}/tags/list", _tags, "GET"),
            route("/v2/{name:path}/blobs/uploads/", _begin, "POST"),
            route("/v2/{name:path}/blobs/uploads/{upload}", _continue, "PATCH", "PUT", "GET", "DELETE"),
            route("/v2/{name:path}/blobs/{digest}", _blob, "GET", "HEAD"),
            route("/v2/{name:path}/manifests/{reference}", name_image, "PUT"),
            route("/v2/{name:path}/manifests/{reference}", _manifest, "GET", "HEAD"),
            route("/v2/{name:path}/manifests/{reference}", _delete_manifest, "DELETE"),
        ]
    )


async def _root(request: Request) -> Response:
    """Asks for a sign-in, as Azure does, so that clients that keep credentials use them; any are good.

    By this machine's own name nobody is asked: dockerd sends nothing to a registry for which it has no credentials.
    """
    if "authorization" in request.headers or not hosts.azure_mount(request.headers.get("host", "")):
        return JSONResponse({}, headers=_API)
    challenge = {"www-authenticate": 'Basic realm="Lazulite"', **_API}
    return JSONResponse({"errors": [{"code": "UNAUTHORIZED", "message": "Sign in first."}]}, 401, challenge)


async def _token(request: Request) -> Response:
    """Gives out what `az acr login` and docker ask for. Source: github.com/Azure/acr, docs/AAD-OAuth.md."""
    return JSONResponse({"refresh_token": "lazulite", "access_token": "lazulite"})


async def _catalog(request: Request, place: Place) -> Response:
    images, _, _ = place
    return JSONResponse({"repositories": images.repositories()})


async def _tags(request: Request, place: Place) -> Response:
    images, name, prefix = place
    found = images.tags(name)
    if not found:
        raise NotFound(f"There is no repository {name!r}.", code="NAME_UNKNOWN")
    return JSONResponse({"name": prefix + name, "tags": found})


async def _begin(request: Request, place: Place) -> Response:
    images, name, prefix = place
    digest = request.query_params.get("mount", "")
    if digest and images.blob(digest):
        return _at(201, f"/v2/{prefix}{name}/blobs/{digest}", digest)
    draft = images.draft()
    if "digest" in request.query_params:
        return await _finish(request, place, draft.name)
    return _uploading(place, draft.name)


async def _continue(request: Request, place: Place) -> Response:
    upload = request.path_params["upload"]
    images, _, _ = place
    draft = images.draft(upload)
    if request.method == "GET":
        return _uploading(place, upload, 204)
    if request.method == "DELETE":
        draft.unlink()
        return Response(status_code=204)
    if request.method == "PUT":
        return await _finish(request, place, upload)
    told = _RANGE.fullmatch(request.headers.get("content-range", ""))
    if told and int(told[1]) != draft.stat().st_size:
        return _uploading(place, upload, 416)
    await _receive(request, place, upload)
    return _uploading(place, upload)


async def _finish(request: Request, place: Place, upload: str) -> Response:
    images, name, prefix = place
    digest = request.query_params.get("digest", "")
    await _receive(request, place, upload)
    await run_in_threadpool(images.keep, images.draft(upload), digest)
    return _at(201, f"/v2/{prefix}{name}/blobs/{digest}", digest)


async def _receive(request: Request, place: Place, upload: str) -> None:
    images, _, _ = place
    with images.draft(upload).open("ab") as file:
        async for piece in request.stream():
            file.write(piece)


async def _blob(request: Request, place: Place) -> Response:
    images, _, _ = place
    digest = request.path_params["digest"]
    path = images.blob(digest)
    if not path:
        raise NotFound(f"There is no blob {digest}.", code="BLOB_UNKNOWN")
    return FileResponse(path, headers={"docker-content-digest": digest}, media_type="application/octet-stream")


async def _put_manifest(request: Request, place: Place) -> Response:
    images, name, prefix = place
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > _MOST_MANIFEST_BYTES:
            raise BadRequest(f"The manifest is over {_MOST_MANIFEST_BYTES} bytes.", code="MANIFEST_INVALID")
    media_type = request.headers.get("content-type", "")
    digest = images.put_manifest(name, request.path_params["reference"], content, media_type)
    return _at(201, f"/v2/{prefix}{name}/manifests/{digest}", digest)


async def _manifest(request: Request, place: Place) -> Response:
    images, name, _ = place
    reference = request.path_params["reference"]
    found = images.manifest(name, reference)
    if not found:
        raise NotFound(f"There is no image {name}:{reference}.", code="MANIFEST_UNKNOWN")
    headers = {"docker-content-digest": found.digest}
    return Response(found.content, headers=headers, media_type=found.media_type)


async def _delete_manifest(request: Request, place: Place) -> Response:
    images, name, _ = place
    if not images.forget(name, request.path_params["reference"]):
        raise NotFound("There is no such image.", code="MANIFEST_UNKNOWN")
    return Response(status_code=202)


def _uploading(place: Place, upload: str, status: int = 202) -> Response:
    images, name, prefix = place
    size = images.draft(upload).stat().st_size
    headers = {"location": f"/v2/{prefix}{name}/blobs/uploads/{upload}", "docker-upload-uuid": upload}
    return Response(status_code=status, headers={**headers, "range": f"0-{max(size - 1, 0)}"})


def _at(status: int, location: str, digest: str) -> Response:
    return Response(status_code=status, headers={"location": location, "docker-content-digest": digest})


def _refusal(error: LazuliteError) -> Response:
    """Source: distribution-spec 1.1, Error Codes."""
    code = error.code if error.code.isupper() else "UNKNOWN"
    return JSONResponse({"errors": [{"code": code, "message": error.wire()["message"]}]}, error.status)

"""What stands in for a container engine where there is none: the part of Docker's API that Azure ML's clients use.

`local=True` deployments of the SDK build and run images by it; `docker build`, `tag`, `push`, `run` come here too under
`lazulite run`. An image is the recipe that it was built of, a container one process: see boxes.py. What an engine does
beyond that is refused with 501. Source of shapes: docs.docker.com/reference/api/engine/version/v1.41.
"""

import json
import queue
import tarfile
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from lazulite import __version__, clock, fields
from lazulite.containers import shapes
from lazulite.containers.boxes import Box, Boxes
from lazulite.environments import built, images
from lazulite.environments.spec import of_recipe
from lazulite.errors import BadRequest, LazuliteError, NotFound, NotImplementedHere
from lazulite.settings import Settings

_API_VERSION = "1.41"
_PREFIX = "/_docker"
_HEADERS = {"api-version": _API_VERSION, "docker-experimental": "false", "ostype": "linux", "builder-version": "1"}
_MOST_CONTEXT_BYTES = 2 << 30
Handler = Callable[[Request], Awaitable[Response]]


class Engine:
    """The stand-in of one home."""

    def __init__(self, settings: Settings) -> None:
        self._home = settings.home
        self._boxes = Boxes(settings)

    def app(self) -> ASGIApp:
        """Makes the app; it answers with and without a version in the path."""
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET HEAD", "/_ping", self.ping),
            ("GET", "/version", self.version),
            ("GET", "/info", self.info),
            ("POST", "/auth", self.log_in),
            ("POST", "/build", self.build),
            ("GET", "/images/json", self.list_images),
            ("POST", "/images/create", self.pull),
            ("GET", "/images/{name:path}/json", self.show_image),
            ("POST", "/images/{name:path}/tag", self.tag),
            ("POST", "/images/{name:path}/push", self.push),
            ("DELETE", "/images/{name:path}", self.remove_image),
            ("GET", "/containers/json", self.list_containers),
            ("POST", "/containers/create", self.create),
            ("GET", "/containers/{id}/json", self.show),
            ("GET", "/containers/{id}/logs", self.logs),
            ("POST", "/containers/{id}/start", self.start),
            ("POST", "/containers/{id}/stop", self.stop),
            ("POST", "/containers/{id}/kill", self.stop),
            ("POST", "/containers/{id}/restart", self.restart),
            ("POST", "/containers/{id}/wait", self.wait),
            ("DELETE", "/containers/{id}", self.remove),
        )
        routes = [
            Route(f"{_PREFIX}{version}{path}", _told(handler), methods=methods.split())
            for methods, path, handler in table
            for version in ("/v{version}", "")
        ]
        every = ["GET", "HEAD", "POST", "PUT", "DELETE"]
        return Starlette(routes=[*routes, Route("/{path:path}", _told(_refuse), methods=every)])

    # The engine itself

    async def ping(self, request: Request) -> Response:
        """Says that it is there, and which version of the API it speaks."""
        return PlainTextResponse("OK")

    async def version(self, request: Request) -> Response:
        """Says who it is."""
        return JSONResponse(shapes.version(__version__, _API_VERSION))

    async def info(self, request: Request) -> Response:
        """Says what there is."""
        return JSONResponse(shapes.info(__version__, len(self._boxes.all())))

    async def log_in(self, request: Request) -> Response:
        """Takes any name and password: pushing leaves nothing but the home."""
        return JSONResponse({"Status": "Login Succeeded", "IdentityToken": ""})

    # Images

    async def build(self, request: Request) -> Response:
        """Builds the environment that a Dockerfile asks for; streams what is said on the way."""
        asked = request.query_params
        arguments = fields.texts({"buildargs": json.loads(asked.get("buildargs") or "{}")}, "buildargs")
        context = tempfile.TemporaryFile()  # noqa: SIM115 - work closes it, in a thread of its own
        async for piece in request.stream():
            context.write(piece)
            if context.tell() > _MOST_CONTEXT_BYTES:
                raise BadRequest(f"The build context is over {_MOST_CONTEXT_BYTES} bytes.")
        tags = [images.full_name(tag) for tag in request.query_params.getlist("t")] or [shapes.unnamed()]
        dockerfile = asked.get("dockerfile") or "Dockerfile"

        def work(say: Callable[[str], None]) -> None:
            with tempfile.TemporaryDirectory() as folder:
                context.seek(0)
                try:
                    with context, tarfile.open(fileobj=context) as tar:
                        _unpack(tar, Path(folder).resolve())
                except tarfile.TarError as error:
                    raise BadRequest(f"The build context is not a tar file: {error}.") from error
                at = Path(folder) / dockerfile
                for tag in tags:
                    images.build(self._home, tag, Path(folder), at, say, arguments)
            say(f"Successfully built {shapes.image_id(tags[0])[7:19]}")
            for tag in tags:
                say(f"Successfully tagged {shapes.short_name(tag)}")

        return _stream(work, lambda line: {"stream": line + "\n"})

    async def list_images(self, request: Request) -> Response:
        """Lists what was built or tagged here."""
        return JSONResponse([shapes.image(name) for name in images.all_names(self._home)])

    async def show_image(self, request: Request) -> Response:
        """Shows an image. Raises NotFound for one that was not built here."""
        return JSONResponse(shapes.image_details(self._image(request.path_params["name"])))

    async def pull(self, request: Request) -> Response:
        """Finds an image in a registry of this machine. No image comes from anywhere else."""
        asked = request.query_params
        name = asked.get("fromImage", "")
        name = images.full_name(f"{name}:{asked['tag']}" if asked.get("tag") else name)
        self._image(name)
        return _stream(lambda say: say(f"Status: Image is up to date for {name}"), lambda line: {"status": line})

    async def tag(self, request: Request) -> Response:
        """Gives an image another name."""
        name = self._image(request.path_params["name"])
        asked = request.query_params
        target = f"{asked.get('repo', '')}:{asked.get('tag') or 'latest'}"
        await run_in_threadpool(images.copy, self._home, name, images.full_name(target))
        return Response(status_code=201)

    async def push(self, request: Request) -> Response:
        """Puts an image into the registry that its name says: that of a workspace is in this home already."""
        name = request.path_params["name"]
        name = self._image(f"{name}:{request.query_params.get('tag') or 'latest'}" if ":" not in name else name)
        if not name.partition("/")[0].endswith(".azurecr.io"):
            raise NotImplementedHere(
                f"{shapes.short_name(name)} would be pushed to a registry outside: images built here are recipes, "
                "which no other engine can run.",
                hint="Tag it as REGISTRY.azurecr.io/NAME:TAG.",
            )
        digest = shapes.image_id(name)
        return _stream(
            lambda say: say(f"{name.rpartition(':')[2]}: digest: {digest} size: 528"), lambda line: {"status": line}
        )

    async def remove_image(self, request: Request) -> Response:
        """Takes a name from an image."""
        name = self._image(request.path_params["name"])
        images.forget(self._home, name)
        return JSONResponse([{"Untagged": shapes.short_name(name)}])

    def _image(self, name: str) -> str:
        known = images.all_names(self._home)
        full = next((one for one in known if shapes.image_id(one)[7:].startswith(name.removeprefix("sha256:"))), None)
        full = full if full and len(name) >= 12 else images.full_name(name)
        if not images.find(self._home, full):
            raise NotFound(
                f"No such image: {shapes.short_name(full)}. Lazulite stands in for a container engine and has only "
                "what was built here."
            )
        return full

    # Containers

    async def create(self, request: Request) -> Response:
        """Makes a container of an image that was built here."""
        asked = json.loads(await request.body() or b"{}")
        image = self._image(asked.get("Image") or "")
        recipe = images.find(self._home, image)
        assert recipe
        environment = await run_in_threadpool(built.ensure, self._home, of_recipe(recipe), lambda line: None)
        host = asked.get("HostConfig") or {}
        variables = dict(one.partition("=")[::2] for one in asked.get("Env") or ())
        box = Box(
            id="",
            name=request.query_params.get("name") or f"box-{clock.now():%H%M%S%f}",
            image=image,
            python=str(environment.python),
            variables={**environment.variables, **variables},
            labels=asked.get("Labels") or {},
            binds=tuple(shapes.bind(one) for one in host.get("Binds") or ()),
            created_at=clock.iso(clock.now()),
            tty=bool(asked.get("Tty")),
            asked={"HostConfig": host},
        )
        made = self._boxes.create(box)
        return JSONResponse({"Id": made.id, "Warnings": []}, 201)

    async def list_containers(self, request: Request) -> Response:
        """Lists containers: those that run, or all; by label, name and status."""
        filters = json.loads(request.query_params.get("filters") or "{}")
        wants_all = request.query_params.get("all", "").lower() in ("1", "true")
        found = [box for box in self._boxes.all() if wants_all or self._boxes.is_running(box)]
        return JSONResponse([self._row(box) for box in found if shapes.fits(box, self._status(box), filters)])

    async def show(self, request: Request) -> Response:
        """Shows one container."""
        box = self._boxes.find(request.path_params["id"])
        return JSONResponse(shapes.container(box, self._status(box), self._boxes.exit_code(box)))

    async def start(self, request: Request) -> Response:
        """Starts a container."""
        box = self._boxes.find(request.path_params["id"])
        if self._boxes.is_running(box):
            return Response(status_code=304)
        await run_in_threadpool(self._boxes.start, box)
        return Response(status_code=204)

    async def stop(self, request: Request) -> Response:
        """Ends a container's process."""
        box = self._boxes.find(request.path_params["id"])
        if not self._boxes.is_running(box):
            return Response(status_code=304)
        await run_in_threadpool(self._boxes.stop, box, float(request.query_params.get("t") or 10))
        return Response(status_code=204)

    async def restart(self, request: Request) -> Response:
        """Ends a container's process and starts another."""
        box = self._boxes.find(request.path_params["id"])
        await run_in_threadpool(self._boxes.stop, box)
        await run_in_threadpool(self._boxes.start, box)
        return Response(status_code=204)

    async def wait(self, request: Request) -> Response:
        """Answers when a container's process has ended."""
        box = self._boxes.find(request.path_params["id"])
        while self._boxes.is_running(box):
            if await request.is_disconnected():
                break
            await run_in_threadpool(clock.sleep, 0.1)
        return JSONResponse({"StatusCode": self._boxes.exit_code(box), "Error": None})

    async def remove(self, request: Request) -> Response:
        """Removes a container."""
        box = self._boxes.find(request.path_params["id"])
        force = request.query_params.get("force", "").lower() in ("1", "true")
        await run_in_threadpool(lambda: self._boxes.remove(box, force=force))
        return Response(status_code=204)

    async def logs(self, request: Request) -> Response:
        """Answers what a container printed, and goes on while it prints, if asked to."""
        box = self._boxes.find(request.path_params["id"])
        tail = request.query_params.get("tail", "all")
        content = self._boxes.log(box, int(tail) if tail.isdecimal() else None)
        follows = request.query_params.get("follow", "").lower() in ("1", "true")
        pieces = self._follow(box, content) if follows else iter((content,))
        framed = pieces if box.tty else (shapes.framed(piece) for piece in pieces if piece)
        kind = "application/vnd.docker.raw-stream" if box.tty else "application/vnd.docker.multiplexed-stream"
        return StreamingResponse(iterate_in_threadpool(framed), media_type=kind)

    def _follow(self, box: Box, content: bytes) -> Iterator[bytes]:
        seen = len(self._boxes.log(box, None))
        yield content
        while self._boxes.is_running(box):
            clock.sleep(0.1)
            new = self._boxes.log(box, None)[seen:]
            seen += len(new)
            if new:
                yield new
        yield self._boxes.log(box, None)[seen:]

    def _status(self, box: Box) -> str:
        if self._boxes.is_running(box):
            return "running"
        return "exited" if box.started_at else "created"

    def _row(self, box: Box) -> dict[str, Any]:
        return shapes.row(box, self._status(box))


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Unpacks a build context. Raises BadRequest for what would lead out of it.

    Python 3.11.2, which Debian 12 has, knows no filters.
    """
    for member in tar:
        place = folder / member.name
        linked = place.parent / member.linkname if member.issym() else folder / member.linkname
        if member.isdev() or not all(path.resolve().is_relative_to(folder) for path in (place, linked)):
            raise BadRequest(f"{member.name!r} leads out of the build context.")
        tar.extract(member, folder, set_attrs=not member.isdir())


def _told(handler: Handler) -> Handler:
    """Wraps a handler: its errors are told as Docker's clients read them, `{"message": ...}`."""

    async def answer(request: Request) -> Response:
        try:
            response = await handler(request)
        except LazuliteError as error:
            response = JSONResponse({"message": error.wire()["message"]}, error.status)
        except ValueError as error:
            response = JSONResponse({"message": f"The request cannot be read: {error}"}, 400)
        response.headers.update(_HEADERS)
        return response

    return answer


async def _refuse(request: Request) -> Response:
    raise NotImplementedHere(
        f"{request.method} {request.url.path.removeprefix(_PREFIX)} is not answered: Lazulite stands in for "
        "a container engine only as far as Azure ML's clients need one.",
        hint="Install docker or podman, and set DOCKER_HOST to it.",
    )


def _stream(work: Callable[[Callable[[str], None]], None], line_of: Callable[[str], dict[str, Any]]) -> Response:
    """Runs work in a thread and streams what it says; its error is the last line."""
    said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def run() -> None:
        reason = "Lazulite failed; its log says why."
        try:
            work(lambda text: said.put(line_of(text)))
            reason = ""
        except LazuliteError as error:
            reason = error.wire()["message"]
        except OSError as error:
            reason = str(error)
        finally:
            if reason:
                said.put({"error": reason, "errorDetail": {"message": reason}})
            said.put(None)

    async def pieces() -> AsyncIterator[bytes]:
        while (line := await run_in_threadpool(said.get)) is not None:
            yield json.dumps(line).encode() + b"\r\n"

    threading.Thread(target=run, name="docker build", daemon=True).start()
    return StreamingResponse(pieces(), media_type="application/json")

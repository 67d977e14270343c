"""MLServer in one process: its own protocol for rows, and a handler of ours for bytes, its cheapest way."""

import work
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.handlers import custom_handler
from mlserver.types import InferenceRequest, InferenceResponse
from starlette.requests import Request
from starlette.responses import Response


class Scoring(MLModel):
    """Answers what the other servers answer."""

    async def load(self):
        """Loads the model."""
        work.init()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answers rows."""
        import numpy

        answer = numpy.atleast_1d(work.run_rows(NumpyCodec.decode_input(payload.inputs[0])))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("answer", answer)])

    @custom_handler(rest_path="/bytes")
    async def bytes(self, request: Request) -> Response:
        """Answers bytes."""
        return Response(work.run_bytes(await request.body()))

"""What a swagger document says of a body to try."""

import pytest

from lazulite.studio import sample


def swagger(schema: object, **definitions: object) -> dict[str, object]:
    body = {"name": "serviceInputPayload", "in": "body", "schema": schema}
    return {"paths": {"/": {"get": {}}, "/score": {"post": {"parameters": [body]}}}, "definitions": definitions}


def openapi(content: object) -> dict[str, object]:
    return {"paths": {"/score": {"post": {"requestBody": {"content": {"application/json": content}}}}}}


POINT = {"type": "object", "properties": {"x": {"type": "number"}, "on": {"type": "boolean", "default": True}}}


@pytest.mark.parametrize(
    ("document", "body"),
    [
        (swagger({"$ref": "#/definitions/In"}, In={"type": "object", "example": {"data": [1]}}), {"data": [1]}),
        (swagger({"$ref": "#/definitions/In"}, In=POINT), {"x": 0.0, "on": True}),
        (swagger({"type": "array", "items": POINT}), [{"x": 0.0, "on": True}]),
        (swagger({"type": "string", "enum": ["a", "b"]}), "a"),
        (openapi({"example": {"a": 1}}), {"a": 1}),
        (openapi({"schema": {"examples": [{"a": 2}]}}), {"a": 2}),
        (swagger({"type": "object", "example": {}}), None),  # of a script that says nothing of its input
        (
            swagger({"$ref": "#/definitions/In"}, In={"properties": {"in": {"$ref": "#/definitions/Gone"}}}),
            {"in": None},
        ),
        (swagger({"$ref": "#/definitions/A"}, A={"$ref": "#/definitions/A"}), None),
        ({"paths": [1]}, None),
        ([], None),
    ],
)
def test_a_body_is_made_of_what_a_swagger_document_says(document: object, body: object) -> None:
    assert sample.of_swagger(document) == body

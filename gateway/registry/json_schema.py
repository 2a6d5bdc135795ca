"""The JSON Schema of the YAML files, for editors that complete and check while one writes.

It is looser than `gateway check`: it knows shapes, not what blocks say together.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gateway.registry.schema.gateway import GatewayFile
from gateway.registry.schema.service import ServiceFile
from gateway.registry.units import Quantity

FileKind = Literal["gateway", "service"]

MODELS: Final[dict[FileKind, type[BaseModel]]] = {"gateway": GatewayFile, "service": ServiceFile}


class _YamlSchema(GenerateJsonSchema):
    """Says what may be written: what is optional is left out, never null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        reader = getattr(schema["schema"].get("function", {}).get("function"), "__self__", None)
        if isinstance(reader, Quantity):
            made["default"] = reader.write(schema["default"])
        return made

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def json_schema(kind: FileKind) -> JsonSchemaValue:
    """Return the schema of gateway.yaml or of a service's file."""
    schema = MODELS[kind].model_json_schema(by_alias=True, schema_generator=_YamlSchema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

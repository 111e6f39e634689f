"""A smallest value that satisfies a JSON schema: what the simulator answers when a schema is asked for."""

from __future__ import annotations

from typing import Any


def sample(schema: dict[str, Any]) -> Any:
    """Covers the keywords structured outputs accept; `$ref` points into `$defs` of the same schema."""
    return _sample(schema, schema.get("$defs") or schema.get("definitions") or {})


def _sample(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return _sample(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword):
            return _sample(schema[keyword][0], definitions)
    kind = schema.get("type", "object")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            names = schema.get("required") or list(schema.get("properties") or {})
            return {name: _sample(schema.get("properties", {}).get(name, {}), definitions) for name in names}
        case "array":
            return [_sample(schema.get("items") or {}, definitions)] * schema.get("minItems", 1)
        case "string":
            return "sample".ljust(schema.get("minLength", 0), ".")
        case "integer":
            return int(schema.get("minimum", 1))
        case "number":
            return float(schema.get("minimum", 0.5))
        case "boolean":
            return True
        case _:
            return None

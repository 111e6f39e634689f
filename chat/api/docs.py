"""Render the OpenAPI document as an HTML page: no script, nothing from other hosts, no address that depends on the base path."""

import re
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 56rem; margin: 3rem auto; padding: 0 1.25rem; }
td { overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.05rem; margin: 2.5rem 0 .25rem; overflow-wrap: anywhere; }
h2 b { font: 600 .8rem ui-monospace, monospace; padding: .15rem .5rem; border: 1px solid; border-radius: .35rem; margin-right: .5rem; }
code, pre { font: .85rem/1.5 ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .9rem; }
td { border-top: 1px solid color-mix(in srgb, currentColor 18%, transparent); padding: .35rem .75rem .35rem 0; vertical-align: top; }
td:first-child { white-space: nowrap; width: 13rem; }
@media (max-width: 40rem) { td:first-child { white-space: normal; width: 40%; } }
details { margin: .4rem 0; } summary { cursor: pointer; }
"""

CODE = re.compile(r"`([^`]+)`")


def page(document: dict[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    sections = [
        _section(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    shapes = [_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f'<title>{escape(info["title"])} API</title><link rel="stylesheet" href="docs/style.css"></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_prose(info['summary'])}. "
        'Also as <a href="openapi.json">openapi.json</a>.</p>'
        f"<p>{_prose(info['description'])}</p>"
        f"{''.join(sections)}<h1>Shapes</h1>{''.join(shapes)}</body></html>"
    )


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(parameter['name'])}</code> {escape(parameter['in'])}</td><td>{_prose(parameter.get('description', ''))}</td></tr>"
        for parameter in operation["parameters"]
    ]
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        rows.append(f"<tr><td>body</td><td>{_type(schema)}</td></tr>")
    errors = []
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            errors.append(f"{escape(status)} <code>{escape(response['description'])}</code>")
            continue
        kinds = [
            _type(content["schema"]) if kind == "application/json" else f"<code>{escape(kind)}</code>"
            for kind, content in response.get("content", {}).items()
        ]
        rows.append(f"<tr><td>{escape(status)}</td><td>{' or '.join(kinds) or 'nothing'}</td></tr>")
    rows.append(f"<tr><td>errors</td><td>{' · '.join(errors)}</td></tr>")
    return (
        f"<h2><b>{escape(method.upper())}</b><code>{escape(path)}</code></h2>"
        f"<p>{_prose(operation['summary'])}.</p><table>{''.join(rows)}</table>"
    )


def _shape(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        f"<tr><td><code>{escape(field)}</code></td><td>{_type(shape)}{'' if field in required else ', optional'}"
        f"{' — ' + _prose(shape['description']) if 'description' in shape else ''}</td></tr>"
        for field, shape in schema.get("properties", {}).items()
    ]
    return f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary><table>{"".join(rows)}</table></details>'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[1])
        return f'<a href="#{name}"><code>{name}</code></a>'
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("const", schema.get("type", "anything"))))


def _prose(text: str) -> str:
    """A sentence with what stands in backticks as code."""
    return CODE.sub(r"<code>\1</code>", escape(text))

"""The JSON Schema of the target file, made from its records: `make index` writes it, a test compares.

Editors complete and check the file by it: the `#:schema` line at its top is what taplo and others read.
"""

import json

import msgspec

from oncall.target.kinds import KINDS
from oncall.target.reader import File
from tests.readme_index import ROOT

FILE = ROOT / "oncall/target/target.schema.json"
TOP = "File"


def schema():
    """Every table refuses keys that it does not know, as the reader does."""
    kinds = [kind.keys for kind in KINDS.values()]
    template = "#/$defs/{name}"
    _, records = msgspec.json.schema_components([File, *kinds], ref_template=template, schema_hook=any_value)
    records = {name: closed(record) for name, record in records.items()}
    records["Part"] = {"anyOf": [{"$ref": template.format(name=kind.__name__)} for kind in kinds]}
    records["Component"]["required"].remove("kind")  # what says no kind is a container
    top = records.pop(TOP) | {"title": "Target file of pytest-oncall"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | top | {"$defs": records}


def any_value(kind):
    """Of a login's further members."""
    return {"description": "any value"}


def closed(record):
    return record | {"additionalProperties": False} if "properties" in record else record


def written():
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written())

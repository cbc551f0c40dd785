"""A result as a reader would take it: held against the schema that is shipped with the library."""

import json
from datetime import datetime
from functools import cache
from importlib.resources import files

import jsonschema

FORMATS = jsonschema.FormatChecker(("date",))


@FORMATS.checks("date-time", raises=ValueError)
def _moment(text):
    """With its zone, or nobody could tell when it was."""
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


@cache
def shipped():
    """The schema as a user of the wheel finds it."""
    return json.loads(files("oncall.reporting").joinpath("result.schema.json").read_text())


@cache
def _validator():
    jsonschema.Draft202012Validator.check_schema(shipped())
    return jsonschema.Draft202012Validator(shipped(), format_checker=FORMATS)


def hold_against_schema(result):
    """Raise jsonschema.ValidationError unless the result is what the schema says."""
    _validator().validate(result)


def strict(schema):
    """The same schema, and nothing may stand in a result that it does not name."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {}
    return {name: strict(one) for name, one in schema.items()} | closed

"""The JSON Schema of a result, made from the records themselves: `make index` writes it, a test compares."""

import json
from datetime import datetime
from inspect import cleandoc
from typing import Literal, get_type_hints

import msgspec
from msgspec.structs import fields

from oncall.diagnosis.cause import Cause
from oncall.reporting.json import VERSION
from oncall.results.comparison import Moment
from oncall.results.record import RunRecord
from oncall.timeline.merge import Event
from oncall.verdict import OUTCOMES, Verdict
from tests.readme_index import ROOT

FILE = ROOT / "oncall/reporting/result.schema.json"
ABOUT = f"""One run of pytest-oncall, as --json writes it and as reports/ keeps it. Version {VERSION}: within a \
version members may be added, and none changes its meaning or goes. A reader ignores what it does not know."""
NAMES = dict.fromkeys(("findings", "consequences", "blocked"), tuple[str, ...])
NOT_TOLD = ("facts", "diagnosis")
MEMBERS = {
    "started": "when the run began, UTC; a replayed run began when its snapshot was taken",
    "seconds": "how long it took",
    "replayed_from": "the snapshot that was judged instead of a stack",
    "commands_from": "whose target fills the playbook's commands: snapshot, where nothing here has checked them",
    "selection": "-m, -k, --active and the places, as typed",
    "host": "the machine looked from",
    "problem": "what went wrong with the run itself",
    "report": "where the HTML report is; null: there is none",
    "interrupted": "whether somebody ended it before every look was done",
    "budget": "seconds that all looks together may take",
    "name": "under which the run is kept; empty: it is not",
    "target": "where the stack was looked at; runs are compared only when it is the same",
    "comparison": "with the last run of the same name, stack, target and selection; null: there is none",
    "errors": "kinds of errors in each log that shows nothing to judge, as keys: what is old to later runs",
    "counts": "how many checks ended how",
    "causes": "what is to be mended, the most urgent first; findings, consequences and blocked are names of checks",
    "timeline": "what happened when, sorted",
    "verdicts": "how each check ended, worst first",
}


def schema():
    """What `oncall.reporting.json.document` returns; every member of an object is always there."""
    counts = msgspec.defstruct("Counts", [(outcome, int) for outcome in OUTCOMES])
    members = {
        "version": Literal[VERSION],
        "counts": counts,
        "causes": tuple[told(Cause, NAMES), ...],
        "timeline": tuple[told(Event, {}), ...],
        "verdicts": tuple[Verdict, ...],
    }
    result = told(RunRecord, members, without=NOT_TOLD)
    _, records = msgspec.json.schema_components([result], ref_template="#/$defs/{name}")
    records = {name: whole(record) for name, record in records.items()}
    top = records.pop("RunRecord") | {"title": "Result of pytest-oncall", "description": ABOUT}
    top["properties"] = {name: rule | about(name) for name, rule in top["properties"].items()}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | top | {"$defs": dict(sorted(records.items()))}


def told(record, members, without=()):
    """The record as the document has it: other members, and times that say their zone."""
    types = get_type_hints(record, include_extras=True)
    hints = {one.name: types[one.name] for one in fields(record) if one.name not in without} | members
    plain = [(name, Moment if hint is datetime else hint) for name, hint in hints.items()]
    return msgspec.defstruct(record.__name__, plain, namespace={"__doc__": record.__doc__})


def whole(record):
    """A record's schema, with all of its members required, for none is ever left out."""
    members = {
        name: {key: value for key, value in rule.items() if key != "default"}
        for name, rule in record["properties"].items()
    }
    record = record | {"properties": members, "required": list(members)}
    return record | ({"description": cleandoc(record["description"])} if "description" in record else {})


def about(name):
    return {"description": MEMBERS[name]} if name in MEMBERS else {}


def written():
    """The file as it ought to be."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(written())

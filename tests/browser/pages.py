"""Whole pages of sample runs, as pytest-html writes them: its own template, our section, its table."""

import json
from pathlib import Path

import pytest_html
from pytest_html.util import _process_css, _read_template

from oncall.playbook import parse
from oncall.reporting.html import report as html
from oncall.reporting.html import sanitizer
from oncall.target.schema import Limits, Stack
from tests.reporting.runs import ATTACK, ready

PLAYBOOK = parse((Path(__file__).parents[2] / "PLAYBOOK.md").read_text("utf-8"))
RESOURCES = Path(pytest_html.__file__).parent / "resources"
OUTCOMES = {"failed": "Failed", "passed": "Passed", "skipped": "Skipped", "error": "Errors"}
OUTCOMES |= {"xfailed": "Expected failures", "xpassed": "Unexpected passes", "rerun": "Reruns", "retried": "Retried"}
HEAD = ["result", "testId", "duration"]


def written(run, file):
    """The run's report, in this file."""
    blob = {
        "title": "x",
        "environment": {"Python": "3.11", "Branch": ATTACK, "Packages": {ATTACK: ATTACK}},
        "tests": {one.nodeid: [_row(one)] for one in run.verdicts},
        "renderCollapsed": ["all"],
        "initialSort": "result",
    }
    sanitizer.data(blob)
    text = _read_template([str(RESOURCES)]).render(
        title=html.title(run),
        date="23-Nov-2026",
        time="20:29:00",
        version=pytest_html.__version__,
        styles=_process_css(RESOURCES / "style.css", []),
        run_count="7 tests took 3 ms.",
        running_state="finished",
        self_contained=True,
        outcomes={name: {"label": label, "value": 1} for name, label in OUTCOMES.items()},
        test_data=json.dumps(blob),
        table_head=[f'<th class="sortable" data-column-type="{name}">{name}</th>' for name in HEAD]
        + ["<th>Links</th>"],
        additional_summary={
            "prefix": [f"<style>{html.css()}</style>", html.section(ready(run, PLAYBOOK), PLAYBOOK, Stack(), Limits())],
            "summary": [],
            "postfix": [],
        },
    )
    file.write_text(sanitizer.page(text), "utf-8")
    return file


def _row(verdict):
    result = {"passed": "Passed", "skipped": "Skipped", "accepted": "Passed"}.get(verdict.outcome, "Failed")
    cells = [
        f'<td class="col-result">{result}</td>',
        f'<td class="col-testId">{verdict.nodeid}</td>',
        '<td class="col-duration">1 ms</td>',
        '<td class="col-links"></td>',
    ]
    sanitizer.row(cells, verdict.nodeid, "call")
    texts = sanitizer.log(verdict.symptom or "", [("Captured stdout call", verdict.reason or verdict.claim)])
    return {"extras": [], "resultsTableRow": cells, "result": result, "testId": "x", "duration": "1 ms"} | {
        "log": "\n".join(texts)
    }

"""The README's table of held-out faults, made from what `python -m bench held-out` has written into reports/:

python -m bench.readme_figures       (make bench-held-out does it at its end)

A kind of stack that was not measured keeps no figure: none is ever written by hand.
"""

import json
from pathlib import Path

from bench.measure import ROOT
from bench.strict import POINTS
from stack import held_out

BEGIN, END = "<!-- held-out figures: python -m bench.readme_figures -->\n", "<!-- end of held-out figures -->\n"
MODES = {"embedded": "embedded", "docker": "Docker", "two": "two APIs, two databases"}
NOT_YET = "Not measured yet: `make bench-held-out` brings the figures.\n"


def measured(folder):
    """Mode -> what its last complete measurement has written."""
    files = {mode: Path(folder) / f"bench-held-out-{mode}.json" for mode in MODES}
    return {mode: json.loads(file.read_text()) for mode, file in files.items() if file.exists()}


def table(found):
    """Markdown; figures of one column come from one file."""
    if not found:
        return NOT_YET
    head = [f"{MODES[mode]}, {data['commit']}" for mode, data in found.items()]
    rows = [["faults that the diagnosis has not learned from", *head], ["---"] * (len(head) + 1)]
    for kind, words in (("single", "one fault"), ("double", "two at once")):
        rows.append([f"{words}: right in all five points at the first try", *(_first(mode, kind) for mode in found)])
        rows.append(
            [f"{words}: right in all five points at this commit", *(_of(d, kind, "right") for d in found.values())]
        )
        rows += [[f"- {point}", *(_of(d, kind, point) for d in found.values())] for point in POINTS]
        rows.append(["- healthy parts accused", *(_count(d, kind) for d in found.values())])
    rows.append(["time to diagnosis: median, 95th percentile", *(_took(data) for data in found.values())])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _of(data, kind, what):
    totals = data["totals"].get(kind)
    return f"{totals[what]} of {totals['faults']}" if totals else "-"


def _count(data, kind):
    totals = data["totals"].get(kind)
    return str(totals["healthy parts accused"]) if totals else "-"


def _first(mode, kind):
    """What stands beside the faults themselves, for ever."""
    alone = [fault.first_try for fault in held_out.singles(mode)]
    tried = [said for said in (alone if kind == "single" else [said for *_, said in held_out.doubles(mode)]) if said]
    return f"{sum(said == 'right' for said in tried)} of {len(tried)}" if tried else "-"


def _took(data):
    seconds = data["totals"].get("single", {}).get("seconds", {})
    return f"{seconds['median']} s, {seconds['p95']} s" if seconds.get("median") is not None else "-"


def with_figures(readme, found):
    """The page with its table brought up to date; without a measurement it stays as it is."""
    if not found:
        return readme
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}{table(found)}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(with_figures(page.read_text(), measured(ROOT / "reports")))

"""The README's index of checks, made from the checks themselves: `make index` writes it, a test compares."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADING = "## Index of checks\n"


def index():
    """One row a check: its severity and name, and what people notice."""
    rows = ["| | check | what people notice |", "|---|---|---|"]
    for file in sorted((ROOT / "checks").rglob("test_*.py")):
        severity = file.parent.name[:2].upper()
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                where = file.relative_to(ROOT)
                rows.append(f"| {severity} | [{node.name}]({where}) | {ast.get_docstring(node)} |")
    return "\n".join(rows) + "\n"


def with_index(readme):
    return readme[: readme.index(HEADING)] + HEADING + "\n" + index()


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(with_index(page.read_text()))

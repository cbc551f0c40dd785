"""What the README says is what the code does."""

import re

from tests.readme_index import ROOT, with_index

README = (ROOT / "README.md").read_text()


def test_index_of_checks_is_current():
    """The index is generated; `make index` brings it up to date."""
    assert with_index(README) == README


def test_every_link_leads_somewhere():
    """A link that leads nowhere is worse than none."""
    for page in ("README.md", "CONTRIBUTING.md", "PLAYBOOK.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
            assert (ROOT / target).exists(), f"{page}: {target}"


def test_make_targets_exist():
    """Whatever the pages tell people to type is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"(?:^\s*|`)make ([a-z]+)", (ROOT / page).read_text(), re.M)) <= targets

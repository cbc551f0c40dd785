"""P1 Service outage: data corruption suspected."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("data-corruption"), pytest.mark.component("postgres")]


@pytest.mark.judges("page_checksums")
def test_no_data_page_fails_its_checksum(page_checksums, finding):
    """Some records cannot be opened, and the error comes back every time."""
    assert not page_checksums.damaged, finding(
        f"data pages failed their checksum in {page_checksums.damaged[0].database}",
        evidence={one.database: f"{one.failures} failures, last {one.last or 'unknown when'}"
                  for one in page_checksums.damaged[:5]},
        component="postgres",
    )  # fmt: skip


def test_database_log_shows_no_corruption(corruption_log, finding):
    """Some queries fail with 'invalid page' or 'could not read block'."""
    assert not corruption_log.lines, finding(
        "the database's log speaks of damaged data",
        evidence={"lines": corruption_log.count}
        | {f"line {number}": line.text for number, line in enumerate(corruption_log.lines, 1)},
        component="postgres",
    )

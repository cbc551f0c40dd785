"""P3 Slow API responses: missing indexes."""

import pytest

pytestmark = [pytest.mark.p3, pytest.mark.playbook("missing-index"), pytest.mark.component("postgres")]


def test_no_index_is_invalid(indexes, finding):
    """A page is slow although its index was created."""
    assert not indexes.invalid, finding(
        f"the index {indexes.invalid[0]} is invalid",
        evidence={"invalid": len(indexes.invalid), "indexes": indexes.total}
        | {f"index {number}": name for number, name in enumerate(indexes.invalid[:5], 1)},
        component="postgres",
        layer="config",
    )


def test_large_tables_are_read_by_index(table_reads, limits, finding):
    """Pages get slower as the data grows."""
    read = table_reads.read_in_full(limits.large_table_rows, limits.index_scans_percent)
    assert not read, finding(
        f"the table {read[0].table} is read in full: {read[0].index_percent:.0f} % of reads use an index",
        evidence={
            one.table: f"{one.full_scans} full reads of {one.rows_per_full_scan:.0f} rows, {one.index_scans} by index"
            for one in read[:5]
        },
        component="postgres", layer="config",
    )  # fmt: skip


def test_foreign_keys_on_large_tables_are_indexed(foreign_keys, limits, finding):
    """Deleting a record takes long."""
    bare = foreign_keys.on_large_tables(limits.large_table_rows)
    assert not bare, finding(
        f"the foreign key {bare[0].name} on {bare[0].table} has no index",
        evidence={f"{key.table}.{key.name}": f"({', '.join(key.columns)}), about {key.rows} rows" for key in bare[:5]},
        component="postgres",
        layer="config",
    )

"""P2 Authentication failure: row level security hides the rows from the application."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("row-security"), pytest.mark.component("postgres")]


@pytest.mark.judges("application_roles.accounts")
def test_application_role_sees_the_accounts(application_roles, finding):
    """No login succeeds, whatever the password: the application finds no account."""
    blind = application_roles.without_accounts
    assert not blind, finding(
        f"row level security hides all rows of {blind[0].accounts_table} from the application's role {blind[0].name}: "
        "no policy lets it read them",
        evidence={"database": application_roles.database, "named in": blind[0].source,
                  "further tables": ", ".join(blind[0].hidden[:5])},
        component="postgres",
        manner="wrong answer",
        statement=f"pg_class, pg_policy: row security on, no policy for {blind[0].name} to SELECT",
        speaker="server",
        corroboration="the server's own catalogue",
    )  # fmt: skip


@pytest.mark.judges("application_roles.rows")
def test_application_role_sees_its_rows(application_roles, finding):
    """Lists are empty, though the data are there."""
    blind = application_roles.without_rows
    assert not blind, finding(
        f"row level security hides all rows of {blind[0].hidden[0]} from the application's role {blind[0].name}: "
        "no policy lets it read them",
        evidence={"database": application_roles.database, "named in": blind[0].source,
                  "tables": ", ".join(blind[0].hidden[:5])},
        component="postgres",
        manner="wrong answer",
        statement=f"pg_class, pg_policy: row security on, no policy for {blind[0].name} to SELECT",
        speaker="server",
        corroboration="the server's own catalogue",
    )  # fmt: skip

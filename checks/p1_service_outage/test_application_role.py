"""P1 Service outage: the role with which the application logs in to its database."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("database-role"), pytest.mark.component("postgres")]


@pytest.mark.judges("application_roles.login")
def test_application_role_can_log_in(application_roles, finding):
    """Everything that needs data fails: the database refuses the application's login."""
    refused = application_roles.refused
    assert not refused, finding(
        f"the application's role {refused[0].name} {refused[0].refusal[0]}",
        evidence={"database": application_roles.database, "named in": refused[0].source,
                  "further roles": ", ".join(one.name for one in refused[1:5])},
        component="postgres",
        manner="error answer",
        statement=refused[0].refusal[1],
        speaker="server",
        corroboration="the server's own catalogue",
    )  # fmt: skip


@pytest.mark.judges("application_roles.statements")
def test_application_role_can_use_its_tables(application_roles, finding):
    """Requests fail with 'permission denied', 'relation does not exist' or 'canceling statement due to timeout'."""
    hindered = application_roles.hindered
    assert not hindered, finding(
        f"the application's role {hindered[0].name} {hindered[0].hindrance[0]}",
        evidence={"database": application_roles.database, "named in": hindered[0].source,
                  "tables": ", ".join(hindered[0].unreadable[:5]),
                  "further roles": ", ".join(one.name for one in hindered[1:5])},
        component="postgres",
        manner="error answer",
        statement=hindered[0].hindrance[1],
        speaker="server",
        corroboration="the server's own catalogue",
    )  # fmt: skip


@pytest.mark.judges("application_roles.database")
def test_application_uses_this_database(application_roles, finding):
    """Data is missing, or everything that needs data fails: the application asks another database of the server."""
    elsewhere = application_roles.elsewhere
    assert not elsewhere, finding(
        f"{elsewhere[0].service} is set to the database {elsewhere[0].name}, "
        + ("which does not exist" if not elsewhere[0].exists else f"not to {application_roles.database}"),
        evidence={"variable": elsewhere[0].variable, "service": elsewhere[0].service,
                  "this database": application_roles.database},
        component="backend",
        layer="correct" if elsewhere[0].exists else "exists",
        manner="config",
        statement="" if elsewhere[0].exists else f"pg_database: no database {elsewhere[0].name}",
        speaker="server",
        corroboration="the server's own catalogue" if not elsewhere[0].exists else "",
    )  # fmt: skip

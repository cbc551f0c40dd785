"""Ways to leave migrations half done."""

import hashlib
import shutil
import uuid
from pathlib import Path

import psycopg

from stack.faults import fault
from stack.faults.expected.database_failures import FAILED, PENDING
from stack.running import Running
from stack.state import StackError

BROKEN = 'ALTER TABLE "tasks" ADD COLUMN "room_id" INTEGER NOT NULL REFERENCES "rooms"("id");\n'
PRIORITY = 'ALTER TABLE "tasks" ADD COLUMN "priority" INTEGER;\n'
BEGUN = """
INSERT INTO _prisma_migrations (id, checksum, migration_name, logs, applied_steps_count)
VALUES (%s, %s, %s, %s, %s)
"""


@fault("migrations-failed", component="auth", cause_class="failed migration", must_fail=[FAILED], unknown=[PENDING])
def migrations_failed(stack: Running) -> None:
    """The last deployment's migration failed with an error, and Prisma refuses every further one."""
    new = add(copied(stack), "20240620090000_add_rooms", BROKEN)
    try:
        stack.sql(BROKEN, owner=True)
    except psycopg.Error as error:
        logs = f"A migration failed to apply.\n\nMigration name: {new.name}\n\nERROR: {error}\n"
        begin(stack, new, logs, 0)
    else:
        raise StackError("the broken migration went through")


@fault("migrations-half-applied", component="auth", cause_class="failed migration", must_fail=[FAILED],
       unknown=[PENDING])  # fmt: skip
def migrations_half_applied(stack: Running) -> None:
    """The deployment was killed in the middle of a migration: its column is there, its end was never written down."""
    new = add(copied(stack), "20240621090000_add_priority", PRIORITY)
    begin(stack, new, None, 1)
    stack.sql(PRIORITY, owner=True)


@fault("migrations-table-missing", component="auth", cause_class="missing object", must_fail=[FAILED],
       unknown=[PENDING])  # fmt: skip
def migrations_table_missing(stack: Running) -> None:
    """The database was made by hand: it has no table of migrations."""
    stack.sql("DROP TABLE _prisma_migrations", owner=True)


@fault("migrations-table-empty", component="auth", cause_class="data loss", unknown=[FAILED, PENDING])
def migrations_table_empty(stack: Running) -> None:
    """Somebody emptied the table of migrations."""
    stack.sql("DELETE FROM _prisma_migrations", owner=True)


@fault("migrations-not-readable", component="postgres", cause_class="missing privilege", unknown=[FAILED, PENDING])
def migrations_not_readable(stack: Running) -> None:
    """The probe role may not read the table of migrations."""
    stack.sql("REVOKE SELECT ON _prisma_migrations FROM oncall")


@fault("migrations-pending", component="auth", cause_class="pending migration", must_fail=[PENDING])
def migrations_pending(stack: Running) -> None:
    """The new release was deployed without its migration."""
    add(copied(stack), "20240621090000_add_priority", PRIORITY)


@fault("migrations-rolled-back", component="auth", cause_class="pending migration", must_fail=[PENDING])
def migrations_rolled_back(stack: Running) -> None:
    """A failed migration was marked as rolled back, and nobody applied it again."""
    new = add(copied(stack), "20240620090000_add_rooms", BROKEN)
    begin(stack, new, 'ERROR: relation "rooms" does not exist', 0)
    stack.sql("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = %s", (new.name,))


@fault("migrations-edited", component="auth", cause_class="pending migration", must_fail=[PENDING])
def migrations_edited(stack: Running) -> None:
    """Somebody corrected a migration's file after it had been applied."""
    folder = copied(stack)
    script = sorted(folder.glob("*/migration.sql"))[-1]
    with script.open("a") as file:
        file.write('CREATE INDEX "tasks_due_at_idx" ON "tasks"("due_at");\n')


@fault("migrations-foreign", component="auth", cause_class="misconfiguration", must_fail=[PENDING])
def migrations_foreign(stack: Running) -> None:
    """An older release was deployed on a database that a newer one has migrated."""
    shutil.rmtree(sorted(copied(stack).glob("*/"))[-1])


@fault("migrations-folder-missing", component="auth", cause_class="misconfiguration", unknown=[PENDING])
def migrations_folder_missing(stack: Running) -> None:
    """The migrations folder is not where it is looked for."""
    stack.edit_target("auth.migrations_folder", str(stack.scratch / "prisma" / "migrations"))


@fault("migrations-folder-empty", component="auth", cause_class="misconfiguration", unknown=[PENDING])
def migrations_folder_empty(stack: Running) -> None:
    """The image was built without the migrations' files."""
    for each in copied(stack).glob("*/"):
        shutil.rmtree(each)


def copied(stack: Running) -> Path:
    """A copy of the migrations folder that may be changed, and that the diagnosis looks at."""
    folder = stack.scratch / "migrations"
    shutil.copytree(stack.target["auth"]["migrations_folder"], folder)
    stack.edit_target("auth.migrations_folder", str(folder))
    return folder


def add(folder: Path, name: str, script: str) -> Path:
    new = folder / name
    new.mkdir()
    (new / "migration.sql").write_text(script)
    return new


def begin(stack: Running, migration: Path, logs: str | None, steps: int) -> None:
    """The row that Prisma writes before it runs a script."""
    checksum = hashlib.sha256((migration / "migration.sql").read_bytes()).hexdigest()
    stack.sql(BEGUN, (str(uuid.uuid4()), checksum, migration.name, logs, steps), owner=True)

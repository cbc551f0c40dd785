"""The seed of the containers' database, as SQL that the server's image runs on its first start.

It is made from the same migrations and statements as the embedded stack's: `python -m stack.docker.seed` writes
initdb/motel.sql anew.
"""

import hashlib
import uuid
from datetime import datetime, timedelta
from pathlib import Path

from stack import postgres, template

FILE = Path(__file__).parent / "initdb" / "motel.sql"


def text() -> str:
    people = ", ".join(f"'{name}'" for name in template.PEOPLE)
    work = (template.WORK % {"tasks": template.TASKS}).strip()
    statistics = template.FRESH_STATISTICS.replace("; ", ";\n")
    roles = template.ROLES.strip().rsplit("\n", 1)[0]  # the database is there already
    return f"""-- Written by `python -m stack.docker.seed` from stack/template.py and stack/migrations.
\\getenv app_password APP_DB_PASSWORD
\\getenv oncall_password ONCALL_DB_PASSWORD
\\getenv account_password ONCALL_PASSWORD

{roles}
ALTER ROLE {postgres.OWNER} PASSWORD :'app_password';
ALTER ROLE {postgres.PROBE} PASSWORD :'oncall_password';
ALTER DATABASE {postgres.DATABASE} OWNER TO {postgres.OWNER};
{template.EXTENSIONS}
CREATE EXTENSION pgcrypto;
ALTER SCHEMA public OWNER TO {postgres.OWNER};
SET ROLE {postgres.OWNER};
BEGIN;
{template.PRISMA_TABLE.strip()}
{_migrations()}
INSERT INTO users (username, email, password_hash)
SELECT name, name || '@motel.example', crypt(gen_random_uuid()::text, gen_salt('bf', 10))
  FROM unnest(ARRAY[{people}]) name;
UPDATE users SET password_hash = crypt(:'account_password', gen_salt('bf', 10))
 WHERE username = '{template.PROBE_ACCOUNT}';
-- Hashes that no password fits: three hundred real ones take 15 seconds
INSERT INTO users (username, email, password_hash)
SELECT name, name || '@motel.example', '$2b$10$' || left(md5(name), 21) || 'O' || left(md5(name) || md5(name || 1), 31)
  FROM (SELECT 'guest' || lpad(n::text, 3, '0') AS name FROM generate_series(0, 299) n) guests;
{template.SUITES.strip()};
{work};
COMMIT;
RESET ROLE;
DROP EXTENSION pgcrypto;
{template.PRIVILEGES.strip()}
VACUUM (FREEZE, ANALYZE);
{statistics}
"""


def _migrations() -> str:
    """Every folder's statements, and the line that Prisma keeps of each."""
    parts = []
    for number, folder in enumerate(sorted(template.MIGRATIONS.glob("*/"))):
        content = (folder / "migration.sql").read_bytes()
        started = datetime.strptime(folder.name.split("_")[0] + "+0000", "%Y%m%d%H%M%S%z")
        started += timedelta(days=1, minutes=number)
        finished = started + timedelta(milliseconds=180)
        parts.append(content.decode().strip())
        parts.append(
            "INSERT INTO _prisma_migrations VALUES\n"
            f"    ('{uuid.uuid5(uuid.NAMESPACE_URL, folder.name)}', '{hashlib.sha256(content).hexdigest()}',\n"
            f"     '{finished.isoformat()}', '{folder.name}', NULL, NULL, '{started.isoformat()}', 1);"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    FILE.write_text(text())

-- Written by `python -m stack.docker.seed` from stack/template.py and stack/migrations.
\getenv app_password APP_DB_PASSWORD
\getenv oncall_password ONCALL_DB_PASSWORD
\getenv account_password ONCALL_PASSWORD

CREATE ROLE motel LOGIN;
CREATE ROLE oncall LOGIN;
ALTER ROLE motel PASSWORD :'app_password';
ALTER ROLE oncall PASSWORD :'oncall_password';
ALTER DATABASE motel OWNER TO motel;
CREATE EXTENSION pg_stat_statements; CREATE EXTENSION amcheck;
CREATE EXTENSION pgcrypto;
ALTER SCHEMA public OWNER TO motel;
SET ROLE motel;
BEGIN;
CREATE TABLE _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
);
-- CreateTable
CREATE TABLE "users" (
    "id" SERIAL NOT NULL,
    "username" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "password_hash" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "suites" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "floor" INTEGER NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "suites_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tasks" (
    "id" SERIAL NOT NULL,
    "suite_id" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'open',
    "due_at" TIMESTAMP(3) NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tasks_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "users_username_key" ON "users"("username");

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key" ON "users"("email");

-- CreateIndex
CREATE UNIQUE INDEX "suites_name_key" ON "suites"("name");

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_suite_id_fkey" FOREIGN KEY ("suite_id") REFERENCES "suites"("id") ON DELETE CASCADE ON UPDATE CASCADE;
INSERT INTO _prisma_migrations VALUES
    ('ee8bc72f-a698-5490-b671-320487aaf339', '7da56bcf857558c7d929f2d09a1ebbb218ae41a85faaf68f5892e519c6d90b83',
     '2024-03-12T09:45:12.180000+00:00', '20240311094512_init', NULL, NULL, '2024-03-12T09:45:12+00:00', 1);
-- AlterTable
ALTER TABLE "tasks" ADD COLUMN "assignee_id" INTEGER;

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_assignee_id_fkey" FOREIGN KEY ("assignee_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;
INSERT INTO _prisma_migrations VALUES
    ('17d896ed-648b-5ba2-9db5-9546fe6fc849', 'f5ac3185446fbbdcd4c7d8c0ac87bfc2852d2c8d0feb58d3d0dfdd6c678b8383',
     '2024-05-03T08:16:30.180000+00:00', '20240502081530_task_assignee', NULL, NULL, '2024-05-03T08:16:30+00:00', 1);
-- CreateIndex
CREATE INDEX "tasks_suite_id_status_idx" ON "tasks"("suite_id", "status");

-- CreateIndex
CREATE INDEX "tasks_assignee_id_idx" ON "tasks"("assignee_id");
INSERT INTO _prisma_migrations VALUES
    ('b571e1d1-71af-571f-b62a-894be594b7f9', '7e12b759062d37ada0f2ac52eb059eb79065f1cf086d432ae206dfe61d552403',
     '2024-11-20T15:32:01.180000+00:00', '20241119153001_task_indexes', NULL, NULL, '2024-11-20T15:32:01+00:00', 1);
INSERT INTO users (username, email, password_hash)
SELECT name, name || '@motel.example', crypt(gen_random_uuid()::text, gen_salt('bf', 10))
  FROM unnest(ARRAY['ada', 'grace', 'edsger', 'barbara', 'donald', 'frances', 'ken', 'radia', 'oncall-probe']) name;
UPDATE users SET password_hash = crypt(:'account_password', gen_salt('bf', 10))
 WHERE username = 'oncall-probe';
-- Hashes that no password fits: three hundred real ones take 15 seconds
INSERT INTO users (username, email, password_hash)
SELECT name, name || '@motel.example', '$2b$10$' || left(md5(name), 21) || 'O' || left(md5(name) || md5(name || 1), 31)
  FROM (SELECT 'guest' || lpad(n::text, 3, '0') AS name FROM generate_series(0, 299) n) guests;
INSERT INTO suites (name, floor, created_at)
SELECT 'Suite ' || (100 * (1 + n / 20) + n % 20), 1 + n / 20, timestamp '2024-03-12' + n * interval '1 hour'
  FROM generate_series(0, 199) n;
INSERT INTO tasks (suite_id, assignee_id, title, status, due_at, created_at)
SELECT 1 + n / (150000 / 200),
       CASE WHEN n % 11 <> 0 THEN 1 + (n * 7919) % (SELECT count(*)::int FROM users) END,
       (ARRAY['Change the linen', 'Check the heating', 'Fix the lamp', 'Fill the minibar'])[1 + n % 4] || ' #' || n,
       (ARRAY['done', 'done', 'done', 'done', 'open', 'done', 'done', 'cancelled'])[1 + n % 8],
       timestamp '2024-04-01' + (n % 700) * interval '1 day',
       timestamp '2024-03-15' + n * interval '5 minutes'
  FROM generate_series(0, 150000 - 1) n;
COMMIT;
RESET ROLE;
DROP EXTENSION pgcrypto;
GRANT pg_monitor TO oncall;
GRANT CONNECT ON DATABASE motel TO oncall;
GRANT USAGE ON SCHEMA public TO oncall;
GRANT SELECT ON users, _prisma_migrations TO oncall;
VACUUM (FREEZE, ANALYZE);
SELECT pg_stat_reset();
ANALYZE;
SELECT pg_stat_statements_reset();

"""P2: logging in."""

import base64
import json
import time


def claims(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_login_works(token):
    assert token.count(".") == 2


def test_unknown_account_is_refused(backend):
    nobody = {"username": "nobody-we-know", "password": "wrong"}
    assert backend.post("/api/auth/login", json=nobody).status_code == 401


def test_token_is_accepted(backend, bearer):
    assert backend.get("/api/suites", headers=bearer).status_code == 200


def test_missing_token_is_refused(backend):
    assert backend.get("/api/suites").status_code == 401


def test_forged_token_is_refused(backend, token):
    forged = f"{token[:-6]}AAAAAA"
    assert backend.get("/api/suites", headers={"Authorization": f"Bearer {forged}"}).status_code == 401


def test_token_lives_long_enough(token):
    said = claims(token)
    assert said["iat"] - 5 <= time.time()
    assert said["exp"] - said["iat"] >= 300


def test_secret_is_set(containers):
    variables = dict(line.split("=", 1) for line in containers["backend"].attrs["Config"]["Env"])
    assert len(variables["JWT_SECRET"]) >= 32


def test_log_shows_no_token_error(containers):
    assert b"JsonWebTokenError" not in containers["backend"].logs(tail=200)


def test_all_migrations_are_applied(database):
    left = database.execute(
        "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL"
    ).fetchone()
    assert left[0] == 0


def test_table_of_users_has_rows(database):
    assert database.execute("SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1) u").fetchone()[0] == 1

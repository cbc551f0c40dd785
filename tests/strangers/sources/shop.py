"""The shop's API: orders go to a queue. Its health is a plain word."""

import os

import flask
import psycopg2
import redis

app = flask.Flask(__name__)
queue = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=2, socket_connect_timeout=2)


def rows(statement):
    with psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=2) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


@app.get("/health")
def health():
    try:
        rows("SELECT 1")
        queue.set("shop:heartbeat", "1", ex=60)
    except Exception:
        app.logger.exception("health check failed")
        return "unavailable", 503, {"Content-Type": "text/plain"}
    return "OK", 200, {"Content-Type": "text/plain"}


@app.get("/products")
def products():
    found = rows("SELECT id, name FROM products ORDER BY id")
    queue.lpush("jobs", "seen")
    queue.ltrim("jobs", 0, 999)
    return flask.jsonify([{"id": number, "name": name} for number, name in found])

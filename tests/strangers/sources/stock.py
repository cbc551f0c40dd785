"""The stock's API: what is in store. Its health has a verdict, and no word of what it stands on."""

import os

import flask
import psycopg2
import redis

app = flask.Flask(__name__)
cache = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=2, socket_connect_timeout=2)


def counted():
    with psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=2) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT sum(stock) FROM products")
        return int(cursor.fetchone()[0])


@app.get("/health")
def health():
    try:
        counted()
        cache.ping()
    except Exception:
        app.logger.exception("health check failed")
        return {"status": "error"}, 503
    return {"status": "ok"}


@app.get("/stock")
def stock():
    return {"units": counted(), "jobs": cache.llen("jobs")}

"""Takes jobs from the queue and writes them down; ends where it cannot, and is started again."""

import os

import psycopg2
import redis


def main():
    queue = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=5, socket_connect_timeout=2)
    database = psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=3)
    database.autocommit = True
    print("jobs: waiting for work", flush=True)
    while True:
        queue.set("jobs:heartbeat", "1", ex=60)
        taken = queue.brpop("jobs", timeout=1)
        with database.cursor() as cursor:
            cursor.execute("INSERT INTO done (what) VALUES (%s)", (taken[1].decode() if taken else "tick",))


main()

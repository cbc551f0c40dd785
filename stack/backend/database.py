"""A connection a request, a few at a time: so the backend recovers by itself when the database comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from stack.backend.settings import Settings


class Unavailable(Exception):
    """The database cannot be reached, or has no room."""


class Database:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.room = asyncio.Semaphore(int(settings.database_connections))

    @asynccontextmanager
    async def connection(self, timeout: float) -> AsyncIterator[psycopg.AsyncConnection[dict[str, Any]]]:
        try:
            async with asyncio.timeout(timeout):
                await self.room.acquire()
        except TimeoutError as error:
            raise Unavailable(f"no database connection became free within {timeout:g} s") from error
        try:
            try:
                async with asyncio.timeout(timeout):
                    connection = await psycopg.AsyncConnection.connect(
                        self.settings.database_url,
                        autocommit=True,
                        row_factory=dict_row,
                        prepare_threshold=None,
                        application_name="backend",
                    )
            except TimeoutError as error:
                raise Unavailable(f"the database did not accept a connection within {timeout:g} s") from error
            except psycopg.Error as error:
                raise Unavailable(" ".join(str(error).split())) from error
            try:
                yield connection
            finally:
                await connection.close()
        finally:
            self.room.release()

    async def rows(
        self, query: str, values: tuple[Any, ...] = (), timeout: float | None = None
    ) -> list[dict[str, Any]]:
        """All rows of one query, or Unavailable."""
        patience = timeout or self.settings.query_timeout
        async with self.connection(min(patience, 2 * self.settings.database_timeout)) as connection:
            try:
                async with asyncio.timeout(patience):
                    return await (await connection.execute(query, values)).fetchall()
            except TimeoutError as error:
                raise Unavailable(f"the database did not answer within {patience:g} s") from error
            except psycopg.OperationalError as error:
                raise Unavailable(" ".join(str(error).split())) from error

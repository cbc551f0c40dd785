"""An engine behind a local socket: few connections for many requests.

The SDK keeps a pool of connections a URL there, so each path would connect anew.
"""

from typing import Any


def share_connections(client: Any) -> None:
    """Make the SDK's client use one pool for all paths. Called before its first request."""
    adapter = client.get_adapter(client.base_url)
    pool = adapter.get_connection(client.base_url)
    adapter.get_connection = lambda *_, **__: pool

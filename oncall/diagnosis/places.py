"""Addresses, compared: what one machine calls itself in several ways is one place. Pure."""

LOOPBACK = ("localhost", "::1", "0.0.0.0", "::", "")  # noqa: S104  where a port is published on all addresses


def place(address: str) -> str:
    """ "localhost:3001" for "127.0.0.1:3001", "[::1]:3001" and "0.0.0.0:3001"; any other address in lower case."""
    host, colon, port = address.lower().rpartition(":")
    if not colon:
        return address.lower()
    bare = host.strip("[]")
    return f"localhost:{port}" if bare in LOOPBACK or bare.startswith("127.") else f"{host}:{port}"

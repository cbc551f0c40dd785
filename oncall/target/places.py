"""Addresses, compared: what one machine calls itself in several ways is one place. Pure."""

EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  compared with, not listened on: published on all addresses


def place(address: str) -> str:
    """ "localhost:3001" for "127.0.0.1:3001", "[::1]:3001" and "0.0.0.0:3001"; any other address in lower case."""
    host, colon, port = address.lower().rpartition(":")
    if not colon:
        return address.lower()
    return f"localhost:{port}" if loopback(host) or host.strip("[]") in EVERYWHERE else f"{host}:{port}"


def loopback(host: str) -> bool:
    """Whether a host is what a machine calls itself, in lower case and with or without the brackets of IPv6."""
    bare = host.strip("[]")
    return bare in ("localhost", "::1") or bare.startswith("127.")

"""The diagnosis on a terminal."""

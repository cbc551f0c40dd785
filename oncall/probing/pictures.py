"""Pictures that a probe took: handles of a run, so they are never in a snapshot; only the report shows them."""

from msgspec import Struct


class Picture(Struct, frozen=True):
    """title: what it shows. jpeg: the image; empty: none was taken."""

    title: str
    jpeg: bytes = b""

    def __repr__(self) -> str:
        return f"<picture of {self.title}>"

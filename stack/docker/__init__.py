"""The reference stack under Compose: the same parts in containers, with images that need no registry."""

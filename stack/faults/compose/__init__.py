"""Ways to break the stack under Compose."""

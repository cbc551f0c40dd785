"""The target file: its schema, its reader, secrets, and the values that commands take from it."""

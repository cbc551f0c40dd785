"""The database server, in its own words."""

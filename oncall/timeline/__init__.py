"""Facts in, what happened when out. Pure."""

"""How people hear of a run: never of a secret, never in the way."""

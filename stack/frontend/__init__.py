"""The reference stack's frontend: a built page, and a reverse proxy for the API and the realtime socket."""

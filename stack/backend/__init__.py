"""The reference stack's backend: a small API with a login, a WebSocket, a health page and metrics."""

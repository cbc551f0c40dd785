"""Handshakes and sockets."""

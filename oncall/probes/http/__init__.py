"""Backend, frontend and their pages, over HTTP."""

"""The project's containers: state, resources, networks, volumes, secrets."""

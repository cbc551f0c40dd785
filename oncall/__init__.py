"""An incident playbook that runs: what is broken, what is the cause, what to type next."""

"""The patient: a small real web stack (PostgreSQL, backend, frontend) of ordinary processes, and the ways to break it.

It knows nothing of the suite that diagnoses it, and the stack's own code knows nothing of the faults.
"""

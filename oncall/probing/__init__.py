"""The probe engine: the register, the runner, deadlines by the stack's time, snapshots and their replay."""

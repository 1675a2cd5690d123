"""The Textual dashboard. It knows the store's read side, the lock and the command spool, and nothing else."""

"""The ledger: SQLite through peewee, the only truth about jobs. The only SQL of the project is in this package.

`reads` opens it read-only without peewee, for the CLI and the TUI; everything else runs on the one writer of `ledger`.
"""

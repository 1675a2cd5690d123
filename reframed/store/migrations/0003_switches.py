"""What operators switch: taking files (intake), starting steps (work)."""

STATEMENTS = (
    """
    CREATE TABLE switch (
        name TEXT PRIMARY KEY,           -- pause: no file is taken; drain: no step is started
        at REAL NOT NULL,                -- since when
        by_uid INTEGER NOT NULL
    )
    """,
)


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)

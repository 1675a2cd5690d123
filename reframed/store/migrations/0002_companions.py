"""Subtitles that arrive with a file, and jobs whose results a person should look at."""

STATEMENTS = (
    """
    CREATE TABLE companion (
        id INTEGER PRIMARY KEY,
        arrival_id INTEGER NOT NULL REFERENCES arrival (id) ON DELETE CASCADE,
        path BLOB NOT NULL,              -- where it was taken
        place BLOB NOT NULL,             -- where it is now
        display TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        language TEXT NOT NULL           -- BCP 47, from its name; empty: not said
    )
    """,
    "CREATE INDEX companion_arrival ON companion (arrival_id)",
    "CREATE INDEX companion_path ON companion (path)",
    "ALTER TABLE job ADD COLUMN review TEXT NOT NULL DEFAULT ''",  # why to look at the results
)


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)

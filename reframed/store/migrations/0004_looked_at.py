"""When an inbox was last looked into as a whole."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE folder ADD COLUMN looked_at REAL NOT NULL DEFAULT 0")

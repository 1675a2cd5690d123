"""The first schema. Paths are BLOBs: a path need not be UTF-8; `display` beside them is safe for a terminal."""

TABLES = """
CREATE TABLE arrival (
    id INTEGER PRIMARY KEY,
    inbox TEXT NOT NULL,
    path BLOB NOT NULL,              -- where it was taken
    place BLOB NOT NULL,             -- where it is now
    target BLOB NOT NULL DEFAULT X'',  -- where it is about to be moved
    display TEXT NOT NULL,           -- its name
    subfolder BLOB NOT NULL,         -- below the inbox, mirrored in the outbox
    inode TEXT NOT NULL,             -- "device:inode"; an inode number may not fit SQLite's signed 64 bits
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL DEFAULT '',
    media TEXT NOT NULL DEFAULT '',  -- MediaInfo as JSON; empty: could not be read
    owner_uid INTEGER NOT NULL,
    root BLOB NOT NULL,              -- the inbox's folder; empty for a file that was added by hand
    outbox BLOB NOT NULL,            -- folder, or empty: beside the source
    after TEXT NOT NULL,             -- done, keep or trash
    taken_at REAL NOT NULL,
    disposition TEXT NOT NULL DEFAULT 'here',  -- here, moving, moved, gone
    trouble TEXT NOT NULL DEFAULT '',          -- why it could not be moved
    reason_file BLOB NOT NULL DEFAULT X'',
    reason_sha256 TEXT NOT NULL DEFAULT ''
);
CREATE INDEX arrival_inode ON arrival (inode, size, mtime_ns);
CREATE INDEX arrival_path ON arrival (path);
CREATE INDEX arrival_disposition ON arrival (disposition);
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    arrival_id INTEGER NOT NULL REFERENCES arrival (id),
    recipe TEXT NOT NULL,
    revision TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    hint TEXT NOT NULL DEFAULT '',
    tail TEXT NOT NULL DEFAULT '',
    priority INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    interruptions INTEGER NOT NULL DEFAULT 0,
    retry_at REAL,
    created_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    owner_uid INTEGER NOT NULL,
    UNIQUE (arrival_id, recipe, revision)
);
CREATE INDEX job_state ON job (state, ended_at);
CREATE TABLE step (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    options TEXT NOT NULL,           -- JSON, as planned when the job was made
    slot TEXT NOT NULL,
    state TEXT NOT NULL,
    claim TEXT NOT NULL DEFAULT '',
    key TEXT NOT NULL DEFAULT '',
    cached INTEGER NOT NULL DEFAULT 0,
    progress REAL NOT NULL DEFAULT 0,
    left_s REAL,
    media_s REAL NOT NULL DEFAULT 0,
    started_at REAL,
    ended_at REAL,
    engine_s REAL NOT NULL DEFAULT 0,
    UNIQUE (job_id, position)
);
CREATE INDEX step_state ON step (state);
CREATE INDEX step_pace ON step (name, cached, ended_at);
CREATE TABLE artifact (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    step_id INTEGER NOT NULL REFERENCES step (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    file TEXT NOT NULL,
    suffix TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    about TEXT NOT NULL
);
CREATE INDEX artifact_job ON artifact (job_id);
CREATE TABLE publication (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    suffix TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    target BLOB NOT NULL,
    temporary BLOB NOT NULL,
    display TEXT NOT NULL,
    state TEXT NOT NULL,             -- intent or done
    at REAL NOT NULL
);
CREATE INDEX publication_job ON publication (job_id);
CREATE INDEX publication_target ON publication (target);
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    level TEXT NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX event_job ON event (job_id);
CREATE TABLE command (
    id TEXT PRIMARY KEY,
    verb TEXT NOT NULL,
    arguments TEXT NOT NULL,
    author_uid INTEGER NOT NULL,
    applied_at REAL NOT NULL,
    ok INTEGER NOT NULL,
    outcome TEXT NOT NULL            -- JSON: {"message": ..., "jobs": [...]}
);
CREATE TABLE addition (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    recipe TEXT NOT NULL,
    author_uid INTEGER NOT NULL,
    added_at REAL NOT NULL
);
CREATE TABLE sighting (
    inbox TEXT NOT NULL,
    path BLOB NOT NULL,
    display TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (inbox, path)
);
CREATE TABLE folder (
    inbox TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    mode TEXT NOT NULL,              -- events or polling
    trouble TEXT NOT NULL
);
"""


def up(migrator, db):
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute_sql(statement)

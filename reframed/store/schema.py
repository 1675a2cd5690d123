"""The ledger's tables as peewee models; the columns are explained in migrations/."""

from __future__ import annotations

from typing import Any

import peewee

# peewee builds its models at run time: to a type checker they are anything.
_Model: Any = peewee.Model
database: Any = peewee.SqliteDatabase(None, lock_type="IMMEDIATE")


class _Row(_Model):  # type: ignore[misc]
    class Meta:
        database = database
        legacy_table_names = False


class Arrival(_Row):
    """One complete file."""

    inbox = peewee.TextField()
    path = peewee.BlobField()
    place = peewee.BlobField()
    target = peewee.BlobField(default=b"")
    display = peewee.TextField()
    subfolder = peewee.BlobField()
    inode = peewee.TextField()
    size = peewee.IntegerField()
    mtime_ns = peewee.IntegerField()
    sha256 = peewee.TextField(default="")
    media = peewee.TextField(default="")
    owner_uid = peewee.IntegerField()
    root = peewee.BlobField()
    outbox = peewee.BlobField()
    after = peewee.TextField()
    taken_at = peewee.FloatField()
    disposition = peewee.TextField(default="here")
    trouble = peewee.TextField(default="")
    reason_file = peewee.BlobField(default=b"")
    reason_sha256 = peewee.TextField(default="")


class Companion(_Row):
    """A subtitle file that came along with an arrival."""

    arrival = peewee.ForeignKeyField(Arrival)
    path = peewee.BlobField()
    place = peewee.BlobField()
    display = peewee.TextField()
    size = peewee.IntegerField()
    mtime_ns = peewee.IntegerField()
    sha256 = peewee.TextField()
    language = peewee.TextField()


class Job(_Row):
    """One arrival times one recipe."""

    arrival = peewee.ForeignKeyField(Arrival)
    recipe = peewee.TextField()
    revision = peewee.TextField()
    state = peewee.TextField()
    code = peewee.TextField(default="")
    reason = peewee.TextField(default="")
    hint = peewee.TextField(default="")
    tail = peewee.TextField(default="")
    priority = peewee.IntegerField(default=0)
    attempt = peewee.IntegerField(default=0)
    failures = peewee.IntegerField(default=0)
    crashes = peewee.IntegerField(default=0)
    interruptions = peewee.IntegerField(default=0)
    retry_at = peewee.FloatField(null=True)
    created_at = peewee.FloatField()
    started_at = peewee.FloatField(null=True)
    ended_at = peewee.FloatField(null=True)
    owner_uid = peewee.IntegerField()
    review = peewee.TextField(default="")


class StepRow(_Row):
    """One step of a job."""

    job = peewee.ForeignKeyField(Job)
    position = peewee.IntegerField()
    name = peewee.TextField()
    options = peewee.TextField()
    slot = peewee.TextField()
    state = peewee.TextField()
    claim = peewee.TextField(default="")
    key = peewee.TextField(default="")
    cached = peewee.BooleanField(default=False)
    progress = peewee.FloatField(default=0.0)
    left_s = peewee.FloatField(null=True)
    media_s = peewee.FloatField(default=0.0)
    started_at = peewee.FloatField(null=True)
    ended_at = peewee.FloatField(null=True)
    engine_s = peewee.FloatField(default=0.0)

    class Meta:
        table_name = "step"


class ArtifactRow(_Row):
    """A file that a step made, kept in the cache under `key`."""

    job = peewee.ForeignKeyField(Job)
    step = peewee.ForeignKeyField(StepRow)
    key = peewee.TextField()
    kind = peewee.TextField()
    file = peewee.TextField()
    suffix = peewee.TextField()
    sha256 = peewee.TextField()
    size_bytes = peewee.IntegerField()
    about = peewee.TextField()

    class Meta:
        table_name = "artifact"


class Publication(_Row):
    """A file in an outbox: intended, or there."""

    job = peewee.ForeignKeyField(Job)
    suffix = peewee.TextField()
    sha256 = peewee.TextField()
    target = peewee.BlobField()
    temporary = peewee.BlobField()
    display = peewee.TextField()
    state = peewee.TextField()
    at = peewee.FloatField()


class Event(_Row):
    """Something that happened to a job."""

    job = peewee.ForeignKeyField(Job)
    at = peewee.FloatField()
    level = peewee.TextField()
    code = peewee.TextField()
    text = peewee.TextField()


class Switch(_Row):
    """Something that an operator switched."""

    name = peewee.TextField(primary_key=True)
    at = peewee.FloatField()
    by_uid = peewee.IntegerField()


class Command(_Row):
    """A command that was applied or refused."""

    id = peewee.TextField(primary_key=True)
    verb = peewee.TextField()
    arguments = peewee.TextField()
    author_uid = peewee.IntegerField()
    applied_at = peewee.FloatField()
    ok = peewee.BooleanField()
    outcome = peewee.TextField()


class Addition(_Row):
    """A file that somebody added by hand and that has not been taken yet."""

    path = peewee.BlobField(unique=True)
    recipe = peewee.TextField()
    author_uid = peewee.IntegerField()
    added_at = peewee.FloatField()


class Sighting(_Row):
    """A file in an inbox that is not a job, and why."""

    inbox = peewee.TextField()
    path = peewee.BlobField()
    display = peewee.TextField()
    code = peewee.TextField()
    reason = peewee.TextField()
    since = peewee.FloatField()

    class Meta:
        primary_key = peewee.CompositeKey("inbox", "path")


class Folder(_Row):
    """An inbox's health."""

    inbox = peewee.TextField(primary_key=True)
    path = peewee.TextField()
    mode = peewee.TextField()
    trouble = peewee.TextField()
    looked_at = peewee.FloatField(default=0.0)


def one(query: Any) -> Any:
    """The first row of a query, or None."""
    return query.first()

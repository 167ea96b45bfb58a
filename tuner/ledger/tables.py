"""The ledger's tables."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

VERSION = 2

metadata = sa.MetaData()

about = sa.Table("about", metadata, sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String))

searches = sa.Table(
    "searches",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.String, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # 1, 2, … among the searches of a study
    sa.Column("identity", sa.String, nullable=False, unique=True),
    sa.Column("document", sa.Text, nullable=False),  # the study file with the command's options, as JSON
    sa.Column("data", sa.Text, nullable=False),  # name, digest, rows, task, fingerprint of the split, as JSON
    sa.Column("created", sa.Float, nullable=False),  # seconds since 1970, as all times here
    sa.Column("owner", sa.Text),  # host, pid and since, as JSON; of the last owner where nobody holds the lock
    sa.Column("token", sa.Integer, nullable=False, default=0),  # grows with every owner: an older one cannot write
    sa.Column("next_number", sa.Integer, nullable=False, default=0),
    sa.Column("run", sa.String),  # MLflow's id of the search's run
    sa.Column("looks", sa.Integer, nullable=False, default=0),  # how often the test rows were scored
    sa.Column("looked", sa.String),  # at which champion of how many trials, so that a kill makes no look two
    sa.Column("verdict", sa.Text),  # of the last ended search, as JSON
    sa.UniqueConstraint("study", "number"),
)

trials = sa.Table(
    "trials",
    metadata,
    sa.Column("search", sa.ForeignKey("searches.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("values", sa.Text, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("first_epoch", sa.Integer, nullable=False),
    sa.Column("last_epoch", sa.Integer, nullable=False),
    sa.Column("parent", sa.Integer),
    sa.Column("asked", sa.Float, nullable=False),
    sa.Column("place", sa.Integer),  # 1, 2, … in the order told; the rest is empty until then
    sa.Column("told", sa.Float),
    sa.Column("state", sa.String),
    sa.Column("score", sa.Float),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("history", sa.Text),
    sa.Column("seconds", sa.Float),
    sa.Column("weights", sa.String),  # a file, as seen from the search's folder
    sa.Column("error", sa.Text),
    sa.Column("program", sa.Text),
    sa.Column("run", sa.String),  # MLflow's id of the trial's run, once it is written
    sa.Column("further", sa.Text),  # the values of the objectives after the first, as JSON
    # Finds the next place without a look at every trial.
    sa.Index("trials_in_order_told", "search", "place", unique=True),
)

# Finalists trained again with fresh seeds.
retakes = sa.Table(
    "retakes",
    metadata,
    sa.Column("search", sa.ForeignKey("searches.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("retake", sa.Integer, primary_key=True),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("score", sa.Float),
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("search", sa.ForeignKey("searches.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),  # the trial stops after it
)

driver_state = sa.Table(
    "driver_state",
    metadata,
    sa.Column("search", sa.ForeignKey("searches.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# What makes a file of an older schema one of the next, by the older one. Columns come last, and may be empty.
CHANGES = {1: "ALTER TABLE trials ADD COLUMN further TEXT"}


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

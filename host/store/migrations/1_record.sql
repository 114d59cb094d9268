-- The record of all runs. The text is taken by SQLite and PostgreSQL alike: times are BIGINT milliseconds since 1970,
-- JSON is TEXT, and nothing here is ever changed: a new shape is a new file.

CREATE TABLE run (
    id TEXT NOT NULL PRIMARY KEY,
    workflow TEXT NOT NULL,
    strategy TEXT NOT NULL,
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    infrastructure TEXT NOT NULL,
    artifact TEXT NOT NULL,
    family TEXT NOT NULL,
    account TEXT NOT NULL,
    file TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    plan TEXT NOT NULL,
    ending TEXT,
    ended_at BIGINT
);
CREATE INDEX run_by_age ON run (created_at, id);

CREATE TABLE ledger (
    run_id TEXT NOT NULL,
    step TEXT NOT NULL,
    effect TEXT NOT NULL,
    place BIGINT NOT NULL,
    token TEXT NOT NULL,
    intent TEXT NOT NULL,
    outcome TEXT,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (run_id, step, effect)
);

CREATE TABLE event (
    run_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    step TEXT,
    dedup_key TEXT,
    kind TEXT NOT NULL,
    PRIMARY KEY (run_id, sequence),
    UNIQUE (run_id, dedup_key)
);

CREATE TABLE group_lock (
    account TEXT NOT NULL,
    family TEXT NOT NULL,
    holder TEXT,
    fence BIGINT NOT NULL,
    PRIMARY KEY (account, family)
);

CREATE TABLE lock_queue (
    account TEXT NOT NULL,
    family TEXT NOT NULL,
    run_id TEXT NOT NULL,
    place BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (account, family, run_id)
);

CREATE TABLE ballot (
    run_id TEXT NOT NULL,
    id BIGINT NOT NULL,
    step TEXT NOT NULL,
    ballot TEXT NOT NULL,
    consumed_at BIGINT,
    PRIMARY KEY (run_id, id)
);
CREATE INDEX ballot_by_consumption ON ballot (consumed_at, run_id, id);

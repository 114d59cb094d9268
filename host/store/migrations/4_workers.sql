-- Who works on a database that many hosts share: a row for each engine that is there, kept fresh for as long as it is.
CREATE TABLE worker (
    id TEXT NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    last_seen BIGINT NOT NULL
);

-- What verifications leave, a row a call. `bytes` is the size of the text while all of it is there, and 0 once its exchanges went.
CREATE TABLE evidence (
    run_id TEXT NOT NULL,
    step TEXT NOT NULL,
    fence BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    call BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    report TEXT,
    evidence TEXT NOT NULL,
    PRIMARY KEY (run_id, step, fence, attempt, call)
);

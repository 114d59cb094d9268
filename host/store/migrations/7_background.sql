-- Where background verifications stand between their calls, a row each. `parked` is all of it as JSON.
CREATE TABLE background (
    run_id TEXT NOT NULL,
    step TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    parked TEXT NOT NULL,
    PRIMARY KEY (run_id, step)
);

-- A process that was thought dead is fenced off: each activity of a run that may change a cloud takes a further term.
ALTER TABLE group_lock ADD COLUMN term BIGINT NOT NULL DEFAULT 0;
-- Orders of operators that nobody has heeded yet: looked for several times a second.
CREATE INDEX ledger_open_orders ON ledger (run_id, effect) WHERE step = 'operator' AND outcome IS NULL;

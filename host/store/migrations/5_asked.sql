-- The step in which a run waits for a person, so that a list of thousands of runs need not read their events.
ALTER TABLE run ADD COLUMN asked_in TEXT;

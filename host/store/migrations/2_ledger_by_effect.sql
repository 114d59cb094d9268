-- A group is this tool's when some run on record has named it: looked up by the name of the effect.
CREATE INDEX ledger_by_effect ON ledger (effect);

-- Which item of a settlement comes first is looked up in this index and in no other: its condition is written apart from
-- that of inbox_open, which the planner took for this look-up while the table was small, and read whole for each item.
DROP INDEX inbox_open_settlement;
CREATE INDEX inbox_waiting ON inbox (settlement, arrival)
    WHERE coalesce(answered_at, set_aside_at) IS NULL AND settlement IS NOT NULL;

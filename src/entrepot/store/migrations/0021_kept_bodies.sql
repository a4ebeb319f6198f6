-- A paper of up to a page stays in its row: in pieces of 2,000 bytes with an index of their own it cost a seventh more.
ALTER TABLE papers SET (toast_tuple_target = 8160);

-- An outbox item is leased in place: its row is written anew on the same page, and no index is told.
ALTER TABLE outbox SET (fillfactor = 60);

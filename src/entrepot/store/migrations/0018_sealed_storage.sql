-- What is sealed cannot be compressed: trying to cost CPU on every paper and item, and gained nothing.
ALTER TABLE papers ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE inbox ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE inbox ALTER COLUMN answer SET STORAGE EXTERNAL;
ALTER TABLE receipts ALTER COLUMN header SET STORAGE EXTERNAL;

-- Rows that leave a partial index of what is open: claims read over the dead ones until they are gone.
ALTER TABLE inbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
ALTER TABLE settlements SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

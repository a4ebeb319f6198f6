-- Credentials are of two kinds: keys, which a program holds, and sessions, which a person's browser holds.
ALTER TABLE credentials
    ADD COLUMN kind text NOT NULL DEFAULT 'key',
    ADD COLUMN label text NOT NULL DEFAULT '',
    ADD COLUMN opened_at bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT credentials_kind_known CHECK (kind IN ('key', 'session'));
-- Whoever may be stopped may know that there is a stop.
CREATE POLICY stops ON changes FOR SELECT TO entrepot_serve USING (subject = 'stop' AND confirmed_at IS NOT NULL);
CREATE INDEX credentials_person ON credentials (person, opened_at);

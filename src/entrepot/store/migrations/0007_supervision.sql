-- What supervisors read: figures over time, decisions and checkpoints in order, who was shown what, and lifted stops.

-- Each opening of personal or confidential material, with its purpose. `whose` are the participants whom it is about.
CREATE TABLE disclosures (
    id uuid PRIMARY KEY,
    arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    person uuid NOT NULL,
    role text NOT NULL,
    participant uuid NOT NULL,
    what text NOT NULL,
    about text NOT NULL,
    settlement uuid,
    whose uuid[] NOT NULL,
    purpose text NOT NULL,
    is_confidential boolean NOT NULL,
    CONSTRAINT disclosures_purpose_stated CHECK (purpose <> '' AND what <> '')
);
CREATE INDEX disclosures_whose ON disclosures USING gin (whose);
CREATE INDEX disclosures_arrival ON disclosures (arrival);
SELECT make_append_only('disclosures');
GRANT SELECT ON disclosures TO entrepot_serve, entrepot_work;
GRANT INSERT ON disclosures TO entrepot_work;
-- A party never learns that somebody looked at a case, nor that anybody looked while there was one.
SELECT make_private('disclosures', 'NOT is_confidential AND (SELECT reader_participant()) = ANY (whose)');

-- Whoever was stopped may know that the stop was lifted.
CREATE POLICY lifted_stops ON changes FOR SELECT TO entrepot_serve
    USING (subject = 'lift_stop' AND confirmed_at IS NOT NULL);

-- Figures of a period touch that period only.
CREATE INDEX settlements_created ON settlements (created_at);
CREATE INDEX events_paid ON events (at) WHERE kind = 'released';
CREATE INDEX events_agreed ON events (at) WHERE kind = 'countersigned';
CREATE INDEX reservations_at ON reservations (at);
CREATE INDEX papers_decisions ON papers (arrival DESC) WHERE kind LIKE 'decision\_%';

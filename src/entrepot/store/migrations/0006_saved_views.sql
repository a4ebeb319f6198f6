-- Saved views of lists: one row per person and participant, sealed with the person's key.
CREATE TABLE saved_views (
    person uuid NOT NULL,
    participant uuid NOT NULL,
    views bytea NOT NULL,
    PRIMARY KEY (person, participant)
);
GRANT SELECT ON saved_views TO entrepot_serve, entrepot_work;
GRANT INSERT, UPDATE ON saved_views TO entrepot_work;
SELECT make_private('saved_views', 'participant = (SELECT reader_participant())');
-- Arbiters see a dispute's papers: they are joined to a settlement when it is disputed, by the paper that says why.
CREATE POLICY arbiters ON papers FOR SELECT TO entrepot_serve USING ((SELECT reader_role()) = 'arbiter'
    AND kind IN ('terms', 'invoice', 'packing_list', 'transport_document', 'examination', 'dispute')
    AND EXISTS (SELECT 1 FROM settlements s WHERE s.id = papers.settlement));

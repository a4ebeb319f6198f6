-- What officers look up across settlements: who disposed of the same pair before, and papers of a kind.
CREATE INDEX disposed_hits_pair ON disposed_hits (hit);
CREATE INDEX papers_kind ON papers (kind, arrival);
-- Whoever is suspended may know that it is, and until when.
CREATE POLICY suspensions ON changes FOR SELECT TO entrepot_serve USING (
    subject IN ('suspension', 'suspension_lift') AND confirmed_at IS NOT NULL
    AND body ->> 'participant' = replace((SELECT reader_participant())::text, '-', ''));

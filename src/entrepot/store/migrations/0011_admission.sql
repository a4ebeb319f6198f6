-- A company applies, and two operators admit it.
ALTER TABLE participants
    DROP CONSTRAINT participants_status_known,
    ADD CONSTRAINT participants_status_known CHECK (status IN ('applied', 'admitted', 'suspended', 'left'));

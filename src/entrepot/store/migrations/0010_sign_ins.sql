-- How a person proves who they are: passkeys, identities at a single sign-on provider, the invitation that lets them
-- in the first time, and the attempts under way. Sessions themselves are credentials (0004).
CREATE FUNCTION reader_person() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('entrepot.person', true), '')::uuid $$;

CREATE TABLE passkeys (
    id text PRIMARY KEY,  -- the credential id, base64url
    person uuid NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    label text NOT NULL,
    transports text[] NOT NULL,
    is_synced boolean NOT NULL,
    created_at bigint NOT NULL,
    last_used_at bigint NOT NULL,
    CONSTRAINT passkeys_count_positive CHECK (sign_count >= 0)
);
CREATE INDEX passkeys_person ON passkeys (person, created_at);

CREATE TABLE identities (
    id text PRIMARY KEY,  -- SHA-256 of issuer and subject: what the provider calls a person is not kept
    person uuid NOT NULL,
    issuer text NOT NULL,
    created_at bigint NOT NULL,
    last_used_at bigint NOT NULL
);
CREATE INDEX identities_person ON identities (person, created_at);

-- Two persons made it (its change says who); it is used once.
CREATE TABLE invitations (
    secret_sha256 text PRIMARY KEY,
    person uuid NOT NULL,
    participant uuid NOT NULL,
    role text NOT NULL,
    invited_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    used_at bigint
);
CREATE INDEX invitations_person ON invitations (person, invited_at);
CREATE FUNCTION invitation_used_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.used_at IS NOT NULL
       OR (OLD.secret_sha256, OLD.person, OLD.participant, OLD.role, OLD.invited_at, OLD.expires_at)
          IS DISTINCT FROM
          (NEW.secret_sha256, NEW.person, NEW.participant, NEW.role, NEW.invited_at, NEW.expires_at) THEN
        RAISE EXCEPTION 'an invitation is used once and never rewritten'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'invitations_used_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER used_once BEFORE UPDATE ON invitations FOR EACH ROW EXECUTE FUNCTION invitation_used_once();

-- One attempt to prove who somebody is; `facts` (challenge, nonce, …) are sealed, and it leads to one answer only.
CREATE TABLE attempts (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL,
    person uuid,
    invitation text NOT NULL,
    facts bytea NOT NULL,
    expires_at bigint NOT NULL,
    CONSTRAINT attempts_kind_known CHECK (kind IN ('passkey', 'new_passkey', 'openid')),
    CONSTRAINT attempts_state_known CHECK (state IN ('asked', 'open', 'proving', 'done', 'refused'))
);
CREATE INDEX attempts_expiry ON attempts (expires_at);

-- The secrets of one sign-in belong together: it ends with all of them.
ALTER TABLE credentials ADD COLUMN session text NOT NULL DEFAULT '';

GRANT SELECT ON passkeys, identities, invitations, attempts TO entrepot_serve, entrepot_work;
GRANT INSERT ON passkeys, identities, invitations, attempts TO entrepot_work;
GRANT UPDATE (sign_count, label, last_used_at) ON passkeys TO entrepot_work;
GRANT UPDATE (last_used_at) ON identities TO entrepot_work;
GRANT UPDATE (used_at) ON invitations TO entrepot_work;
GRANT UPDATE (state, facts) ON attempts TO entrepot_work;
GRANT DELETE ON passkeys, identities, attempts TO entrepot_work;

-- A person sees their own memberships, those participants and their own credentials, in whichever role they act.
CREATE POLICY own ON memberships FOR SELECT TO entrepot_serve USING (person = (SELECT reader_person()));
CREATE POLICY own ON credentials FOR SELECT TO entrepot_serve USING (person = (SELECT reader_person()));
CREATE POLICY own ON participants FOR SELECT TO entrepot_serve USING (EXISTS (
    SELECT 1 FROM memberships m WHERE m.participant = participants.id AND m.person = (SELECT reader_person())));

-- Passkeys and identities are a person's own, in whichever role they act; the door knows invitations and attempts.
SELECT make_private('passkeys', 'person = (SELECT reader_person())');
SELECT make_private('identities', 'person = (SELECT reader_person())');
SELECT make_private('invitations', '(SELECT reader_is_door())');
SELECT make_private('attempts', '(SELECT reader_is_door())');

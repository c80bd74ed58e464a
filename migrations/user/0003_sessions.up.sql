-- What one login, or one guest, began. Its refresh tokens are a family: they end together with it.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    guest_id uuid,
    -- Which tokens of the family are the newest ones.
    generation integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    -- Moves with every refresh: 30 days of rest, never more than 90 days in all.
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_one_holder CHECK (num_nonnulls(user_id, guest_id) = 1),
    CONSTRAINT sessions_generation CHECK (generation >= 0),
    CONSTRAINT sessions_expire_after_creation CHECK (expires_at > created_at),
    CONSTRAINT sessions_end_after_90_days CHECK (expires_at <= created_at + interval '90 days')
);

CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Old generations stay as long as the session, so that a stolen token is recognised whenever it is tried.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    generation integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT refresh_tokens_hash_length CHECK (octet_length(token_hash) = 32),
    CONSTRAINT refresh_tokens_generation CHECK (generation >= 0)
);

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id, generation, created_at);

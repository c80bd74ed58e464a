-- What was tried, counted in windows: logins, registrations, guests, saved cards; by account, mailbox and source address.
-- Mailboxes and source addresses are keyed hashes: what people type by mistake, and from where, stays with them.
CREATE TABLE attempts (
    kind text NOT NULL,
    key bytea NOT NULL,
    count integer NOT NULL,
    window_ends_at timestamptz NOT NULL,
    PRIMARY KEY (kind, key),
    CONSTRAINT attempts_kind CHECK (kind IN (
        'login_of_recipient', 'login_from_source', 'registration_of_recipient', 'registration_from_source',
        'guest_from_source', 'setup_of_account', 'setup_of_recipient', 'setup_from_source')),
    CONSTRAINT attempts_key_length CHECK (octet_length(key) = 16),
    CONSTRAINT attempts_counted CHECK (count > 0)
);

CREATE INDEX attempts_window ON attempts (window_ends_at);

-- login_attempts did this for logins and registrations, under hashes without a key. Instances of the code before this
-- migration go on counting there until they are replaced, so the table goes with a later one.
DELETE FROM login_attempts;

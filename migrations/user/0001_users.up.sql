-- Accounts: customers and staff.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    -- As the person wrote it; mail goes there.
    email text NOT NULL,
    -- What makes two addresses the same account. Addresses are ASCII, so "C" folds them as the service does.
    email_key text NOT NULL GENERATED ALWAYS AS (lower(email COLLATE "C")) STORED,
    password_hash text NOT NULL,
    name text NOT NULL,
    phone text,
    role text NOT NULL DEFAULT 'customer',
    disabled_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT users_email_key_unique UNIQUE (email_key),
    CONSTRAINT users_email_length CHECK (length(email) BETWEEN 3 AND 254),
    CONSTRAINT users_email_ascii CHECK (octet_length(email) = length(email)),
    CONSTRAINT users_password_is_argon2id CHECK (password_hash LIKE '$argon2id$%'),
    CONSTRAINT users_name_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT users_phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
    CONSTRAINT users_role CHECK (role IN ('customer', 'catalog_manager', 'order_manager', 'admin')),
    CONSTRAINT users_version CHECK (version > 0),
    CONSTRAINT users_updated_after_created CHECK (updated_at >= created_at)
);

-- Logins and registrations tried for an address. The address need not have an account, and is kept as a hash: what people
-- type by mistake is nobody's business. A login that succeeds forgets the logins before it.
CREATE TABLE login_attempts (
    address_hash bytea PRIMARY KEY,
    attempts integer NOT NULL,
    window_ends_at timestamptz NOT NULL,
    CONSTRAINT login_attempts_hash_length CHECK (octet_length(address_hash) = 32),
    CONSTRAINT login_attempts_counted CHECK (attempts > 0)
);

CREATE INDEX login_attempts_window ON login_attempts (window_ends_at);

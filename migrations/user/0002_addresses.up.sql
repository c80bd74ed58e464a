-- Where users have things sent.
CREATE TABLE addresses (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    line1 text NOT NULL,
    line2 text,
    city text NOT NULL,
    region text,
    postal_code text,
    country text NOT NULL,
    phone text,
    created_at timestamptz NOT NULL,
    -- The order of the list, and what a default address must match.
    CONSTRAINT addresses_of_user UNIQUE (user_id, id),
    CONSTRAINT addresses_name_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT addresses_line1_length CHECK (length(line1) BETWEEN 1 AND 100),
    CONSTRAINT addresses_line2_length CHECK (length(line2) BETWEEN 1 AND 100),
    CONSTRAINT addresses_city_length CHECK (length(city) BETWEEN 1 AND 100),
    CONSTRAINT addresses_region_length CHECK (length(region) BETWEEN 1 AND 100),
    CONSTRAINT addresses_postal_code_length CHECK (length(postal_code) BETWEEN 1 AND 16),
    CONSTRAINT addresses_country_is_alpha2 CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT addresses_phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$')
);

-- One column, so there is at most one default; the key pair, so it is one of the user's own.
ALTER TABLE users
    ADD COLUMN default_address_id uuid,
    ADD COLUMN address_count integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT users_default_address FOREIGN KEY (id, default_address_id) REFERENCES addresses (user_id, id)
        ON DELETE SET NULL (default_address_id),
    ADD CONSTRAINT users_address_limit CHECK (address_count BETWEEN 0 AND 50);

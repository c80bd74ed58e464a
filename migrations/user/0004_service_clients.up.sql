-- Our own services, as OAuth 2.0 clients.
CREATE TABLE service_clients (
    name text PRIMARY KEY,
    secret_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    secret_changed_at timestamptz NOT NULL,
    CONSTRAINT service_clients_name CHECK (name IN ('product-service', 'transaction-service', 'notification-service')),
    CONSTRAINT service_clients_hash_length CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT service_clients_scopes CHECK (
        cardinality(scopes) > 0
        AND scopes <@ ARRAY['inventory:reserve', 'checkout:read', 'carts:clear', 'notifications:send']
    )
);

-- Messages to sibling services, written in the transaction that makes them true; platform::outbox sends and deletes them.
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    path text NOT NULL,
    body jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outbox_path CHECK (path LIKE '/%'),
    CONSTRAINT outbox_attempts CHECK (attempts >= 0)
);

CREATE INDEX outbox_due ON outbox (due_at);

-- How far Stripe's list of events has been read: whatever a webhook failed to tell is found there.
CREATE TABLE stripe_event_cursor (
    only_row boolean PRIMARY KEY DEFAULT true,
    event_id text NOT NULL,
    read_at timestamptz NOT NULL,
    CONSTRAINT stripe_event_cursor_only_row CHECK (only_row)
);

-- A SetupIntent on which too many cards were declined is to be cancelled at Stripe until that is done.
ALTER TABLE setup_declines
    ADD COLUMN cancel_due_at timestamptz,
    ADD COLUMN cancel_attempts integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT setup_declines_cancel_attempts CHECK (cancel_attempts >= 0);

CREATE INDEX setup_declines_to_cancel ON setup_declines (cancel_due_at) WHERE cancel_due_at IS NOT NULL;

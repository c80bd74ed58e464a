-- The declined cards of each SetupIntent that user-service began, so that one of them does not try any number of cards.
CREATE TABLE setup_declines (
    setup_intent text PRIMARY KEY,
    -- What names each declined card, an attempt or event of Stripe's: each counts once.
    attempts text[] NOT NULL,
    -- When Stripe has forgotten the events.
    expires_at timestamptz NOT NULL,
    CONSTRAINT setup_declines_attempts CHECK (cardinality(attempts) BETWEEN 1 AND 1000)
);

-- Refunds take back what was earned, and are reversed when they fail; disputes with their fees, and money that matches no
-- order, are booked too. `refunds` is where refunds were booked whole before.
ALTER TABLE ledger_entries
    DROP CONSTRAINT ledger_entries_kind,
    DROP CONSTRAINT ledger_entries_account,
    ADD CONSTRAINT ledger_entries_kind CHECK (
        kind IN ('capture', 'refund', 'refund_failure', 'dispute', 'dispute_reversal', 'unmatched')),
    ADD CONSTRAINT ledger_entries_account CHECK (
        account IN ('stripe', 'sales', 'shipping', 'tax', 'refunds', 'disputes', 'stripe_fees', 'unmatched')),
    -- The source whose entries are taken back. It is there already where this was applied before: going back keeps it.
    ADD COLUMN IF NOT EXISTS reverses text,
    DROP CONSTRAINT IF EXISTS ledger_entries_reverses,
    ADD CONSTRAINT ledger_entries_reverses CHECK (reverses IS NULL OR kind = 'refund_failure');

-- What was booked is taken back once.
CREATE UNIQUE INDEX ledger_entries_reversed_once ON ledger_entries (reverses, account) WHERE reverses IS NOT NULL;

CREATE FUNCTION ledger_reversal_must_mirror() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger_entries WHERE source = NEW.reverses OR reverses = NEW.reverses
               GROUP BY account HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION '% does not take back what % did', NEW.source, NEW.reverses
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_mirror';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledger_entries_mirror AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.reverses IS NOT NULL)
    EXECUTE FUNCTION ledger_reversal_must_mirror();

-- In which status each refund, dispute and odd payment of an order was seen last: a change is news, and staff hear of it
-- once.
CREATE TABLE stripe_seen (
    id text PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    status text NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE INDEX stripe_seen_by_order ON stripe_seen (order_id);

-- Payments of which an event could not be applied. The sweep goes on with later events, and comes back to these.
CREATE TABLE stripe_passed_over (
    payment_intent text PRIMARY KEY,
    event_id text NOT NULL,
    cause text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stripe_passed_over_attempts CHECK (attempts > 0)
);

CREATE INDEX stripe_passed_over_due ON stripe_passed_over (due_at);

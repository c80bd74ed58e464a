-- Where money came from and went, in double entry: positive is a debit. Rows are added and never change.
CREATE TABLE ledger_entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    kind text NOT NULL,
    -- The charge or refund at Stripe that is booked.
    source text NOT NULL,
    account text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    booked_at timestamptz NOT NULL,
    CONSTRAINT ledger_entries_kind CHECK (kind IN ('capture', 'refund')),
    CONSTRAINT ledger_entries_account CHECK (account IN ('stripe', 'sales', 'shipping', 'tax', 'refunds')),
    CONSTRAINT ledger_entries_amount CHECK (amount <> 0),
    CONSTRAINT ledger_entries_once UNIQUE (source, account)
);

CREATE INDEX ledger_entries_by_order ON ledger_entries (order_id, id);
-- An order is charged at most once.
CREATE UNIQUE INDEX ledger_entries_one_capture ON ledger_entries (order_id, account) WHERE kind = 'capture';

CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM ledger_entries WHERE source = NEW.source) <> 0 THEN
        RAISE EXCEPTION 'the entries of % do not sum to zero', NEW.source
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_balance';
    END IF;
    RETURN NULL;
END $$;

-- Looked at when the transaction ends: its entries are all there then.
CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger entries never change' USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_append_only';
END $$;

CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

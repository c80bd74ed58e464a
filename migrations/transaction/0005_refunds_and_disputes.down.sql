DROP TABLE stripe_passed_over;
DROP TABLE stripe_seen;
DROP TRIGGER ledger_entries_mirror ON ledger_entries;
DROP FUNCTION ledger_reversal_must_mirror();
DROP INDEX ledger_entries_reversed_once;
-- What was booked stays booked: entries never change, and those that the old words do not cover are not looked at again.
-- `reverses` stays with them, NULL in entries of the release before: without it nothing says which refunds were taken back
-- once this is applied anew.
ALTER TABLE ledger_entries
    DROP CONSTRAINT ledger_entries_kind,
    DROP CONSTRAINT ledger_entries_account,
    ADD CONSTRAINT ledger_entries_kind CHECK (kind IN ('capture', 'refund')) NOT VALID,
    ADD CONSTRAINT ledger_entries_account CHECK (account IN ('stripe', 'sales', 'shipping', 'tax', 'refunds')) NOT VALID;

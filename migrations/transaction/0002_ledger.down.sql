DROP TABLE ledger_entries;
DROP FUNCTION ledger_is_append_only();
DROP FUNCTION ledger_must_balance();

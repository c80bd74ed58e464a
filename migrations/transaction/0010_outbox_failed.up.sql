-- What its receiver refuses for good is given up: the row stays for operators, with the reason, and is never due. Functions
-- of the release before write no reason, and find nothing here that is due.
ALTER TABLE outbox
    ADD COLUMN failed text,
    ADD CONSTRAINT outbox_failed_is_never_due CHECK ((failed IS NOT NULL) = (due_at = 'infinity'));

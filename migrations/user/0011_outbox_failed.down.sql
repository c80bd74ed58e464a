-- The release before tries all of them again.
ALTER TABLE outbox DROP CONSTRAINT outbox_failed_is_never_due;
UPDATE outbox SET due_at = now() WHERE failed IS NOT NULL;
ALTER TABLE outbox DROP COLUMN failed;

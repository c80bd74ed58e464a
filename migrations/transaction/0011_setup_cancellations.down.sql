ALTER TABLE setup_declines
    DROP COLUMN cancel_due_at,
    DROP COLUMN cancel_attempts;

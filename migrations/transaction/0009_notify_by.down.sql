ALTER TABLE orders
    DROP COLUMN notify_by,
    DROP COLUMN phone;

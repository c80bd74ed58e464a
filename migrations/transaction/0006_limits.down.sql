DROP TABLE limit_counters;
ALTER TABLE payments DROP COLUMN within_limits;
DROP INDEX orders_to_forget;
DROP INDEX orders_one_live_per_cart;
ALTER TABLE orders
    DROP COLUMN cart_version,
    DROP COLUMN recipient_key,
    DROP COLUMN source_key,
    DROP COLUMN counted_units,
    DROP COLUMN declines,
    DROP COLUMN no_more_tries;

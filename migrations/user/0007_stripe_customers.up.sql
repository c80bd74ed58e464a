-- The account's customer at Stripe, made when it is first needed and never another.
ALTER TABLE users
    ADD COLUMN stripe_customer_id text,
    ADD CONSTRAINT users_stripe_customer_unique UNIQUE (stripe_customer_id),
    ADD CONSTRAINT users_stripe_customer_form CHECK (stripe_customer_id ~ '^cus_[A-Za-z0-9_]{1,251}$');

ALTER TABLE users
    DROP CONSTRAINT users_stripe_customer_form,
    DROP CONSTRAINT users_stripe_customer_unique,
    DROP COLUMN stripe_customer_id;

ALTER TABLE users
    DROP CONSTRAINT users_address_limit,
    DROP CONSTRAINT users_default_address,
    DROP COLUMN address_count,
    DROP COLUMN default_address_id;
DROP TABLE addresses;

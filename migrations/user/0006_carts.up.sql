-- What shoppers mean to buy. A cart is one row: whoever changes it locks it, so that of two changes at once none is lost,
-- and the version counts them.
CREATE TABLE carts (
    -- The id in the subject of its owner's tokens.
    owner_id uuid PRIMARY KEY GENERATED ALWAYS AS (COALESCE(user_id, guest_id)) STORED,
    user_id uuid,
    guest_id uuid,
    -- SKU to quantity.
    items jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT carts_of_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT carts_one_owner CHECK (num_nonnulls(user_id, guest_id) = 1),
    CONSTRAINT carts_items_are_an_object CHECK (jsonb_typeof(items) = 'object'),
    CONSTRAINT carts_item_limit CHECK (
        jsonb_array_length(jsonb_path_query_array(items, '$.keyvalue()', silent => true)) <= 100),
    CONSTRAINT carts_skus CHECK (NOT jsonb_path_exists(items, silent => true, path =>
        '$.keyvalue() ? (!(@.key like_regex "^[A-Z0-9]+(-[A-Z0-9]+)*$" && @.key like_regex "^.{1,40}$"))')),
    CONSTRAINT carts_quantities CHECK (NOT jsonb_path_exists(items, silent => true, path =>
        'strict $.* ? (@.type() != "number" || @ < 1 || @ > 999 || @ != @.floor())')),
    CONSTRAINT carts_version CHECK (version > 0),
    CONSTRAINT carts_updated_after_created CHECK (updated_at >= created_at)
);

-- For the foreign key, when an account goes.
CREATE INDEX carts_by_user ON carts (user_id) WHERE user_id IS NOT NULL;

-- For the sweep: carts that no guest can reach any more.
CREATE INDEX carts_of_guests ON carts (updated_at) WHERE guest_id IS NOT NULL;

-- Orders whose lines were taken out of a cart, so that telling us again takes out nothing more.
CREATE TABLE cart_clearings (
    order_id uuid PRIMARY KEY,
    cleared_at timestamptz NOT NULL
);

CREATE INDEX cart_clearings_age ON cart_clearings (cleared_at);

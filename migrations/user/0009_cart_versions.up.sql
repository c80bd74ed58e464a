-- A version names one state of one owner's cart for ever: an order is made of it. The sweep deletes carts, and a cart that
-- is made after that must not begin at a version that the owner's deleted one had. So the highest version that was ever
-- deleted is kept, and new carts begin above it.
CREATE TABLE cart_versions (
    only_row boolean PRIMARY KEY DEFAULT true,
    deleted bigint NOT NULL DEFAULT 0,
    CONSTRAINT cart_versions_only_row CHECK (only_row),
    CONSTRAINT cart_versions_deleted CHECK (deleted >= 0)
);

INSERT INTO cart_versions DEFAULT VALUES;

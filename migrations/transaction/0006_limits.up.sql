-- A version of a cart becomes at most one live order of its owner, under however many keys. An order that failed, was
-- cancelled or expired leaves the cart free again. NULL: made of lines, or before this was kept.
ALTER TABLE orders
    ADD COLUMN cart_version bigint,
    -- Keyed hashes of the address that a guest gave and of the network address that the order came from; forgotten once
    -- the order is closed, or, where payments of it were declined, once the window of declines is over.
    ADD COLUMN recipient_key bytea,
    ADD COLUMN source_key bytea,
    -- How many units the order adds to its counters; NULL: it adds nothing (closed, or made before there were counters).
    ADD COLUMN counted_units integer,
    -- The declined tries of a payment that the frontend confirms, by charge or event: each counts once.
    ADD COLUMN declines text[] NOT NULL DEFAULT '{}',
    -- Too many tries were declined: the payment is to be cancelled.
    ADD COLUMN no_more_tries boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT orders_cart_version CHECK (cart_version IS NULL OR (from_cart AND cart_version > 0)),
    ADD CONSTRAINT orders_keys CHECK (octet_length(recipient_key) = 16 AND octet_length(source_key) = 16),
    ADD CONSTRAINT orders_counted_units CHECK (counted_units > 0);

CREATE UNIQUE INDEX orders_one_live_per_cart ON orders (owner_id, owner_kind, cart_version)
    WHERE cart_version IS NOT NULL AND state IN ('pending', 'requires_action', 'paid');
-- Closed orders that have hashes to forget.
CREATE INDEX orders_to_forget ON orders (updated_at)
    WHERE due_at IS NULL AND (recipient_key IS NOT NULL OR source_key IS NOT NULL);

-- A payment is begun within the limits. The statement that makes an order fails on this, with all that it did, where one
-- of the order's counters had no room.
ALTER TABLE payments
    ADD COLUMN within_limits boolean NOT NULL DEFAULT true,
    ADD CONSTRAINT payments_within_limits CHECK (within_limits);

-- What each caller, recipient and source address has open and had declined. Changed in the transaction that changes the
-- order, so that a crash leaves it exact. There is no index on expires_at: rows live for hours, and without one an
-- update stays within its page.
CREATE TABLE limit_counters (
    kind text NOT NULL,
    -- The id of a user or guest, or a keyed hash.
    key bytea NOT NULL,
    open_orders integer NOT NULL DEFAULT 0,
    held_units bigint NOT NULL DEFAULT 0,
    -- Declined payments since the window began.
    declines integer NOT NULL DEFAULT 0,
    -- When the window ends; NULL before the first decline.
    declines_until timestamptz,
    -- Of users and guests: attempts that gave their stock back and can no longer become orders; the newest.
    ended_attempts uuid[] NOT NULL DEFAULT '{}',
    -- When the row may go, unless it counts open orders.
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, key),
    CONSTRAINT limit_counters_kind CHECK (kind IN ('user', 'guest', 'recipient', 'source')),
    CONSTRAINT limit_counters_key CHECK (octet_length(key) = 16),
    CONSTRAINT limit_counters_counts CHECK (open_orders >= 0 AND held_units >= 0 AND declines >= 0)
) WITH (fillfactor = 70);

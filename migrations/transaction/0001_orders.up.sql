-- An order is made in state `pending`, before Stripe is asked; everything it was made of stays as it was then.
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    owner_kind text NOT NULL,
    owner_id uuid NOT NULL,
    -- SHA-256 of the request as it was understood: another request under the same key is refused.
    request_hash bytea NOT NULL,
    state text NOT NULL,
    -- Counts changes; each is made on the condition that nobody else made one.
    version integer NOT NULL DEFAULT 1,
    -- When somebody else may go on with an open order: the lease of a pending one, the deadline of one that waits.
    due_at timestamptz,
    expires_at timestamptz NOT NULL,
    currency text NOT NULL,
    subtotal bigint NOT NULL,
    shipping bigint NOT NULL,
    tax bigint NOT NULL,
    total bigint NOT NULL,
    shipping_method text NOT NULL,
    shipping_tax bigint NOT NULL,
    shipping_address jsonb NOT NULL,
    email text NOT NULL,
    locale text,
    from_cart boolean NOT NULL,
    closing_reason text,
    -- What POST /orders answered, byte for byte, from the moment there is an answer.
    answer text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT orders_owner_kind CHECK (owner_kind IN ('user', 'guest')),
    CONSTRAINT orders_request_hash CHECK (octet_length(request_hash) = 32),
    CONSTRAINT orders_state CHECK (state IN ('pending', 'requires_action', 'paid', 'payment_failed', 'cancelled', 'expired')),
    CONSTRAINT orders_version CHECK (version > 0),
    CONSTRAINT orders_open_orders_are_due CHECK ((state IN ('pending', 'requires_action')) = (due_at IS NOT NULL)),
    CONSTRAINT orders_answered CHECK ((state = 'pending') = (answer IS NULL)),
    CONSTRAINT orders_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT orders_amounts CHECK (subtotal >= 0 AND shipping >= 0 AND shipping_tax BETWEEN 0 AND tax),
    CONSTRAINT orders_total CHECK (subtotal + shipping + tax = total)
);

-- One's own orders, newest first.
CREATE INDEX orders_by_owner ON orders (owner_id, created_at DESC, id DESC);
-- What the sweep looks at: open orders only.
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE order_lines (
    order_id uuid NOT NULL REFERENCES orders (id),
    position smallint NOT NULL,
    sku text NOT NULL,
    product_id uuid NOT NULL,
    title text NOT NULL,
    options jsonb NOT NULL,
    quantity integer NOT NULL,
    unit_price bigint NOT NULL,
    subtotal bigint NOT NULL,
    tax bigint NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (order_id, position),
    CONSTRAINT order_lines_sku UNIQUE (order_id, sku),
    CONSTRAINT order_lines_quantity CHECK (quantity BETWEEN 1 AND 99900),
    CONSTRAINT order_lines_subtotal CHECK (unit_price >= 0 AND subtotal = unit_price * quantity),
    CONSTRAINT order_lines_total CHECK (tax >= 0 AND total = subtotal + tax)
);

-- One payment an order, for ever; so one PaymentIntent, and at most one charge.
CREATE TABLE payments (
    order_id uuid PRIMARY KEY REFERENCES orders (id),
    method text NOT NULL,
    stripe_customer text,
    stripe_payment_method text,
    stripe_payment_intent text,
    client_secret text,
    amount bigint NOT NULL,
    captured bigint NOT NULL DEFAULT 0,
    refunded bigint NOT NULL DEFAULT 0,
    disputed boolean NOT NULL DEFAULT false,
    failure_code text,
    failure_message text,
    CONSTRAINT payments_method CHECK (method IN ('saved', 'client')),
    CONSTRAINT payments_saved_method CHECK (
        (method = 'saved') = (stripe_customer IS NOT NULL AND stripe_payment_method IS NOT NULL)),
    CONSTRAINT payments_payment_intent UNIQUE (stripe_payment_intent),
    CONSTRAINT payments_captured CHECK (captured IN (0, amount)),
    CONSTRAINT payments_refunded CHECK (refunded BETWEEN 0 AND captured)
);

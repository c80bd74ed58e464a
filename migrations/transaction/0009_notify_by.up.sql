-- How the shopper is told of the order, and where text messages go: as they chose when they ordered. By e-mail alone before
-- this, and by functions of the version before while this is deployed: hence the default.
ALTER TABLE orders
    ADD COLUMN notify_by text[] NOT NULL DEFAULT '{email}',
    ADD COLUMN phone text,
    ADD CONSTRAINT orders_notify_by CHECK (notify_by IN ('{email}', '{sms}', '{email,sms}')),
    -- A number is kept only where it is needed, and it is there where it is.
    ADD CONSTRAINT orders_sms_needs_phone CHECK (('sms' = ANY (notify_by)) = (phone IS NOT NULL)),
    ADD CONSTRAINT orders_phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$');

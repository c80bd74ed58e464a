-- How a customer is told of their orders. By text message only where they said so: when is kept, since consent has to be
-- shown. Nobody did before this.
ALTER TABLE users
    ADD COLUMN notify_by text[] NOT NULL DEFAULT '{email}',
    ADD COLUMN sms_consent_at timestamptz,
    ADD CONSTRAINT users_notify_by CHECK (notify_by IN ('{email}', '{sms}', '{email,sms}')),
    ADD CONSTRAINT users_sms_needs_consent CHECK (('sms' = ANY (notify_by)) = (sms_consent_at IS NOT NULL)),
    ADD CONSTRAINT users_sms_needs_phone CHECK (sms_consent_at IS NULL OR phone IS NOT NULL),
    -- A number may have an extension behind it, as in RFC 3966.
    DROP CONSTRAINT users_phone_is_e164,
    ADD CONSTRAINT users_phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}(;ext=[0-9]{1,20})?$');

ALTER TABLE addresses
    DROP CONSTRAINT addresses_phone_is_e164,
    ADD CONSTRAINT addresses_phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}(;ext=[0-9]{1,20})?$');

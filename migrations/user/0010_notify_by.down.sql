-- The release before knows no extensions: the number stays.
UPDATE users SET phone = split_part(phone, ';', 1) WHERE phone LIKE '%;%';
UPDATE addresses SET phone = split_part(phone, ';', 1) WHERE phone LIKE '%;%';

ALTER TABLE addresses
    DROP CONSTRAINT addresses_phone_is_e164,
    ADD CONSTRAINT addresses_phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$');

ALTER TABLE users
    DROP COLUMN notify_by,
    DROP COLUMN sms_consent_at,
    DROP CONSTRAINT users_phone_is_e164,
    ADD CONSTRAINT users_phone_is_e164 CHECK (phone ~ '^\+[1-9][0-9]{6,14}$');

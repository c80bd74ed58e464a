DROP TABLE stripe_event_cursor;

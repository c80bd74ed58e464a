DROP TABLE setup_declines;

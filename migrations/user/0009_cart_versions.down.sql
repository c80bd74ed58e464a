DROP TABLE cart_versions;

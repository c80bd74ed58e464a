DROP TABLE cart_clearings;
DROP TABLE carts;

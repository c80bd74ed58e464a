-- How the goods of a line were taxed. All goods were taxed at the standard rate before, and by functions of the version
-- before while this is deployed: hence the default.
ALTER TABLE order_lines ADD COLUMN tax_class text NOT NULL DEFAULT 'standard';
ALTER TABLE order_lines ADD CONSTRAINT order_lines_tax_class CHECK (tax_class IN ('standard', 'reduced', 'zero'));
ALTER TABLE order_lines ADD CONSTRAINT order_lines_zero_is_not_taxed CHECK (tax_class <> 'zero' OR tax = 0);

INSERT INTO products (id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at, idempotency_key) VALUES
	(1, 2, 3, 'Notebook', '', 400, 'EUR', 5, 5, '2026-11-27 12:11:24.799016+00', '2026-11-27 12:11:27.136728+00', NULL, 'product');
INSERT INTO reservations (purchase_id, product_id, quantity, status, created_at, updated_at) VALUES
	(1, 1, 2, 'confirmed', '2026-11-27 12:11:25.293311+00', '2026-11-27 12:11:25.604514+00'),
	(2, 1, 1, 'released', '2026-11-27 12:11:25.916695+00', '2026-11-27 12:11:26.473056+00');
INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES
	(1, '0001_products.sql', 'af712387ab688b0dc83d69b0d14aec757d3432bc1cf7187a6445fb80ea7bfd41', '2026-11-27 12:10:13.991921+00'),
	(2, '0002_reservations.sql', '9f195a26d3f0d9fe801edac1ec89312caf9e1d3c0d73268f79f494036c3fc53e', '2026-11-27 12:10:14.046499+00'),
	(3, '0003_schema_migrations.sql', 'c1368e524e77a9e00ad8d9f314eb189d985283e476efe5a5f991c7980e2345ec', '2026-11-27 12:10:14.089968+00');
SELECT pg_catalog.setval('products_id_seq', 1, true);

INSERT INTO users (id, username, username_key, email, email_key, role, version, created_at, deleted_at, off_sale) VALUES
	(2, 'bob', 'bob', 'bob@example.com', 'bob@example.com', 'member', 1, '2026-11-27 12:11:20.608835+00', NULL, false),
	(4, 'olga', 'olga', 'olga@example.com', 'olga@example.com', 'operator', 1, '2026-11-27 12:11:20.815955+00', NULL, false),
	(1, 'ada_lovelace', 'ada_lovelace', 'ada@example.com', 'ada@example.com', 'member', 2, '2026-11-27 12:11:20.444875+00', NULL, false),
	(3, 'cal', 'cal', NULL, NULL, 'member', 2, '2026-11-27 12:11:20.716701+00', '2026-11-27 12:11:27.356179+00', false);
INSERT INTO accounts (id, owner_id, name, currency, balance, held, minimum, status, version, created_at, entered_at) VALUES
	(1, 4, 'bank', 'EUR', -100000, 0, NULL, 'open', 1, '2026-11-27 12:11:21.272174+00', '2026-11-27 12:11:21.909697+00'),
	(3, 2, 'till', 'EUR', 2883, 0, 0, 'open', 11, '2026-11-27 12:11:21.571304+00', '2026-11-27 12:11:26.341596+00'),
	(2, 1, 'Renamed', 'EUR', 97117, 0, 0, 'open', 12, '2026-11-27 12:11:21.480249+00', '2026-11-27 12:11:26.341596+00'),
	(4, 3, 'Secret stash of Cal', 'EUR', 0, 0, 0, 'closed', 0, '2026-11-27 12:11:21.664478+00', '-infinity');
INSERT INTO api_keys (id, user_id, name, digest, read_only, created_at, expires_at, revoked_at) VALUES
	(1, 1, 'first', '\xce6a58d781aaf65b8bfb007e4fed177d53ff75476a8421b1c35aa4bf20682898', false, '2026-11-27 12:11:20.496754+00', NULL, NULL),
	(2, 2, 'first', '\x850a7c887c0ca5d63216b05c4eecee8904563da87d48f3926f7d8aff2ab1d3cd', false, '2026-11-27 12:11:20.625009+00', NULL, NULL),
	(4, 4, 'first', '\xdd9c305c655682929acc06e7526fc755f31365330b8deed1fa4d7c8cc8f66163', false, '2026-11-27 12:11:20.823407+00', NULL, NULL),
	(3, 3, 'first', '\x27e99a3e0d34f79cb4ca2979f37fa816ef1bb0c32dd3b68503d4798825382df7', false, '2026-11-27 12:11:20.721002+00', NULL, '2026-11-27 12:11:27.353906+00');
INSERT INTO holds (id, from_account_id, to_account_id, amount, description, status, expires_in, expires_at, created_by, created_at) VALUES
	(1, 2, 3, 700, NULL, 'captured', 3600, '2026-11-27 13:11:22.364265+00', 1, '2026-11-27 12:11:22.364265+00'),
	(2, 2, 3, 800, NULL, 'captured', 3600, '2026-11-27 13:11:22.444237+00', 1, '2026-11-27 12:11:22.444237+00'),
	(4, 2, 3, 950, NULL, 'captured', 3600, '2026-11-27 13:11:22.659582+00', 1, '2026-11-27 12:11:22.659582+00'),
	(3, 2, 3, 900, NULL, 'released', 3600, '2026-11-27 13:11:22.552145+00', 1, '2026-11-27 12:11:22.552145+00');
INSERT INTO transfers (id, from_account_id, to_account_id, amount, description, reverses_id, hold_id, created_by, created_at) VALUES
	(1, 1, 2, 100000, NULL, NULL, NULL, 4, '2026-11-27 12:11:21.909697+00'),
	(2, 2, 3, 1250, 'café 🍵', NULL, NULL, 1, '2026-11-27 12:11:22.01104+00'),
	(3, 2, 3, 500, NULL, NULL, 1, 2, '2026-11-27 12:11:22.884879+00'),
	(4, 2, 3, 800, NULL, NULL, 2, 2, '2026-11-27 12:11:23.093741+00'),
	(5, 2, 3, 950, NULL, NULL, 4, 2, '2026-11-27 12:11:23.291582+00'),
	(6, 2, 3, 11, NULL, NULL, NULL, 1, '2026-11-27 12:11:23.765743+00'),
	(7, 2, 3, 11, NULL, NULL, NULL, 1, '2026-11-27 12:11:23.765743+00'),
	(8, 2, 3, 11, NULL, NULL, NULL, 1, '2026-11-27 12:11:23.914279+00'),
	(9, 3, 2, 1250, NULL, 2, NULL, 2, '2026-11-27 12:11:24.221595+00'),
	(10, 2, 3, 600, 'Purchase 1', NULL, NULL, 1, '2026-11-27 12:11:25.523023+00'),
	(11, 2, 3, 300, 'Purchase 2', NULL, NULL, 1, '2026-11-27 12:11:26.098148+00'),
	(12, 3, 2, 300, 'Refund of purchase 2', 11, NULL, 2, '2026-11-27 12:11:26.341596+00');
INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at) VALUES
	(1, 1, 1, -100000, -100000, '2026-11-27 12:11:21.909697+00'),
	(2, 1, 1, 100000, 100000, '2026-11-27 12:11:21.909697+00'),
	(2, 2, 2, -1250, 98750, '2026-11-27 12:11:22.01104+00'),
	(3, 1, 2, 1250, 1250, '2026-11-27 12:11:22.01104+00'),
	(2, 3, 3, -500, 98250, '2026-11-27 12:11:22.884879+00'),
	(3, 2, 3, 500, 1750, '2026-11-27 12:11:22.884879+00'),
	(2, 4, 4, -800, 97450, '2026-11-27 12:11:23.093741+00'),
	(3, 3, 4, 800, 2550, '2026-11-27 12:11:23.093741+00'),
	(2, 5, 5, -950, 96500, '2026-11-27 12:11:23.291582+00'),
	(3, 4, 5, 950, 3500, '2026-11-27 12:11:23.291582+00'),
	(2, 6, 6, -11, 96489, '2026-11-27 12:11:23.765743+00'),
	(2, 7, 7, -11, 96478, '2026-11-27 12:11:23.765743+00'),
	(3, 5, 6, 11, 3511, '2026-11-27 12:11:23.765743+00'),
	(3, 6, 7, 11, 3522, '2026-11-27 12:11:23.765743+00'),
	(2, 8, 8, -11, 96467, '2026-11-27 12:11:23.914279+00'),
	(3, 7, 8, 11, 3533, '2026-11-27 12:11:23.914279+00'),
	(2, 9, 9, 1250, 97717, '2026-11-27 12:11:24.221595+00'),
	(3, 8, 9, -1250, 2283, '2026-11-27 12:11:24.221595+00'),
	(2, 10, 10, -600, 97117, '2026-11-27 12:11:25.523023+00'),
	(3, 9, 10, 600, 2883, '2026-11-27 12:11:25.523023+00'),
	(2, 11, 11, -300, 96817, '2026-11-27 12:11:26.098148+00'),
	(3, 10, 11, 300, 3183, '2026-11-27 12:11:26.098148+00'),
	(2, 12, 12, 300, 97117, '2026-11-27 12:11:26.341596+00'),
	(3, 11, 12, -300, 2883, '2026-11-27 12:11:26.341596+00');
INSERT INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, shown_account_ids, answer, created_at) VALUES
	(1, 'account', '\x97020b3dd31696f195b89890ae1b763033089cd645103aa8cf030d33325054aa', 'account', 2, NULL, '{"id": 2, "owner_id": 1, "name": "Kleingeld f\u00fcr Ada", "currency": "EUR", "balance": 0, "held": 0, "available": 0, "minimum": 0, "status": "open", "version": 0, "created_at": "2026-11-27T12:11:21.480249Z"}', '2026-11-27 12:11:21.500008+00'),
	(3, 'cal account', '\x32d8a71398289aca7d2b6b8693550cc6466d2e4ce3767032a685b6b4f9592478', 'account', 4, NULL, '{"id": 4, "owner_id": 3, "name": "Secret stash of Cal", "currency": "EUR", "balance": 0, "held": 0, "available": 0, "minimum": 0, "status": "open", "version": 0, "created_at": "2026-11-27T12:11:21.664478Z"}', '2026-11-27 12:11:21.673765+00'),
	(4, 'transfer of an operator', '\x95826b5186e2a2c7a8633e3a3d43425a8921d6dd57af69a3cb8169f14b3d436a', 'transfer', 1, '{1}', NULL, '2026-11-27 12:11:21.909697+00'),
	(1, 'transfer', '\xd03eeb4554e6d05026f1368228a446b7171f6f366c56fa028c68baa5e1c2e325', 'transfer', 2, '{2}', NULL, '2026-11-27 12:11:22.01104+00'),
	(1, 'refusal', '\x3f3ae530d664828e98ffd00b6c682403b2c2da6f076827d864b2c8ae588d8fa8', 'refusal', NULL, NULL, '{"code": "insufficient_funds", "detail": "Account 2 is short of 99901249 EUR in minor units.", "available": 98750, "shortfall": 99901249, "request_id": "0e04a783bf204591bcc9b6428663c48d"}', '2026-11-27 12:11:22.124514+00'),
	(1, 'hold', '\xde56e52ef58b54fac17cb7e8d559e6bec7b53e1bbc6f480f08aa2ec7b7fa09da', 'hold', 1, NULL, '{"id": 1, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 700, "description": null, "status": "active", "captured_amount": null, "transfer_id": null, "expires_in": 3600, "expires_at": "2026-11-27T13:11:22.364265Z", "created_at": "2026-11-27T12:11:22.364265Z"}', '2026-11-27 12:11:22.390541+00'),
	(1, 'hold 2', '\xab78570bc46c00a15979365c54dbac9d2a238420784a2b000ecd9eeb5df7840f', 'hold', 2, NULL, '{"id": 2, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 800, "description": null, "status": "active", "captured_amount": null, "transfer_id": null, "expires_in": 3600, "expires_at": "2026-11-27T13:11:22.444237Z", "created_at": "2026-11-27T12:11:22.444237Z"}', '2026-11-27 12:11:22.486635+00'),
	(1, 'hold 3', '\xcd6c84a9c07624ff87310d46e384f390ca2ae3faf7313318affe6ef02df17631', 'hold', 3, NULL, '{"id": 3, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 900, "description": null, "status": "active", "captured_amount": null, "transfer_id": null, "expires_in": 3600, "expires_at": "2026-11-27T13:11:22.552145Z", "created_at": "2026-11-27T12:11:22.552145Z"}', '2026-11-27 12:11:22.584284+00'),
	(1, 'hold 4', '\xb3205ff2ddf32aea10f903913623d7f98abfa13a737c92ded8d4eddbc5a28e3a', 'hold', 4, NULL, '{"id": 4, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 950, "description": null, "status": "active", "captured_amount": null, "transfer_id": null, "expires_in": 3600, "expires_at": "2026-11-27T13:11:22.659582Z", "created_at": "2026-11-27T12:11:22.659582Z"}', '2026-11-27 12:11:22.687991+00'),
	(2, 'capture', '\x88180f0c1ef3c1c1b679bc246a83e41b84536f523f5daf81d297a8fe9f033fe2', 'hold', 1, NULL, '{"id": 1, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 700, "description": null, "status": "captured", "captured_amount": 500, "transfer_id": 3, "expires_in": 3600, "expires_at": "2026-11-27T13:11:22.364265Z", "created_at": "2026-11-27T12:11:22.364265Z"}', '2026-11-27 12:11:22.917308+00'),
	(2, 'capture {}', '\xb56f615b80dc98ce0d40da7dee830c88b036a375a72cad8895cf96d29c8252f8', 'hold', 2, NULL, '{"id": 2, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 800, "description": null, "status": "captured", "captured_amount": 800, "transfer_id": 4, "expires_in": 3600, "expires_at": "2026-11-27T13:11:22.444237Z", "created_at": "2026-11-27T12:11:22.444237Z"}', '2026-11-27 12:11:23.119986+00'),
	(2, 'capture without a body', '\xc73d585ac29632256f3b7e1672125b9e0c5798a9bd191f80950e84a516928f55', 'hold', 4, NULL, '{"id": 4, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 950, "description": null, "status": "captured", "captured_amount": 950, "transfer_id": 5, "expires_in": 3600, "expires_at": "2026-11-27T13:11:22.659582Z", "created_at": "2026-11-27T12:11:22.659582Z"}', '2026-11-27 12:11:23.316104+00'),
	(2, 'release', '\x65cbbe9d39df6532462f5c823b8a49b7d2bfc826d8750794cae92ac78dacb7b5', 'hold', 3, NULL, '{"id": 3, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 900, "description": null, "status": "released", "captured_amount": null, "transfer_id": null, "expires_in": 3600, "expires_at": "2026-11-27T13:11:22.552145Z", "created_at": "2026-11-27T12:11:22.552145Z"}', '2026-11-27 12:11:23.499938+00'),
	(2, 'refused release', '\x65cbbe9d39df6532462f5c823b8a49b7d2bfc826d8750794cae92ac78dacb7b5', 'refusal', NULL, NULL, '{"code": "hold_not_active", "detail": "Hold 3 is released.", "request_id": "45fa1822d9d64342af9ff2e640c3e077"}', '2026-11-27 12:11:23.657552+00'),
	(1, 'batch', '\x386373d88c91dc49339c6e64d68584e2c5cd3534de26188dccd367729d164318', 'batch', NULL, NULL, '{"items": [{"id": 6, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 11, "description": null, "reverses_id": null, "hold_id": null, "balances": [{"account_id": 2, "balance": 96489, "version": 6}], "created_at": "2026-11-27T12:11:23.765743Z"}, {"id": 7, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 11, "description": null, "reverses_id": null, "hold_id": null, "balances": [{"account_id": 2, "balance": 96478, "version": 7}], "created_at": "2026-11-27T12:11:23.765743Z"}]}', '2026-11-27 12:11:23.818963+00'),
	(1, 'batch not atomic', '\xa523751d2a2d1a7ef32e9103cfab1e2cbd4aefe26a9b40e83c49264ad167057a', 'batch', NULL, NULL, '{"items": [{"status": 201, "transfer": {"id": 8, "from_account_id": 2, "to_account_id": 3, "currency": "EUR", "amount": 11, "description": null, "reverses_id": null, "hold_id": null, "balances": [{"account_id": 2, "balance": 96467, "version": 8}], "created_at": "2026-11-27T12:11:23.914279Z"}}, {"status": 422, "problem": {"type": "urn:folio:problem:insufficient_funds", "title": "Insufficient funds", "status": 422, "detail": "Account 2 is short of 999903533 EUR in minor units.", "instance": "/transfers/batch", "code": "insufficient_funds", "request_id": "765f75f3b61d4e98b9c953fec2cdf371", "available": 96467, "shortfall": 999903533}}]}', '2026-11-27 12:11:23.940015+00'),
	(1, 'refused batch', '\xf08397d9ad72ca523ed8640dbd3b88e2d99f6dc5c45e86368fef6b564218d4bb', 'refusal', NULL, NULL, '{"code": "insufficient_funds", "detail": "Account 2 is short of 999903544 EUR in minor units.", "available": 96456, "shortfall": 999903544, "index": 1, "request_id": "da6936ce5cfa47dbb0f7e67d4f747b4c"}', '2026-11-27 12:11:24.078195+00'),
	(2, 'reversal', '\xc345e9c865857f777bc5624a458715240153d53ff4bbbdefe824c7b8be5e150c', 'transfer', 9, '{3}', NULL, '2026-11-27 12:11:24.221595+00'),
	(1, 'post', '\xa1890d99b2693fdf1696ed1f3ee8fc55710bb0962be891d2dba19bfc1126b1bc', 'post', 1, NULL, '{"id": 1, "author": {"id": 1, "username": "ada"}, "title": "On folios", "content": "First words", "version": 1, "created_at": "2026-11-27T12:11:24.300835Z", "updated_at": "2026-11-27T12:11:24.300835Z"}', '2026-11-27 12:11:24.309839+00'),
	(1, 'deleted post', '\x80935d9c591e55622a5671d909954958bdd4a247d341ad4b73889248df1a69d0', 'post', 2, NULL, '{"id": 2, "author": {"id": 1, "username": "ada"}, "title": "Regretted", "content": "Regretted words", "version": 1, "created_at": "2026-11-27T12:11:24.392440Z", "updated_at": "2026-11-27T12:11:24.392440Z"}', '2026-11-27 12:11:24.432514+00'),
	(3, 'cal post', '\xc937207bad2cbb418c89032efc946db1b456a818fb7df594fa1ed2b1a4cb45c9', 'post', 3, NULL, '{"id": 3, "author": {"id": 3, "username": "cal"}, "title": "Secret title", "content": "Secret words of Cal", "version": 1, "created_at": "2026-11-27T12:11:24.497924Z", "updated_at": "2026-11-27T12:11:24.497924Z"}', '2026-11-27 12:11:24.51049+00'),
	(2, 'product', '\x23cb21ea00a25c974024f2196ca41d25d9db873f91a4df27f8228536b15c7f83', 'product', NULL, NULL, '{}', '2026-11-27 12:11:24.726652+00'),
	(2, 'refused product', '\xc572df8f046ec01fa5fade250a5e49e47c1d586a66d8e605eea0c2966c48e781', 'refusal', NULL, NULL, '{"code": "currency_mismatch", "detail": "Account 3 is in EUR.", "request_id": "8be4abff65294ba5b703e941927a752a"}', '2026-11-27 12:11:24.936694+00'),
	(1, 'purchase', '\x4252e0ec06b10bed2e9d5fc8def89445547b3ca50e3779f1053dca8d9150b593', 'purchase', 1, NULL, 'null', '2026-11-27 12:11:25.235982+00'),
	(1, 'purchase that is refunded', '\x817ddd6b7413c370b68f5df04c1183358fac33fa3748649eff8e8a35f3465e95', 'purchase', 2, NULL, 'null', '2026-11-27 12:11:25.819925+00'),
	(2, 'refund', '\x2fca842b2d9f2edb73f8e674904febdf7b0d037b6d70641b13a4dc80796113e5', 'purchase', 2, NULL, 'null', '2026-11-27 12:11:26.384096+00'),
	(2, 'refused refund', '\x2fca842b2d9f2edb73f8e674904febdf7b0d037b6d70641b13a4dc80796113e5', 'refusal', NULL, NULL, '{"code": "already_refunded", "detail": "Purchase 2 was refunded already.", "request_id": "fcc618f5299b48a692dfef513c7b6c07"}', '2026-11-27 12:11:26.699982+00');
INSERT INTO posts (id, author_id, title, content, version, created_at, updated_at) VALUES
	(1, 1, 'On folios', 'Second words', 2, '2026-11-27 12:11:24.300835+00', '2026-11-27 12:11:26.947993+00');
INSERT INTO purchases (id, buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id, status, reason, transfer_id, finished, leased_until, created_at, decided_at) VALUES
	(1, 1, 1, 2, 300, 600, 2, 3, 'completed', NULL, 10, true, '2026-11-27 12:11:40.188061+00', '2026-11-27 12:11:25.188063+00', '2026-11-27 12:11:25.572035+00'),
	(2, 1, 1, 1, 300, 300, 2, 3, 'refunded', NULL, 11, true, '2026-11-27 12:11:41.381864+00', '2026-11-27 12:11:25.812133+00', '2026-11-27 12:11:26.381865+00');
INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES
	(1, '0001_users.sql', 'b81bc77e100bbb10c1625deedd822cd3fabb8f63d302aceef4a77d3c8e7c5db3', '2026-11-27 12:10:11.842418+00'),
	(2, '0002_request_counts.sql', '48731a982bc3e760b6412be36999ca03833ae2c629647dfc55f248407bd607db', '2026-11-27 12:10:11.921526+00'),
	(3, '0003_posts.sql', 'a690831f7f41fe5359aef79ae0298faf5799ebd35bc5654161e030a5106bedc5', '2026-11-27 12:10:12.048932+00'),
	(4, '0004_accounts.sql', '333a57ca45cb2fdaab3974a572ea3a4da6ae97c822337ce474a26beb79efee52', '2026-11-27 12:10:12.159412+00'),
	(5, '0005_holds.sql', 'af19be56a64cee44a14a07867827b6815acf3758edb1f03f4fa8a8f84d00e891', '2026-11-27 12:10:12.254342+00'),
	(6, '0006_transfers.sql', '10884415eb07d0058b5e51c74cfac22cb1bfba2984cd1c759e0991136e4ae0a6', '2026-11-27 12:10:12.493613+00'),
	(7, '0007_purchases.sql', 'bd2500140336598df56bb361bc74da45459f2572ca4d2641079c5a653288bc13', '2026-11-27 12:10:12.674842+00'),
	(8, '0008_details.sql', '8bf1c1921248f766d20731cd9b97b4faeed7f4e5de2c9cd43c070af38e762e19', '2026-11-27 12:10:12.820067+00'),
	(9, '0009_idempotency_keys.sql', 'b375c88db781450334980ff61ddf4940895fb924b0a2ecf55f22e621ef863947', '2026-11-27 12:10:12.922103+00'),
	(10, '0010_audits.sql', '1a6db28517efcd7b0551ec00b8e88251edb2bbbb3d06db736850947fea5012bf', '2026-11-27 12:10:13.019583+00'),
	(11, '0011_leases.sql', '1ef8291bc30b9521241801e8f72b177415fd02b8416b5001e7bfab172a35aa50', '2026-11-27 12:10:13.092379+00'),
	(12, '0012_schema_migrations.sql', 'a4a3ef2ae920eb4b8e30b29cf28b839b3f3b654a1c7f81948bb52949f7d1eb97', '2026-11-27 12:10:13.130317+00');
SELECT pg_catalog.setval('accounts_id_seq', 4, true);
SELECT pg_catalog.setval('api_keys_id_seq', 4, true);
SELECT pg_catalog.setval('audits_id_seq', 1, false);
SELECT pg_catalog.setval('holds_id_seq', 4, true);
SELECT pg_catalog.setval('posts_id_seq', 3, true);
SELECT pg_catalog.setval('purchases_id_seq', 2, true);
SELECT pg_catalog.setval('transfers_id_seq', 12, true);
SELECT pg_catalog.setval('users_id_seq', 4, true);

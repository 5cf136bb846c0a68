// The README's walkthrough by a client with types from openapi-typescript: `node walkthrough.js ADDRESS OPERATOR_KEY`.

import assert from "node:assert/strict";

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./folio.js";

type Folio = Client<paths>;
type Problem = components["schemas"]["ProblemDetails"];
type Answer<Shown> = { data?: Shown; error?: Problem; response: Response };

const EUR = "EUR";

function connect(address: string, key?: string): Folio {
  const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  return createClient<paths>({ baseUrl: address, headers });
}

function shown<Shown>(answer: Answer<Shown>): Shown {
  if (answer.data === undefined) {
    throw new Error(`${answer.response.status} ${answer.error?.code}: ${answer.error?.detail}`);
  }
  return answer.data;
}

function refused(answer: Answer<unknown>, code: Problem["code"]): Problem {
  assert.equal(answer.error?.code, code);
  assert.equal(answer.error?.request_id, answer.response.headers.get("X-Request-Id"));
  return answer.error;
}

function once(key: string): { header: { "Idempotency-Key": string } } {
  return { header: { "Idempotency-Key": key } };
}

async function register(address: string, username: string): Promise<Folio> {
  const body = { username, email: `${username}@example.com` };
  return connect(address, shown(await connect(address).POST("/users", { body })).api_key);
}

async function openAccount(client: Folio, name: string): Promise<number> {
  return shown(await client.POST("/accounts", { body: { name, currency: EUR } })).id;
}

async function payAndPublish(address: string, operatorKey: string): Promise<void> {
  const [ada, bob] = [await register(address, "ada"), await register(address, "bob")];
  const bank = connect(address, operatorKey);
  assert.equal(shown(await ada.GET("/users/me")).username, "ada");

  const adas = await openAccount(ada, "Everyday");
  const bobs = await openAccount(bob, "Everyday");
  const world = await openAccount(bank, "Outside world");
  const path = { id: world };
  assert.equal(shown(await bank.PATCH("/accounts/{id}", { params: { path }, body: { minimum: null } })).minimum, null);

  const payIn = { from_account_id: world, to_account_id: adas, amount: 10_000, description: "Pay-in" };
  shown(await bank.POST("/transfers", { params: once("pay-in-1"), body: payIn }));
  const lunch = { from_account_id: adas, to_account_id: bobs, amount: 1_250, description: "Lunch" };
  const first = await ada.POST("/transfers", { params: once("lunch-1"), body: lunch });
  const again = await ada.POST("/transfers", { params: once("lunch-1"), body: lunch });
  const paid = shown(first);
  assert.equal(first.response.headers.get("Location"), `/transfers/${paid.id}`);
  assert.deepEqual(shown(again), paid);
  assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");
  const back = { from_account_id: bobs, to_account_id: adas, amount: 2_000 };
  const short = refused(await bob.POST("/transfers", { params: once("back-1"), body: back }), "insufficient_funds");
  assert.equal(short["shortfall"], 750);

  const bicycle = { from_account_id: adas, to_account_id: bobs, amount: 5_000, expires_in: 3_600 };
  const hold = shown(await ada.POST("/holds", { params: once("bicycle-1"), body: bicycle }));
  const account = shown(await ada.GET("/accounts/{id}", { params: { path: { id: adas } } }));
  assert.equal(account.available, 3_750);
  const capture = { ...once("bicycle-2"), path: { id: hold.id } };
  const captured = shown(await bob.POST("/holds/{id}/capture", { params: capture, body: { amount: 3_000 } }));
  assert.equal(captured.captured_amount, 3_000);
  const reverse = { ...once("lunch-2"), path: { id: paid.id } };
  assert.equal(shown(await bob.POST("/transfers/{id}/reversal", { params: reverse })).reverses_id, paid.id);
  const transfers = [adas, bobs].map((to) => ({ from_account_id: world, to_account_id: to, amount: 5 }));
  shown(await bank.POST("/transfers/batch", { params: once("interest-1"), body: { transfers } }));

  const entries = { path: { id: adas }, query: { limit: 1 } };
  const page = shown(await ada.GET("/accounts/{id}/entries", { params: entries }));
  assert(typeof page !== "string", "only a request for CSV gets text");
  assert.equal(page.items[0]?.balance_after, 7_005);
  assert.equal(shown(await bank.POST("/ops/audit")) instanceof Object, true);

  const post = { title: "Lunch", content: "Ada paid. A folio is a page of a ledger." };
  shown(await bob.POST("/posts", { body: post }));
  const found = shown(await connect(address).GET("/posts", { params: { query: { q: "ledger" } } }));
  assert.deepEqual(found.items.map((item) => item.title), ["Lunch"]);

  const notebook = { name: "Notebook", price: 700, currency: EUR, stock: 3, account_id: bobs };
  const product = shown(await bob.POST("/products", { body: notebook }));
  const two = { product_id: product.id, quantity: 2, account_id: adas };
  const bought = shown(await ada.POST("/purchases", { params: once("notebooks-1"), body: two }));
  refused(await ada.POST("/purchases", { params: once("notebooks-2"), body: two }), "out_of_stock");
  const refund = { ...once("notebooks-3"), path: { id: bought.id } };
  shown(await bob.POST("/purchases/{id}/refund", { params: refund }));
  const purchases = shown(await ada.GET("/purchases"));
  assert.deepEqual(purchases.items.map((purchase) => purchase.status), ["rejected", "refunded"]);
}

const [address, operatorKey] = process.argv.slice(2);
assert(address !== undefined && operatorKey !== undefined);
await payAndPublish(address, operatorKey);
console.log("completed");

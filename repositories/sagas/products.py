"""Products: stored in the catalog, while their keys, payee accounts and buyers are in the main database."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from repositories.api_keys import Caller
from repositories.idempotency_keys import Key
from repositories.ledger.accounts import judge_payee
from repositories.ledger.keys import Outcome, refuse, replay, run_keyed, store
from repositories.postgres import unit_of_work
from repositories.postgres.pools import Checkout, Pool
from repositories.postgres.statements import Connection
from repositories.preconditions import Precondition
from repositories.products import NewProduct, Product, ProductRepository, require_seller
from repositories.purchases import PurchaseRepository
from repositories.refusals import Refusal


async def read(pools: Mapping[str, Pool], id: int) -> Product | None:
    """Read a product, archived or not, on a connection that goes back to the pool at once."""
    async with pools["catalog"].checkout() as catalog:
        return await ProductRepository(catalog.connection).get(id=id)


async def read_as(pools: Mapping[str, Pool], id: int, caller: Caller | None) -> Product | None:
    """Read a product as the caller may see it: an archived one is visible to its seller, its buyers and operators."""
    product = await read(pools, id)
    if product is None or product.archived_at is None:
        return product
    if caller is None:
        return None
    if caller.operator or caller.user_id == product.seller_id:
        return product
    async with pools["main"].checkout() as main:
        bought = await PurchaseRepository(main.connection).has_bought(buyer_id=caller.user_id, product_id=id)
    return product if bought else None


async def put_up_for_sale(
    pools: Mapping[str, Pool], main: Checkout, *, product: NewProduct, key: Key | None, quota: int
) -> Outcome[Product]:
    """Claim the key and judge the payee account in main; then insert the product in the catalog, once for each key."""
    if key is None:
        refusal = await _judge(main.connection, product)
        claimed: Outcome[None] = Outcome(refusal)
    else:
        claimed = await run_keyed(main, partial(_claim, product=product, key=key), key=key, final=False)
    if isinstance(claimed.result, Refusal):
        return Outcome(claimed.result, claimed.replayed)
    await main.give_back()

    replayed = True

    async def insert(connection: Connection) -> Product | Refusal:
        nonlocal replayed
        row, inserted = await ProductRepository(connection).insert(
            product=product, key=None if key is None else key.key, quota=quota
        )
        replayed = replayed and not inserted  # a further run, after a lost COMMIT, may find the row of the first
        return row

    async with pools["catalog"].checkout() as catalog:
        row = await unit_of_work.run(catalog, insert, repeatable=key is not None)
    return Outcome(row, replayed)


async def change(
    pools: Mapping[str, Pool],
    main: Checkout,
    *,
    id: int,
    caller: Caller,
    changes: dict[str, Any],
    precondition: Precondition,
) -> Product | Refusal:
    """Change a product of the caller's. Purchases in progress keep the price at which they began."""
    await main.give_back()
    if "account_id" in changes:
        product = require_seller(await read(pools, id), id, caller.user_id)
        if isinstance(product, Refusal):
            return product
        await main.renew()
        refusal = await judge_payee(
            main.connection, account_id=changes["account_id"], currency=product.currency, owner_id=caller.user_id
        )
        if refusal is not None:
            return refusal
        await main.give_back()
    async with pools["catalog"].checkout() as catalog:
        return await unit_of_work.run(
            catalog,
            lambda connection: ProductRepository(connection).change(
                id=id, seller_id=caller.user_id, changes=changes, precondition=precondition
            ),
        )


async def archive(
    pools: Mapping[str, Pool], main: Checkout, *, id: int, caller: Caller, precondition: Precondition
) -> Refusal | None:
    """Take a product of the caller's off sale, for good."""
    await main.give_back()
    async with pools["catalog"].checkout() as catalog:
        return await unit_of_work.run(
            catalog,
            lambda connection: ProductRepository(connection).archive(
                id=id, seller_id=caller.user_id, precondition=precondition
            ),
        )


async def _claim(connection: Connection, *, product: NewProduct, key: Key) -> Outcome[None]:
    """Claim the key for the product. Keys are stored in main alone, so that one key never serves two requests."""
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    if (refusal := await _judge(connection, product)) is not None:
        return await refuse(connection, key, refusal)
    return await store(connection, key, kind="product", id=None, result=None, to_answer=lambda _: {})


async def _judge(connection: Connection, product: NewProduct) -> Refusal | None:
    return await judge_payee(
        connection, account_id=product.account_id, currency=product.currency, owner_id=product.seller_id
    )

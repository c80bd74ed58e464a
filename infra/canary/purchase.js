/**
 * A purchase up to the payment, as a guest makes it, and its cancellation. What asks for it brings `send`: the canary asks over the
 * network.
 *
 * @typedef {{ method: string, path: string, headers: Record<string, string>, body?: string }} Request
 * @typedef {{ status: number, body: string }} Answer
 * @typedef {{ sku?: string, currency: string, email: string, country: string }} Basket
 */
"use strict";

const { randomUUID } = require("node:crypto");

/** The step that failed, and the answer's status and problem; nothing else of the answer, which has tokens in it. */
class StepFailed extends Error {
  constructor(step, answer) {
    let type = "";
    try {
      type = JSON.parse(answer.body).type ?? "";
    } catch {
      type = "no JSON";
    }
    super(`${step}: ${answer.status} ${String(type).slice(0, 60)}`.trim());
    this.name = "StepFailed";
    this.step = step;
    this.status = answer.status;
  }
}

/**
 * @param {(request: Request) => Promise<Answer>} send
 */
function asker(send) {
  return async (step, wanted, method, path, { token, body, headers } = {}) => {
    const answer = await send({
      method,
      path,
      headers: {
        accept: "application/json",
        "user-agent": "bodega-canary",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.status !== wanted) {
      throw new StepFailed(step, answer);
    }
    return JSON.parse(answer.body);
  };
}

function check(step, holds, what) {
  if (!holds) {
    throw new Error(`${step}: ${what}`);
  }
}

/**
 * Cancels the order, whatever happened before. An order that could not be cancelled expires by itself; the error says so.
 */
async function cancel(ask, token, id) {
  const cancelled = await ask("cancel", 200, "POST", `/orders/${id}/cancel`, { token });
  check("cancel", cancelled.state === "cancelled", `the order is ${cancelled.state}`);
}

/** A variant that can be bought in the currency; undefined in a shop that has nothing to sell yet. */
async function somethingInStock(ask, currency) {
  const page = await ask("shelf", 200, "GET", "/products?in_stock=true&limit=20");
  const variants = page.items.flatMap((product) => product.variants ?? []);
  return variants.find(({ prices }) => prices.some((price) => price.currency === currency))?.sku;
}

/**
 * Buys one unit of the test product and cancels the order before it is paid. Without a product named, whatever
 * is in stock; undefined where that is nothing. Throws where a step does not end as it must; an order that was
 * made is cancelled all the same.
 *
 * @param {(request: Request) => Promise<Answer>} send
 * @param {Basket} basket
 * @param {{ idempotencyKey?: string }} [options]
 * @returns {Promise<{ order: string, total: { amount: number, currency: string } } | undefined>}
 */
async function purchase(send, basket, options = {}) {
  const ask = asker(send);

  const sku = basket.sku ?? (await somethingInStock(ask, basket.currency));
  if (sku === undefined) {
    return undefined;
  }
  const { items } = await ask("shelf", 200, "GET", `/products/variants?skus=${encodeURIComponent(sku)}`);
  check("shelf", Array.isArray(items) && items.some((item) => item.sku === sku), `${sku} is not on sale`);

  const { access_token: token } = await ask("guest", 201, "POST", "/auth/guest");
  check("guest", typeof token === "string" && token.length > 0, "no token");

  const lines = [{ sku, quantity: 1 }];
  const quote = await ask("quote", 200, "POST", "/quotes", {
    token,
    body: { currency: basket.currency, shipping_method: "standard", lines },
  });
  check("quote", quote.total?.amount > 0, "nothing to pay");

  const order = await ask("order", 201, "POST", "/orders", {
    token,
    headers: { "idempotency-key": options.idempotencyKey ?? randomUUID() },
    body: {
      lines,
      shipping_method: "standard",
      payment: { method: "client" },
      expected_total: quote.total,
      email: basket.email,
      shipping_address: {
        name: "Canary",
        line1: "1 Test Street",
        city: "London",
        postal_code: "SW1Y 4JH",
        country: basket.country,
      },
    },
  });
  try {
    check("order", order.state === "requires_action", `the order is ${order.state}`);
    check("order", order.total?.amount === quote.total.amount, "another total than the quote's");
    const read = await ask("read", 200, "GET", `/orders/${order.id}`, { token });
    check("read", read.id === order.id, "another order");
  } catch (error) {
    // The first failure is the one to tell.
    await cancel(ask, token, order.id).catch(() => {});
    throw error;
  }
  await cancel(ask, token, order.id);
  return { order: order.id, total: order.total };
}

module.exports = { purchase, StepFailed };

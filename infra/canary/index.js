/**
 * What CloudWatch Synthetics runs (syn-nodejs, without a browser): one purchase through the public door. A thrown error fails the run.
 */
"use strict";

const { purchase } = require("./purchase.js");

/** A checkout may take 25 s; the whole run has a minute. */
const TIMEOUT_MS = 28_000;

function setting(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set`);
  }
  return value;
}

/** Asks over the network; follows no redirect. */
function over(url) {
  return async ({ method, path, headers, body }) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers,
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: answer.status, body: await answer.text() };
  };
}

exports.handler = async () => {
  const { order, total } = await purchase(over(setting("SHOP")), {
    sku: setting("SKU"),
    currency: setting("CURRENCY"),
    email: setting("EMAIL"),
    country: setting("COUNTRY"),
  });
  // One line to find the order by; it has nothing personal in it.
  console.log(JSON.stringify({ message: "bought and cancelled", order, total }));
};

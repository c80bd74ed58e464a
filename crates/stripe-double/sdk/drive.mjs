// Drives every route of the double through Stripe's official library, and collects what it answers and posts.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as rest } from 'node:timers/promises';
import Stripe from 'stripe';

const SECRET_KEY = 'sk_test_sdk_check';
const WEBHOOK_SECRET = 'whsec_sdk_check';
const RETURN_URL = 'https://shop.example/return';
const PATIENCE_MS = 20_000;

/** A shop's endpoint for events; each is kept as it came. */
async function listen() {
  const posted = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    posted.push({ body: Buffer.concat(chunks).toString(), signature: request.headers['stripe-signature'] });
    response.writeHead(200).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { posted, server, url: `http://127.0.0.1:${server.address().port}/hooks` };
}

/** Starts the double; its first line says where it listens. */
async function start(binary, webhookUrl) {
  const env = {
    ...process.env,
    STRIPE_DOUBLE_PORT: '0',
    STRIPE_SECRET_KEY: SECRET_KEY,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_WEBHOOK_URL: webhookUrl,
  };
  const double = spawn(binary, [], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of double.stdout) {
    said += chunk;
    const address = said.match(/http:\/\/127\.0\.0\.1:(\d+)/);
    if (address) return { double, base: address[0], port: Number(address[1]) };
  }
  throw new Error(`the double ended before it listened: ${said}`);
}

/** The library, which keeps each answer as it was sent. */
function library(port, answers) {
  const keep = async (url, init) => {
    const response = await fetch(url, init);
    const body = await response.clone().json();
    answers.push({ method: init.method, path: new URL(url).pathname, status: response.status, body });
    return response;
  };
  return new Stripe(SECRET_KEY, {
    host: '127.0.0.1',
    port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(keep),
  });
}

/** An answer that must be an error of this class and code. */
async function refused(call, kind, code) {
  try {
    await call;
  } catch (error) {
    if (error.constructor.name === kind && error.code === code) return error;
    throw new Error(`expected ${kind} ${code}, got ${error.constructor.name} ${error.code}: ${error.message}`);
  }
  throw new Error(`expected ${kind} ${code}, got an answer`);
}

async function drive(stripe, play) {
  const customer = await stripe.customers.create({ email: 'ada@example.com', name: 'Ada', metadata: { user: '7' } });
  await stripe.customers.update(customer.id, {
    name: 'Ada L.',
    address: { city: 'London', country: 'GB', line1: '1 Mews', postal_code: 'W1' },
    metadata: { user: '8' },
  });
  await stripe.customers.retrieve(customer.id);
  await stripe.customers.list({ email: 'ada@example.com' });

  // Saved cards.
  const setup = { customer: customer.id, usage: 'on_session', automatic_payment_methods: { enabled: true } };
  const intent = await stripe.setupIntents.create(setup);
  await stripe.setupIntents.confirm(intent.id, { payment_method: 'pm_card_visa', return_url: RETURN_URL });
  const asked = await stripe.setupIntents.create({
    ...setup,
    payment_method: 'pm_card_threeDSecure2Required',
    confirm: true,
    return_url: RETURN_URL,
  });
  await play(`setup_intents/${asked.id}/authenticate`, { outcome: 'refuse' });
  await stripe.setupIntents.retrieve(asked.id, { expand: ['customer'] });
  await stripe.setupIntents.cancel(asked.id, { cancellation_reason: 'abandoned' });
  const other = await stripe.setupIntents.create({ ...setup, payment_method: 'pm_card_threeDSecure2Required' });
  await stripe.setupIntents.confirm(other.id, { use_stripe_sdk: true, return_url: RETURN_URL });
  await play(`setup_intents/${other.id}/authenticate`, { outcome: 'approve' });
  await refused(
    stripe.setupIntents.create({
      ...setup,
      payment_method: 'pm_card_chargeDeclinedInsufficientFunds',
      confirm: true,
      return_url: RETURN_URL,
    }),
    'StripeCardError',
    'card_declined',
  );
  await stripe.setupIntents.list({ customer: customer.id });
  const token = await stripe.paymentMethods.create({
    type: 'card',
    card: { token: 'tok_mastercard' },
    billing_details: { name: 'Ada L.' },
  });
  const saved = await stripe.paymentMethods.attach(token.id, { customer: customer.id });
  await stripe.paymentMethods.retrieve(saved.id, { expand: ['customer'] });
  await stripe.paymentMethods.list({ customer: customer.id, type: 'card' });
  await stripe.customers.listPaymentMethods(customer.id, { limit: 1 });
  const gone = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  await stripe.paymentMethods.detach(gone.id);

  // Payments in all their states.
  const amount = {
    amount: 2000,
    currency: 'usd',
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
  };
  const pay = (card, more = {}) =>
    stripe.paymentIntents.create({ ...amount, payment_method: card, confirm: true, ...more });
  const shipping = { name: 'Ada', address: { line1: '1 Mews', city: 'London', country: 'GB', postal_code: 'W1' } };
  const paid = await pay(saved.id, {
    customer: customer.id,
    description: 'Order 7',
    metadata: { order_id: '7' },
    receipt_email: 'ada@example.com',
    shipping,
    expand: ['latest_charge.balance_transaction', 'payment_method', 'customer'],
  });
  const open = await stripe.paymentIntents.create(amount);
  await stripe.paymentIntents.update(open.id, { amount: 1500, metadata: { order_id: '8' } });
  await refused(
    stripe.paymentIntents.confirm(open.id, { payment_method: 'pm_card_chargeDeclined' }),
    'StripeCardError',
    'card_declined',
  );
  await stripe.paymentIntents.retrieve(open.id, { expand: ['latest_charge'] });
  await stripe.paymentIntents.confirm(open.id, { payment_method: 'pm_card_visa' });
  const held = await pay('pm_card_visa', { capture_method: 'manual' });
  await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1200 });
  const canceled = await pay('pm_card_visa', { capture_method: 'manual' });
  await stripe.paymentIntents.cancel(canceled.id, { cancellation_reason: 'requested_by_customer' });
  for (const outcome of ['approve', 'refuse']) {
    const secure = await pay('pm_card_threeDSecure2Required');
    await play(`payment_intents/${secure.id}/authenticate`, { outcome });
    await stripe.paymentIntents.retrieve(secure.id);
  }
  await pay('pm_card_threeDSecure2Required', { return_url: RETURN_URL });
  await refused(
    stripe.paymentIntents.create({ ...amount, payment_method_types: ['card'] }),
    'StripeInvalidRequestError',
    'payment_method_types_no_longer_supported',
  );
  await refused(stripe.paymentIntents.retrieve('pi_none'), 'StripeInvalidRequestError', 'resource_missing');
  await stripe.paymentIntents.list({ customer: customer.id, limit: 3 });
  await stripe.paymentIntents.search({ query: "metadata['order_id']:'7'" });
  await stripe.charges.retrieve(paid.latest_charge.id, { expand: ['refunds'] });
  await stripe.charges.list({ limit: 100 });

  // Refunds.
  const refund = await stripe.refunds.create({
    payment_intent: paid.id,
    amount: 500,
    reason: 'requested_by_customer',
    metadata: { note: 'a' },
  });
  await stripe.refunds.update(refund.id, { metadata: { note: 'b' } });
  const failing = await stripe.refunds.create({ payment_intent: (await pay('pm_card_refundFail')).id });
  const pending = await stripe.refunds.create({ payment_intent: (await pay('pm_card_pendingRefund')).id });
  await play('clock', { advance_seconds: 60 });
  for (const [{ id }, expected] of [[failing, 'failed'], [pending, 'succeeded']]) {
    const now = await stripe.refunds.retrieve(id, { expand: ['balance_transaction', 'charge', 'payment_intent'] });
    if (now.status !== expected) throw new Error(`a refund is ${now.status} instead of ${expected}`);
  }
  await stripe.refunds.retrieve(failing.id, { expand: ['failure_balance_transaction'] });
  const waiting = await stripe.refunds.create({ payment_intent: (await pay('pm_card_pendingRefund')).id });
  await play(`refunds/${waiting.id}/settle`, { status: 'requires_action' });
  await stripe.refunds.cancel(waiting.id);
  await stripe.refunds.list({ payment_intent: paid.id });

  // Disputes.
  const disputeOf = async (card) => {
    const { id } = await pay(card);
    return (await stripe.disputes.list({ payment_intent: id })).data[0];
  };
  const won = await disputeOf('pm_card_createDispute');
  await stripe.disputes.update(won.id, {
    evidence: { uncategorized_text: 'winning_evidence' },
    metadata: { note: 'a' },
  });
  await play('clock', { advance_seconds: 5 });
  await stripe.disputes.retrieve(won.id, { expand: ['charge', 'payment_intent'] });
  const lost = await disputeOf('pm_card_createDisputeProductNotReceived');
  await stripe.disputes.close(lost.id);
  const inquiry = await disputeOf('pm_card_createDisputeInquiry');
  await stripe.disputes.update(inquiry.id, { evidence: { uncategorized_text: 'escalate_inquiry_evidence' } });
  await refused(
    stripe.refunds.create({ charge: lost.charge }),
    'StripeInvalidRequestError',
    'charge_disputed',
  );

  // The balance, what happened, and the end of a customer.
  const transactions = await stripe.balanceTransactions.list({ limit: 100, expand: ['data.source'] });
  await stripe.balanceTransactions.retrieve(transactions.data[0].id);
  await stripe.customers.del(customer.id);
  await stripe.customers.retrieve(customer.id);
  await stripe.paymentIntents.retrieve(paid.id, { expand: ['customer'] });
  const events = await stripe.events.list({ limit: 100 });
  await stripe.events.retrieve(events.data[0].id);
}

/** Waits until all events have been posted. */
async function settled(stripe, posted) {
  const ids = [];
  for await (const event of stripe.events.list({ limit: 100 })) ids.push(event.id);
  const started = Date.now();
  while (!ids.every((id) => posted.some(({ body }) => JSON.parse(body).id === id))) {
    if (Date.now() - started > PATIENCE_MS) throw new Error(`${posted.length} of ${ids.length} events were posted`);
    await rest(20);
  }
}

/** Each event that was posted is signed, and is not if it is altered. */
function verify(stripe, posted) {
  for (const { body, signature } of posted) {
    stripe.webhooks.constructEvent(body, signature, WEBHOOK_SECRET);
    for (const [altered, secret] of [[`${body} `, WEBHOOK_SECRET], [body, 'whsec_other']]) {
      try {
        stripe.webhooks.constructEvent(altered, signature, secret);
      } catch {
        continue;
      }
      throw new Error('an altered event counts as signed');
    }
  }
}

/** What the double answered and posted. */
export async function collect(binary) {
  const { posted, server, url } = await listen();
  const { double, base, port } = await start(binary, url);
  try {
    const answers = [];
    const stripe = library(port, answers);
    const play = async (path, body) => {
      const response = await fetch(`${base}/_double/${path}`, { method: 'POST', body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    };
    await drive(stripe, play);
    await settled(stripe, posted);
    // By the clock of the double, which was moved.
    verify(stripe, posted);
    return { answers, posted, version: Stripe.API_VERSION, library: Stripe.PACKAGE_VERSION, secret: WEBHOOK_SECRET };
  } finally {
    double.kill();
    server.close();
  }
}

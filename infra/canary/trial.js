/**
 * What CodeDeploy calls before a version of an HTTP function gets traffic. The service must be ready by its own word; then the canary's
 * purchase is made, its steps at this service by the new version, those at others by the shop as it is, once these are ready too: a database
 * that pauses takes a while to wake. CodeDeploy waits for the answer whatever becomes of this function, so each way out of it sends one.
 */
"use strict";

const { purchase } = require("./purchase.js");

/** A checkout may take 25 s. */
const TIMEOUT_MS = 28_000;

/** For all services together: Aurora wakes in about 15 s, after a day of rest in 30 (its guide, "Scaling to zero"), and for two of them at once. */
const WAIT_MS = 40_000;
const EVERY_MS = 2_000;

/** A request in API Gateway's payload format 2.0. */
function eventOf({ method, path, headers, body }, { secret, now, requestId }) {
  const [rawPath, rawQueryString = ""] = path.split("?");
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    headers: {
      ...headers,
      ...(secret ? { "x-origin-secret": secret, "cloudfront-viewer-address": "192.0.2.1:443" } : {}),
    },
    ...(rawQueryString ? { queryStringParameters: Object.fromEntries(new URLSearchParams(rawQueryString)) } : {}),
    requestContext: {
      accountId: "anonymous",
      apiId: "trial",
      domainName: "trial.invalid",
      domainPrefix: "trial",
      http: { method, path: rawPath, protocol: "HTTP/1.1", sourceIp: "192.0.2.1", userAgent: "bodega-trial" },
      requestId,
      routeKey: "$default",
      stage: "$default",
      time: new Date(now).toUTCString(),
      timeEpoch: now,
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: false,
  };
}

/** Asks a version of the function, and no alias. */
function byVersion(invoke, secret) {
  let number = 0;
  return async (request) => {
    number += 1;
    const event = eventOf(request, { secret, now: Date.now(), requestId: `trial-${number}` });
    const { functionError, payload } = await invoke(event);
    if (functionError) {
      throw new Error(`${request.method} ${request.path.split("?")[0]}: the function failed (${functionError})`);
    }
    const { statusCode, body = "", isBase64Encoded } = JSON.parse(payload);
    return { status: statusCode, body: isBase64Encoded ? Buffer.from(body, "base64").toString() : body };
  };
}

/** Asks the shop as it is. */
function overNetwork(url) {
  return async ({ method, path, headers, body }) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(`${url}${path}`, { method, headers, body, redirect: "manual", signal });
    return { status: answer.status, body: await answer.text() };
  };
}

/** Asks services whether they are ready until they are, each once; gives up when `WAIT_MS` were waited for all of them. */
function waiter({ now, sleep }) {
  let left = WAIT_MS;
  const ready = new Set();
  return async (service, send) => {
    while (!ready.has(service)) {
      const began = now();
      const { status } = await send({ method: "GET", path: `/health/${service}/ready`, headers: {} });
      if (status === 200) {
        ready.add(service);
      } else if (left <= 0) {
        throw new Error(`${service} is not ready: ${status}`);
      } else {
        await sleep(EVERY_MS);
        left -= now() - began;
      }
    }
  };
}

/**
 * @param {{ service: string, steps: Record<string, string>, basket: object, url: string }} settings `steps`: which service answers below which path
 * @param {{ invoke: (event: object) => Promise<{ functionError?: string, payload: string }>, now: () => number, sleep: (ms: number) => Promise<void> }} world
 * @param {string | undefined} secret
 */
async function tryVersion({ service, steps, basket, url }, world, secret) {
  const direct = byVersion(world.invoke, secret);
  const shop = overNetwork(url);
  const isReady = waiter(world);
  await isReady(service, direct);
  if (!Object.values(steps).includes(service)) {
    return undefined;
  }
  const below = ([prefix], path) => path === prefix || path.startsWith(`${prefix}/`);
  return purchase(async (request) => {
    const [path] = request.path.split("?");
    const owner = Object.entries(steps).find((step) => below(step, path))?.[1];
    const send = owner === service ? direct : shop;
    // Not before it is needed: a shop that has nothing to sell may have no checkout yet.
    if (owner !== undefined) {
      await isReady(owner, send);
    }
    return send(request);
  }, basket);
}

function setting(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set`);
  }
  return value;
}

/** With the SDK of the runtime, loaded when it is called: tests bring their own. */
async function clients() {
  const { LambdaClient, InvokeCommand } = require("@aws-sdk/client-lambda");
  const { CodeDeployClient, PutLifecycleEventHookExecutionStatusCommand } = require("@aws-sdk/client-codedeploy");
  const { SecretsManagerClient, GetSecretValueCommand } = require("@aws-sdk/client-secrets-manager");
  // A purchase that is sent twice by the client would be two.
  const lambda = new LambdaClient({ maxAttempts: 1 });
  const deployments = new CodeDeployClient({});
  const secrets = new SecretsManagerClient({});
  return {
    invoke: async (event) => {
      const answer = await lambda.send(
        new InvokeCommand({ FunctionName: setting("VERSION"), Payload: Buffer.from(JSON.stringify(event)) }),
      );
      return { functionError: answer.FunctionError, payload: Buffer.from(answer.Payload).toString() };
    },
    secret: async () => {
      const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: setting("ORIGIN_SECRET_ID") }));
      // While it is replaced there are two; each fits.
      return SecretString.split(",")[0].trim();
    },
    answer: (event, status) =>
      deployments.send(
        new PutLifecycleEventHookExecutionStatusCommand({
          deploymentId: event.DeploymentId,
          lifecycleEventHookExecutionId: event.LifecycleEventHookExecutionId,
          status,
        }),
      ),
    now: Date.now,
    sleep: (ms) => new Promise((over) => setTimeout(over, ms)),
  };
}

function settings() {
  return {
    service: setting("SERVICE"),
    steps: JSON.parse(setting("STEPS")),
    url: setting("SHOP"),
    basket: {
      ...(process.env.SKU ? { sku: process.env.SKU } : {}),
      currency: setting("CURRENCY"),
      email: setting("EMAIL"),
      country: setting("COUNTRY"),
    },
  };
}

/** The handler, with what it calls in place of AWS. */
function handlerOf(make) {
  return async (event) => {
    const { secret, answer, ...world } = await make();
    let status = "Failed";
    try {
      const bought = await tryVersion(settings(), world, await secret());
      status = "Succeeded";
      console.log(JSON.stringify({ message: "the version may have traffic", order: bought?.order ?? null }));
    } catch (error) {
      console.error(JSON.stringify({ level: "ERROR", message: "the version gets no traffic", error: error.message }));
    }
    await answer(event, status);
  };
}

exports.handler = handlerOf(clients);
exports.handlerOf = handlerOf;
exports.TIMEOUT_MS = TIMEOUT_MS;
exports.WAIT_MS = WAIT_MS;

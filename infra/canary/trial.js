/**
 * What CodeDeploy calls before a version of an HTTP function gets traffic. The service must be ready by its own word; then the canary's
 * purchase is made, its steps at this service by the new version, those at others by the shop as it is. CodeDeploy waits for
 * the answer whatever becomes of this function, so each way out of it sends one.
 */
"use strict";

const { purchase } = require("./purchase.js");

/** A checkout may take 25 s. */
const TIMEOUT_MS = 28_000;

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

/**
 * @param {{ service: string, prefixes: string[], basket: object, url: string }} settings
 * @param {(event: object) => Promise<{ functionError?: string, payload: string }>} invoke
 * @param {string | undefined} secret
 */
async function tryVersion({ service, prefixes, basket, url }, invoke, secret) {
  const direct = byVersion(invoke, secret);
  const ready = await direct({ method: "GET", path: `/health/${service}/ready`, headers: {} });
  if (ready.status !== 200) {
    throw new Error(`not ready: ${ready.status}`);
  }
  const shop = overNetwork(url);
  const isOwn = (path) => prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
  const send = (request) => (isOwn(request.path.split("?")[0]) ? direct(request) : shop(request));
  return prefixes.length === 0 ? undefined : purchase(send, basket);
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
  };
}

function settings() {
  return {
    service: setting("SERVICE"),
    prefixes: (process.env.PREFIXES ?? "").split(",").filter(Boolean),
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
    const { invoke, secret, answer } = await make();
    let status = "Failed";
    try {
      const bought = await tryVersion(settings(), invoke, await secret());
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

// Checks what the double answers with the types of Stripe's official library.
//
//   node check.mjs BINARY [ROUTES [EVENTS]]
//
// BINARY is the double; ROUTES its src/routes.rs, of which each route must have been driven; EVENTS a file that the posted
// events are written to. deviations.json lists what is known to be otherwise, each with its reason; an entry that no longer
// deviates is an error, too.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { collect } from './drive.mjs';

const HERE = import.meta.dirname;
const TYPES = {
  balance_transaction: 'BalanceTransaction',
  charge: 'Charge',
  customer: 'Customer',
  dispute: 'Dispute',
  event: 'Event',
  payment_intent: 'PaymentIntent',
  payment_method: 'PaymentMethod',
  refund: 'Refund',
  setup_intent: 'SetupIntent',
};

/** The objects in an answer: itself, those of a list, or those that an error shows. */
function objects({ body }) {
  if (body.error) return [body.error.payment_intent, body.error.setup_intent, body.error.payment_method].filter(Boolean);
  return body.object === 'list' || body.object === 'search_result' ? body.data : [body];
}

/** The library's type of an object; events have one for each kind. */
function typeOf(object) {
  if (object.deleted) return `Stripe.Deleted${TYPES[object.object]}`;
  if (object.object !== 'event') return `Stripe.${TYPES[object.object]}`;
  const words = object.type.split(/[._]/).map((word) => word[0].toUpperCase() + word.slice(1));
  return `Stripe.${words.join('')}Event`;
}

/** The routes in the source of the double, as `POST /v1/refunds/*`. */
function routes(source) {
  const found = [];
  for (const [name, method] of [['act', 'POST'], ['erase', 'DELETE'], ['read', 'GET']]) {
    const body = source.split(`fn ${name}(`)[1].split('\n}')[0];
    for (const [, parts] of body.matchAll(/^ +\[([^\]]+)\] =>/gm)) {
      const path = parts.split(', ').map((part) => (part.startsWith('"') ? JSON.parse(part) : '*')).join('/');
      if (!path.startsWith('*')) found.push(`${method} /v1/${path}`);
    }
  }
  const kinds = source.split('fn answers(')[1].split('\n}')[0];
  for (const [, kind] of kinds.matchAll(/^ +"(\w+)" => "\w+",/gm)) found.push(`GET /v1/${kind}/*`);
  if (found.length < 30) throw new Error('the routes could not be read');
  return found;
}

const isLike = (path, route) => {
  const [wanted, given] = [route.split('/'), path.split('/')];
  return wanted.length === given.length && wanted.every((part, place) => part === '*' || part === given[place]);
};

/** The routes that no call took. A place that any id fits does not stand for a word such as `search`. */
function undriven(all, answers) {
  const words = new Set(all.flatMap((route) => route.split('/')));
  const taken = (route) =>
    answers.some(({ method, path, status }) => {
      const parts = path.split('/');
      const isExact = route.split(' ')[1].split('/').every((part, place) => part !== '*' || !words.has(parts[place]));
      return status === 200 && isExact && isLike(`${method} ${path}`, route);
    });
  return all.filter((route) => !taken(route));
}

/** Where in its object a place of the file is: `data.object.evidence`. */
function path(node) {
  const names = [];
  for (let at = node; at && !ts.isVariableDeclaration(at); at = at.parent) {
    if (ts.isPropertyAssignment(at)) names.unshift(at.name.text ?? at.name.getText());
    else if (at.parent && ts.isArrayLiteralExpression(at.parent)) names.unshift('[]');
  }
  return names.join('.');
}

function nodeAt(file, position) {
  let found = file;
  const descend = (node) => {
    if (node.getStart(file) <= position && position < node.getEnd()) {
      found = node;
      ts.forEachChild(node, descend);
    }
  };
  descend(file);
  return found;
}

/** What does not fit its type, as `kind: path: why`. */
function deviations(written) {
  const folder = mkdtempSync(join(HERE, 'written-'));
  try {
    const file = join(folder, 'answers.ts');
    const lines = written.map(({ type, json }, place) => `export const o${place} = ${json} satisfies ${type};`);
    writeFileSync(file, `import Stripe from 'stripe';\n${lines.join('\n')}\n`);
    const options = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      types: ['node'],
      typeRoots: [join(HERE, 'node_modules/@types')],
    };
    const program = ts.createProgram([file], options);
    const source = program.getSourceFile(file);
    const found = new Map();
    for (const diagnostic of ts.getPreEmitDiagnostics(program)) {
      const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
      if (diagnostic.file !== source) throw new Error(`${diagnostic.file?.fileName}: ${message}`);
      const line = source.getLineAndCharacterOfPosition(diagnostic.start).line;
      const { type } = written[line - 1];
      const place = path(nodeAt(source, diagnostic.start));
      const why = message.split('\n').at(-1).trim();
      found.set(`${type}: ${place}: TS${diagnostic.code}`, why);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [binary, routesFile, eventsFile] = process.argv.slice(2);
const { answers, posted, version, library, secret } = await collect(binary);
const failures = [];

const written = new Map();
const events = posted.map(({ body }) => JSON.parse(body));
for (const object of [...answers.flatMap(objects), ...events]) {
  if (object.object === 'event' && object.api_version !== version) {
    failures.push(`the double plays ${object.api_version}, and stripe ${library} pins ${version}`);
  }
  const json = JSON.stringify(object);
  written.set(json, { type: typeOf(object), json });
}
const found = deviations([...written.values()]);
const known = JSON.parse(readFileSync(join(HERE, 'deviations.json'), 'utf8'));
for (const [what, why] of found) {
  if (!known[what]) failures.push(`deviates: ${what}\n    ${why}`);
}
for (const what of Object.keys(known)) {
  if (!found.has(what)) failures.push(`deviates no more, and is in deviations.json: ${what}`);
}
const kinds = new Set([...written.values()].map(({ type }) => type));
for (const kind of Object.values(TYPES)) {
  if (kind !== 'Event' && !kinds.has(`Stripe.${kind}`)) failures.push(`no ${kind} was answered`);
}
const all = routesFile ? routes(readFileSync(routesFile, 'utf8')) : [];
for (const route of undriven(all, answers)) failures.push(`not driven: ${route}`);
if (eventsFile) writeFileSync(eventsFile, JSON.stringify({ secret, posted }));

for (const failure of new Set(failures)) console.error(failure);
console.log(
  `stripe ${library} (${version}): ${answers.length} calls on ${all.length} routes, ${written.size} objects of ` +
    `${kinds.size} types, ${posted.length} signed events, ${Object.keys(known).length} known deviations, ` +
    `${new Set(failures).size} failures`,
);
process.exit(failures.length ? 1 : 0);

// node check.mjs SERVICE SIGNED
//
// SERVICE says whether notification-service takes a webhook (see service.mjs); SIGNED is a file with webhooks that our doubles
// signed. npm twilio signs for the service; @sendgrid/eventwebhook and sns-validator check what the doubles signed. Each
// webhook is tried as it is, which must be taken, and changed in each of several ways, which must be refused.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { taken } from './service.mjs';

const require = createRequire(import.meta.url);
const twilio = require('twilio/lib/webhooks/webhooks');
const { EventWebhook } = require('@sendgrid/eventwebhook');
const MessageValidator = require('sns-validator');

const [service, signed] = process.argv.slice(2);
const doubles = JSON.parse(readFileSync(signed, 'utf8'));
const wrong = [];
let checked = 0;

function expect(what, found, wanted) {
  checked += 1;
  if (found !== wanted) wrong.push(`${what}: ${found ? 'taken' : 'refused'}`);
}

// Twilio signs, the service checks.

const TOKEN = 'the token of the account';
const SHARED = 'the shared key of webhooks';
const URL = 'https://shop.example/webhooks/twilio';
const QUERY = '?event_id=01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d';
const FORMS = [
  { MessageSid: 'SM1', MessageStatus: 'delivered', To: '+442079460000', AccountSid: 'AC1' },
  { MessageSid: 'SM2', Body: 'Grüße, 5 € + "10 %" & more = \u{1f6d2}\r\n\t', From: '+491701234567', Empty: '' },
  { b: ['2', '1', '2'], B: '3', _a: '4', a: '5', '': 'nameless', 'ä': 'x' },
  {},
];
const JSONS = ['{"MessageSid": "SM1", "MessageStatus": "failed"}', '{}', '{"a":"Grüße €"}\r\n'];
const ports = (url) => [url, url.replace('shop.example', 'shop.example:443')];

const encode = (fields) => {
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
  return new URLSearchParams(pairs).toString();
};
const webhook = (algorithm, url, type, signature, body) => ({
  vendor: 'twilio', token: TOKEN, shared_key: SHARED, url, body,
  headers: {
    'content-type': type, [twilio.SIGNATURE_HEADER.toLowerCase()]: signature,
    ...(algorithm === twilio.HMAC_SHA256
      && { [twilio.SIGNATURE_SETTINGS_HEADER.toLowerCase()]: `key=webhooks_sharedkey_1,algorithm=${algorithm}` }),
  },
});
const cases = [];
for (const algorithm of [twilio.HMAC_SHA1, twilio.HMAC_SHA256]) {
  const key = algorithm === twilio.HMAC_SHA1 ? TOKEN : SHARED;
  for (const url of [URL, URL + QUERY]) {
    for (const fields of FORMS) {
      const form = (signedUrl, changed, secret = key) => webhook(algorithm, url, 'application/x-www-form-urlencoded',
        twilio.getExpectedTwilioSignature(secret, signedUrl, fields, algorithm), encode(changed));
      for (const signedUrl of ports(url)) {
        cases.push([`form ${encode(fields)} at ${signedUrl}`, form(signedUrl, fields), true]);
      }
      cases.push(['form with a field more', form(url, { ...fields, Extra: '1' }), false]);
      cases.push(['form signed for another address', form(url.replace('twilio', 'ses'), fields), false]);
      cases.push(['form signed by another key', form(url, fields, 'another'), false]);
    }
    for (const body of JSONS) {
      const hash = createHash('sha256').update(body).digest('hex');
      const hashed = `${url}${url.includes('?') ? '&' : '?'}bodySHA256=${hash}`;
      for (const signedUrl of ports(hashed)) {
        const signature = twilio.getExpectedTwilioSignature(key, signedUrl, {}, algorithm);
        const json = (text, at = hashed) => webhook(algorithm, at, 'application/json', signature, text);
        if (!twilio.validateRequestWithBody(key, signature, hashed, body, algorithm)) wrong.push('npm twilio refuses itself');
        cases.push([`JSON ${body}`, json(body), true]);
        cases.push(['JSON with a byte more', json(`${body} `), false]);
        cases.push(['JSON without its hash', json(body, url), false]);
      }
    }
  }
}
taken(service, cases.map(([, each]) => each)).forEach((is, at) => expect(`npm twilio, ${cases[at][0]}`, is, cases[at][2]));

// Our double signs as SendGrid does: its own library checks, and so does the service.

const events = new EventWebhook();
const key = events.convertPublicKeyToECDSA(doubles.sendgrid.key);
for (const { timestamp, signature, body } of doubles.sendgrid.cases) {
  const variants = [
    ['as it is', timestamp, body, true],
    ['a byte more', timestamp, `${body} `, false],
    ['without its last byte', timestamp, body.slice(0, -1), false],
    ['another time', String(Number(timestamp) + 1), body, false],
  ];
  const ours = taken(service, variants.map(([, at, text]) => ({
    vendor: 'sendgrid', key: doubles.sendgrid.key, body: text,
    headers: { 'x-twilio-email-event-webhook-signature': signature, 'x-twilio-email-event-webhook-timestamp': at },
  })));
  variants.forEach(([what, at, text, wanted], index) => {
    expect(`@sendgrid/eventwebhook, ${what}`, events.verifySignature(key, text, signature, at), wanted);
    expect(`our check of SendGrid, ${what}`, ours[index], wanted);
  });
}

// Our double signs as SNS does: a validator checks, which finds the certificate where the message says, and so does the service.

https.get = (url, callback) => {
  const answer = Readable.from([doubles.sns.certificate]);
  answer.statusCode = 200;
  callback(answer);
  return { on: () => {} };
};
const validator = new MessageValidator();
const validates = (message) => new Promise((resolve) => validator.validate({ ...message }, (error) => resolve(!error)));
for (const message of doubles.sns.messages) {
  const variants = [
    ['as it is', message, true],
    ['another text', { ...message, Message: `${message.Message} ` }, false],
    ['another id', { ...message, MessageId: 'm-9' }, false],
    ['another version', { ...message, SignatureVersion: message.SignatureVersion === '1' ? '2' : '1' }, false],
    ['another host', { ...message, SigningCertURL: 'https://sns.us-east-1.amazonaws.com.evil.example/a.pem' }, false],
  ];
  const { topic, certificate } = doubles.sns;
  const ours = taken(service, variants.map(([, each]) => ({ vendor: 'sns', topic, certificate, body: JSON.stringify(each) })));
  for (const [index, [what, each, wanted]] of variants.entries()) {
    const name = `${message.Type} of version ${message.SignatureVersion}, ${what}`;
    expect(`our check of SNS, ${name}`, ours[index], wanted);
    // sns-validator leaves the token out of what an UnsubscribeConfirmation is signed over, and so refuses real ones.
    const theirs = wanted && message.Type !== 'UnsubscribeConfirmation';
    expect(`sns-validator, ${name}`, await validates(each), theirs);
  }
}

if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
console.log(`npm twilio, @sendgrid/eventwebhook and sns-validator: ${checked} verdicts as expected`);

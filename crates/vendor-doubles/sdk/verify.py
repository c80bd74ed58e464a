"""verify.py SERVICE SIGNED: as check.mjs, with the PyPI packages twilio, which signs for the service, and sendgrid, which
checks what our double signed."""

import hashlib
import json
import subprocess
import sys
from urllib.parse import urlencode

from sendgrid.helpers.eventwebhook import EventWebhook
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator

SERVICE, SIGNED = sys.argv[1:]
TOKEN, SHARED = "the token of the account", "the shared key of webhooks"
URL = "https://shop.example/webhooks/twilio"
QUERY = "?event_id=01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Fields(dict):
    """A form in which a name may have several values."""

    def getlist(self, name):
        return self[name]


FORMS = [
    Fields(MessageSid=["SM1"], MessageStatus=["delivered"], To=["+442079460000"]),
    Fields(MessageSid=["SM2"], Body=['Grüße, 5 € + "10 %" & more = \U0001f6d2\r\n\t'], Empty=[""]),
    Fields({"b": ["2", "1", "2"], "B": ["3"], "_a": ["4"], "a": ["5"], "ä": ["x"]}),
]
BODIES = ['{"MessageSid": "SM1", "MessageStatus": "failed"}', '{"a":"Grüße €"}\r\n']


def webhook(algorithm, url, kind, signature, body):
    headers = {"content-type": kind, "x-twilio-signature": signature}
    if algorithm == HMAC_SHA256:
        headers["x-twilio-webhooks-signature-settings"] = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
    return {"vendor": "twilio", "token": TOKEN, "shared_key": SHARED, "url": url, "headers": headers, "body": body}


def twilio_cases():
    for algorithm, key in ((HMAC_SHA1, TOKEN), (HMAC_SHA256, SHARED)):
        validator = RequestValidator(key)
        for url in (URL, URL + QUERY):
            with_port = url.replace("shop.example", "shop.example:443")
            for fields in FORMS:
                for signed in (url, with_port):
                    signature = validator.compute_signature(signed, fields, algorithm)
                    form = urlencode(fields, doseq=True)
                    yield f"form {form} at {signed}", webhook(algorithm, url, FORM, signature, form), True
                    yield "form with a field more", webhook(algorithm, url, FORM, signature, form + "&x=1"), False
                    yield "form elsewhere", webhook(algorithm, url + "x", FORM, signature, form), False
            for body in BODIES:
                digest = hashlib.sha256(body.encode()).hexdigest()
                hashed = url + ("&" if "?" in url else "?") + "bodySHA256=" + digest
                signature = validator.compute_signature(hashed, {}, algorithm)
                assert validator.validate(hashed, body, signature, algorithm), "PyPI twilio refuses itself"
                yield f"JSON {body}", webhook(algorithm, hashed, JSON, signature, body), True
                yield "JSON with a byte more", webhook(algorithm, hashed, JSON, signature, body + " "), False


wrong = []
cases = list(twilio_cases())
lines = "".join(json.dumps(case) + "\n" for _, case, _ in cases)
answers = subprocess.run([SERVICE], input=lines, capture_output=True, text=True, check=True).stdout.split()
assert len(answers) == len(cases), f"{len(cases)} webhooks, {len(answers)} answers"
for (name, _, wanted), answer in zip(cases, answers):
    if (answer == "true") != wanted:
        wrong.append(f"PyPI twilio, {name}: {answer}")

checked = len(cases)
with open(SIGNED, encoding="utf-8") as file:
    double = json.load(file)["sendgrid"]
events = EventWebhook(double["key"])
for case in double["cases"]:
    at, body, signature = case["timestamp"], case["body"], case["signature"]
    for name, timestamp, text, wanted in (
        ("as it is", at, body, True),
        ("a byte more", at, body + " ", False),
        ("another time", str(int(at) + 1), body, False),
    ):
        checked += 1
        if events.verify_signature(text, signature, timestamp) != wanted:
            wrong.append(f"PyPI sendgrid, {name}: not {wanted}")

if wrong:
    sys.exit("\n".join(wrong))
print(f"PyPI twilio and sendgrid: {checked} verdicts as expected")

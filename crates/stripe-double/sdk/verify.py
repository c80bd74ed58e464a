"""Checks the signatures of the events that the double posted, with Stripe's official library.

    python verify.py EVENTS
"""

import json
import sys

import stripe


def is_signed(body: str, signature: str, secret: str) -> bool:
    try:
        stripe.Webhook.construct_event(body, signature, secret)
    except stripe.SignatureVerificationError:
        return False
    return True


with open(sys.argv[1], encoding="utf-8") as file:
    events = json.load(file)
secret, posted = events["secret"], events["posted"]
if not posted:
    sys.exit("no event was posted")
for event in posted:
    body, signature = event["body"], event["signature"]
    if not is_signed(body, signature, secret):
        sys.exit(f"not signed: {body[:80]}")
    if is_signed(body + " ", signature, secret) or is_signed(body, signature, "whsec_other"):
        sys.exit(f"an altered event counts as signed: {body[:80]}")
    if json.loads(body)["api_version"] != stripe.api_version:
        sys.exit(f"another version than {stripe.api_version}: {body[:80]}")
print(f"stripe {stripe.VERSION} of PyPI ({stripe.api_version}): {len(posted)} signed events")

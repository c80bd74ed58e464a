#!/usr/bin/env bash
# moto 5.2.5: `SendEmail` of SES v2 with a simple message that has a text and an HTML body.
# Expected: what moto shows of sent mails (/moto-api/data.json) has both bodies, and the headers.
# Seen: it has the HTML alone; the text, the headers and the tags are gone.
# Source: moto/sesv2/responses.py, send_email: `body = content_body["Html"]["Data"]`.
# Exits with 1 once both bodies are kept.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[ses]==5.2.5'
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import boto3
import moto
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

print("moto", moto.__version__)
with moto.mock_aws():
    client = boto3.client("sesv2")
    client.create_email_identity(EmailIdentity="shop@example.com")
    client.send_email(
        FromEmailAddress="shop@example.com",
        Destination={"ToAddresses": ["ada@example.com"]},
        Content={
            "Simple": {
                "Subject": {"Data": "Hello"},
                "Body": {"Text": {"Data": "the text"}, "Html": {"Data": "<p>the HTML</p>"}},
                "Headers": [{"Name": "X-Event", "Value": "the header"}],
            }
        },
    )
    [kept] = ses_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].sent_messages
    print("kept:", vars(kept))
    has = lambda words: words in str(vars(kept))
    sys.exit(0 if has("the HTML") and not has("the text") and not has("the header") else 1)
PYTHON

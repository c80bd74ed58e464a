#!/usr/bin/env bash
# moto 5.2.5: `TransactWriteItems` of DynamoDB copies the whole table, once for each item of the transaction, so that it can
# roll back.
# Expected: a transaction of three items takes about as long in a table of 3,000 items as in an empty one.
# Seen: it takes many times as long, growing with the table.
# Source: moto/dynamodb/models/__init__.py, transact_write_items: copy.deepcopy(self.tables[table_name]) in a loop.
# Exits with 1 once a transaction takes less than five times as long.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[dynamodb]==5.2.5'
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import time

import boto3
import moto

print("moto", moto.__version__)
with moto.mock_aws():
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def transact(name):
        items = [{"Put": {"TableName": "t", "Item": {"id": {"S": f"{name}-{nth}"}}}} for nth in range(3)]
        started = time.perf_counter()
        client.transact_write_items(TransactItems=items)
        return time.perf_counter() - started

    transact("warm-up")
    empty = min(transact(f"empty-{nth}") for nth in range(5))
    for nth in range(3000):
        client.put_item(TableName="t", Item={"id": {"S": str(nth)}, "text": {"S": "x" * 50}, "at": {"N": "1"}})
    full = min(transact(f"full-{nth}") for nth in range(5))
    print(f"three items into an empty table: {empty * 1000:.1f} ms; beside 3,000 items: {full * 1000:.1f} ms")
    sys.exit(0 if full > 5 * empty else 1)
PYTHON

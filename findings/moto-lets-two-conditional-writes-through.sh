#!/usr/bin/env bash
# moto 5.2.5, server mode: a condition of DynamoDB's `TransactWriteItems` is checked and its items are written in two steps,
# between which other threads of the server run.
# Expected: of several transactions at once that each put one item on the condition that it does not exist, one succeeds
# (DynamoDB's transactions are serializable).
# Seen: in some rounds two or more succeed.
# Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html (isolation levels);
# moto/dynamodb/models/__init__.py, transact_write_items, has no lock, and moto_server answers each request in a thread.
# Exits with 1 once no round of 200 has two winners.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server,dynamodb]==5.2.5' 'boto3==1.43.0'
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$folder/log" 2>&1 &
server=$!
PORT=$port timeout 300 "$folder/venv/bin/python" - <<'PYTHON'
import concurrent.futures
import os
import sys
import time
import urllib.request

import boto3
import moto
from botocore.config import Config
from botocore.exceptions import ClientError

print("moto", moto.__version__)
address = f"http://127.0.0.1:{os.environ['PORT']}"
for _ in range(300):
    try:
        urllib.request.urlopen(f"{address}/moto-api/").read()
        break
    except OSError:
        time.sleep(0.1)
client = boto3.client(
    "dynamodb",
    endpoint_url=address,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(max_pool_connections=16, retries={"total_max_attempts": 1}),
)
client.create_table(
    TableName="t",
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)


def claim(name):
    put = {"TableName": "t", "Item": {"id": {"S": name}}, "ConditionExpression": "attribute_not_exists(id)"}
    try:
        client.transact_write_items(TransactItems=[{"Put": put}])
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        return False


with concurrent.futures.ThreadPoolExecutor(16) as pool:
    for number in range(200):
        winners = sum(pool.map(claim, [f"round-{number}"] * 16))
        if winners > 1:
            print(f"round {number + 1}: {winners} of 16 transactions put the item that only one may put")
            sys.exit(0)
print("200 rounds of 16 transactions, and one winner in each")
sys.exit(1)
PYTHON

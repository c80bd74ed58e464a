"""moto as the shop at home needs it: all of AWS at the port that is given, on 127.0.0.1.

As it comes, moto copies a whole table for each item of a DynamoDB transaction, to be able to roll back: with some hundred
items a transaction takes longer than a request has. And it checks a condition and writes in two steps between which other
threads run, so that two of two callers claim what one may have. Here a transaction keeps only the items that it names, and
one call of DynamoDB is worked off after the other. What AWS answers is moto's own code.
"""

import copy
import os
import sys
import threading

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

moto_transact_write_items = DynamoDBBackend.transact_write_items


def transact_write_items(self, transact_items):
    kept = []
    for entry in transact_items:
        operation, named = next(iter(entry.items()))
        if operation != "ConditionCheck":
            table = self.get_table(named["TableName"])
            key = named["Item"] if operation == "Put" else named["Key"]
            value = DynamoType(key[table.hash_key_attr])
            kept.append((table, value, copy.deepcopy(table.items.get(value))))
    try:
        return moto_transact_write_items(self, transact_items)
    except Exception:
        for table, value, item in kept:
            if item is None:
                table.items.pop(value, None)
            else:
                table.items[value] = item
        raise


class Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, *arguments):
        pass


Table.__deepcopy__ = lambda self, memo: self
DynamoDBBackend.transact_write_items = transact_write_items
port = int(sys.argv[1])
# As moto_server does: addresses of queues have it in them.
os.environ["MOTO_PORT"] = str(port)
moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def application(environ, start_response):
    if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_"):
        return moto(environ, start_response)
    with one_at_a_time:
        return list(moto(environ, start_response))


run_simple("127.0.0.1", port, application, threaded=True, request_handler=Handler)

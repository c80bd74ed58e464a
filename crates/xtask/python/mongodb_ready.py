"""Waits until a MongoDB server takes writes. Usage: mongodb_ready.py ADDRESS SERVER"""

import sys
import time

import pymongo
from pymongo.errors import OperationFailure

NOT_YET_INITIALIZED = 94

address, server = sys.argv[1:]
client = pymongo.MongoClient(address, serverSelectionTimeoutMS=2000)
member = address.removeprefix("mongodb://").split("/")[0]


def join_replica_set() -> None:
    """A mongod starts as nobody's member; and one that ran on another port before no longer knows itself."""
    config = {"_id": "bodega", "version": 1, "members": [{"_id": 0, "host": member}]}
    try:
        known = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as failure:
        if failure.code != NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", config)
        return
    if known["members"][0]["host"] != member:
        config["version"] = known["version"] + 1
        client.admin.command("replSetReconfig", config, force=True)


client.admin.command("ping")
if server == "mongod":
    join_replica_set()
for _ in range(100):
    if client.admin.command("hello").get("isWritablePrimary"):
        sys.exit(0)
    time.sleep(0.1)
sys.exit("the server answers but takes no writes")

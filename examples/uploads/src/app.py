"""What happens to each upload, by functions that know nothing of each other."""

import hashlib
import json
import os
from urllib.parse import unquote_plus

import boto3

s3 = boto3.client("s3")


def count(event, context):
    """Through a queue of its own: what fails is tried again without anybody else hearing of it twice."""
    for record in event["Records"]:
        for body, key in uploads(json.loads(record["body"])):
            report(key, "count", {"words": len(body.split())})


def fingerprint(event, context):
    for record in event["Records"]:
        for body, key in uploads(record["Sns"]):
            report(key, "fingerprint", {"sha256": hashlib.sha256(body).hexdigest()})


def uploads(message):
    for record in json.loads(message["Message"]).get("Records", []):
        bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        yield s3.get_object(Bucket=bucket, Key=key)["Body"].read(), key


def report(key, name, found):
    s3.put_object(Bucket=os.environ["REPORTS"], Key=f"{key}/{name}.json", Body=json.dumps(found))

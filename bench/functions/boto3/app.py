"""Makes an SDK client as it is imported, as most functions do; `?wait` keeps the instance busy for a second."""
import time

import boto3

client = boto3.client("s3", region_name="us-east-1")


def handler(event, context):
    if "wait" in event.get("rawQueryString", ""):
        time.sleep(1)
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "hello"}

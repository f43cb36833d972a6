"""What answers requests."""

import base64
import json
import os
from urllib.parse import urlparse

import boto3

s3 = boto3.client("s3")
sqs = boto3.client("sqs")
BUCKET, QUEUE = os.environ["BUCKET"], os.environ["QUEUE"]


def handler(event, context):
    routes = {"PUT /{code}": shorten, "GET /{code}": follow, "GET /{code}/clicks": clicks}
    body = event.get("body", "")
    if event["isBase64Encoded"]:
        body = base64.b64decode(body).decode()
    return routes[event["routeKey"]](event["pathParameters"]["code"], body)


def shorten(code, url):
    if not urlparse(url).netloc:
        return {"statusCode": 400, "body": "the body must be a URL"}
    s3.put_object(Bucket=BUCKET, Key=f"links/{code}", Body=url)
    return {"statusCode": 201, "body": json.dumps({"code": code, "url": url})}


def follow(code, _):
    try:
        url = s3.get_object(Bucket=BUCKET, Key=f"links/{code}")["Body"].read().decode()
    except s3.exceptions.NoSuchKey:
        return {"statusCode": 404, "body": "no such link"}
    sqs.send_message(QueueUrl=QUEUE, MessageBody=code)
    return {"statusCode": 302, "headers": {"location": url}}


def clicks(code, _):
    # Each click is an object: none is lost where two are counted at once, and none counts twice.
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"clicks/{code}/")
    return {"statusCode": 200, "body": json.dumps({"clicks": sum(page["KeyCount"] for page in pages)})}

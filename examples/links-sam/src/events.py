"""What happens after the answers: clicks of the queue, and the clock."""

import os

import boto3

s3 = boto3.client("s3")


def count_click(event, context):
    for record in event["Records"]:
        s3.put_object(Bucket=os.environ["BUCKET"], Key=f"clicks/{record['body']}/{record['messageId']}", Body=b"")


def heartbeat(event, context):
    print("links are served", event["time"])

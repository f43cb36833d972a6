"""Links and clicks in a bucket; clicks to be counted in a queue."""

import boto3

s3, sqs = boto3.client("s3"), boto3.client("sqs")
BUCKET, QUEUE = "links-server", "link-clicks-server"


def write(code, url):
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=f"links/{code}", Body=url)


def read(code):
    try:
        return s3.get_object(Bucket=BUCKET, Key=f"links/{code}")["Body"].read().decode()
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        return None


def send(code):
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"], MessageBody=code)


def count(code, message):
    """Each click is an object: none is lost where two are counted at once, and none counts twice."""
    s3.put_object(Bucket=BUCKET, Key=f"clicks/{code}/{message}", Body=b"")


def clicks(code):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"clicks/{code}/")
    return sum(page["KeyCount"] for page in pages)

"""Links and clicks in a bucket; clicks to be counted in a topic."""

import boto3

s3, sns = boto3.client("s3"), boto3.client("sns")
BUCKET = "links-google-python"


def write(code, url):
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=f"links/{code}", Body=url)


def read(code):
    try:
        return s3.get_object(Bucket=BUCKET, Key=f"links/{code}")["Body"].read().decode()
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        return None


def publish(code):
    topic = sns.create_topic(Name="link-clicks-python")["TopicArn"]
    sns.publish(TopicArn=topic, Message=code)


def count(code, event):
    """Each click is an object: none is lost where two are counted at once, and none counts twice."""
    s3.put_object(Bucket=BUCKET, Key=f"clicks/{code}/{event}", Body=b"")


def clicks(code):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"clicks/{code}/")
    return sum(page["KeyCount"] for page in pages)

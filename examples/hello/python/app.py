"""Answers HTTP requests (payload format 2.0) and direct invocations alike."""

import os


def handler(event, context):
    name = (event.get("queryStringParameters") or event).get("name", "world")
    print("greeting", name)
    return {"message": f"{os.environ['GREETING']}, {name}", "from": "python", "request": context.aws_request_id}

"""The context object that handlers get."""

import json
import logging
import os
import sys
import time

from ebb_handler import Fault


class _Record:
    """An object with fixed attributes, filled from a JSON object; what is missing there is None."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        return "%s([%s])" % (
            type(self).__name__,
            ",".join("%s=%s" % (name, getattr(self, name)) for name in self.__slots__),
        )


class Client(_Record):
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]


class ClientContext(_Record):
    __slots__ = ["custom", "env", "client"]

    def __init__(self, values):
        super().__init__(values)
        if self.client is not None:
            self.client = Client(self.client)


class CognitoIdentity(_Record):
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self, values):
        self.cognito_identity_id = values.get("cognitoIdentityId")
        self.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")


class LambdaContext:
    """Source: the Lambda developer guide, "Using the Lambda context object to retrieve Python function information"."""

    def __init__(self, metadata):
        client_context = _parsed(metadata, "clientContext", "Client Context")
        identity = _parsed(metadata, "cognitoIdentity", "Cognito Identity")
        self.aws_request_id = metadata["requestId"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = metadata["functionArn"]
        self.tenant_id = metadata.get("tenantId")
        self._w3c = _trace_fields(client_context)
        self.client_context = ClientContext(client_context) if client_context is not None else None
        self.identity = CognitoIdentity(identity or {})
        self._epoch_deadline_time_in_ms = metadata["deadlineMs"]

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, msg):
        """One log event of exactly this text."""
        for handler in logging.getLogger().handlers:
            sink = getattr(handler, "log_sink", None)
            if sink is not None:
                sink.log(str(msg))
                return
        sys.stdout.write(str(msg))

    def w3c(self):
        """The W3C trace context that came with the client context."""
        return dict(self._w3c)

    def __repr__(self):
        shown = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return "LambdaContext([%s])" % ",".join("%s=%s" % (name, getattr(self, name)) for name in shown)


def _parsed(metadata, key, title):
    text = metadata.get(key)
    if not text:
        return None
    try:
        return json.loads(text)
    except Exception as error:
        raise Fault(
            "Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (title, error)
        ) from error


def _trace_fields(client_context):
    fields = client_context.pop("w3c", None) if isinstance(client_context, dict) else None
    if not isinstance(fields, dict):
        return {}
    names = ("traceparent", "tracestate", "baggage")
    return {name: fields[name] for name in names if isinstance(fields.get(name), str)}

package ebb.boot;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** The context object, and what hangs on it, as implementations of the interfaces that the function brings. */
final class LambdaContext {
    private LambdaContext() {}

    static Object of(Class<?> contextType, Map<?, ?> metadata, Log log) throws Exception {
        ClassLoader loader = contextType.getClassLoader();
        Object logger = logger(contextType.getMethod("getLogger").getReturnType(), log);
        Object clientContext = clientContext(contextType, parsed(metadata.get("clientContext"), "Client Context"));
        Map<?, ?> identity = parsed(metadata.get("cognitoIdentity"), "Cognito Identity");
        Map<String, Object> known = new HashMap<>();
        if (identity != null) {
            known.put("getIdentityId", identity.get("cognitoIdentityId"));
            known.put("getIdentityPoolId", identity.get("cognitoIdentityPoolId"));
        }
        Object identityObject = values(contextType.getMethod("getIdentity").getReturnType(), known);
        long deadline = ((Number) metadata.get("deadlineMs")).longValue();
        Map<String, Object> values = new HashMap<>();
        values.put("getAwsRequestId", metadata.get("requestId"));
        values.put("getLogGroupName", System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
        values.put("getLogStreamName", System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
        values.put("getFunctionName", System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
        values.put("getFunctionVersion", System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
        values.put("getInvokedFunctionArn", metadata.get("functionArn"));
        values.put("getMemoryLimitInMB", Integer.parseInt(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")));
        values.put("getLogger", logger);
        values.put("getClientContext", clientContext);
        values.put("getIdentity", identityObject);
        values.put("getTenantId", metadata.get("tenantId"));
        values.put("getXrayTraceId", metadata.get("traceId"));
        InvocationHandler plain = answering(values);
        return Proxy.newProxyInstance(loader, new Class<?>[] {contextType}, (proxy, method, arguments) -> {
            if (method.getName().equals("getRemainingTimeInMillis")) {
                return (int) Math.max(0, Math.min(Integer.MAX_VALUE, deadline - System.currentTimeMillis()));
            }
            return plain.invoke(proxy, method, arguments);
        });
    }

    private static Object logger(Class<?> type, Log log) {
        InvocationHandler rest = answering(Map.of());
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
            if (!method.getName().equals("log")) {
                return rest.invoke(proxy, method, arguments);
            }
            String message = arguments[0] instanceof byte[] bytes
                ? new String(bytes, StandardCharsets.UTF_8)
                : String.valueOf(arguments[0]);
            log.write(message, arguments.length > 1 ? String.valueOf(arguments[1]) : null);
            return null;
        });
    }

    private static Object clientContext(Class<?> contextType, Map<?, ?> json) throws Exception {
        if (json == null) {
            return null;
        }
        Class<?> type = contextType.getMethod("getClientContext").getReturnType();
        Map<String, Object> client = new HashMap<>();
        if (json.get("client") instanceof Map<?, ?> fields) {
            client.put("getInstallationId", fields.get("installation_id"));
            client.put("getAppTitle", fields.get("app_title"));
            client.put("getAppVersionName", fields.get("app_version_name"));
            client.put("getAppVersionCode", fields.get("app_version_code"));
            client.put("getAppPackageName", fields.get("app_package_name"));
        }
        Map<String, Object> values = new HashMap<>();
        values.put("getClient", client.isEmpty() ? null : values(type.getMethod("getClient").getReturnType(), client));
        values.put("getCustom", json.get("custom"));
        values.put("getEnvironment", json.get("env"));
        return values(type, values);
    }

    private static Object values(Class<?> type, Map<String, Object> values) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, answering(values));
    }

    /** Answers methods by name; others by their default, or with null. */
    private static InvocationHandler answering(Map<String, Object> values) {
        return (proxy, method, arguments) -> {
            String name = method.getName();
            if (method.getDeclaringClass() == Object.class) {
                return switch (name) {
                    case "equals" -> proxy == arguments[0];
                    case "hashCode" -> System.identityHashCode(proxy);
                    default -> proxy.getClass().getInterfaces()[0].getSimpleName() + values;
                };
            }
            if (!values.containsKey(name) && method.isDefault()) {
                return InvocationHandler.invokeDefault(proxy, method, arguments);
            }
            return values.get(name);
        };
    }

    private static Map<?, ?> parsed(Object text, String title) throws Failure.Reported {
        if (text == null) {
            return null;
        }
        try {
            return (Map<?, ?>) Json.parse(((String) text).getBytes(StandardCharsets.UTF_8));
        } catch (Json.SyntaxException | ClassCastException problem) {
            throw new Failure.Reported("Unable to parse " + title + " JSON", problem.getClass().getName(), problem);
        }
    }
}

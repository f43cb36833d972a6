package ebb.boot;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The function's method, and how to call it.
 *
 * <p>A handler is {@code package.Class} of one of Lambda's handler interfaces, or {@code package.Class::method}, whose
 * parameters are any of: an input, or an input and an output stream; then a context. Source: the Lambda developer
 * guide, "Define Lambda function handler in Java".
 */
final class Handler {
    private static final String API = "com.amazonaws.services.lambda.runtime.";

    private final Method method;
    private final Object target;
    private final Type[] parameters;
    private final Log log;
    private final Binding binding;

    private Handler(Class<?> type, Method method, Type[] parameters, Log log) throws Exception {
        this.method = method;
        this.parameters = parameters;
        this.log = log;
        method.setAccessible(true);
        target = Modifier.isStatic(method.getModifiers()) ? null : created(type);
        binding = Binding.forLoader(type.getClassLoader());
    }

    static Handler load(String name, ClassLoader loader, Log log) throws Exception {
        int colons = name.indexOf("::");
        String className = colons < 0 ? name : name.substring(0, colons);
        Class<?> type;
        try {
            type = Class.forName(className, true, loader);
        } catch (ClassNotFoundException absent) {
            throw new Failure.Reported("Class not found: " + className, absent.getClass().getName(), absent);
        }
        String wanted = colons < 0 ? null : name.substring(colons + 2);
        if (wanted == null || wanted.equals("handleRequest")) {
            Handler handler = ofInterface(type, log);
            if (handler != null) {
                return handler;
            }
        }
        if (wanted == null) {
            throw new Failure.Reported(
                "Class " + className + " does not implement an appropriate handler interface",
                "java.lang.IllegalArgumentException", null);
        }
        return ofMethod(type, wanted, log);
    }

    /** The answer's bytes. */
    byte[] call(byte[] event, Map<?, ?> metadata) throws Exception {
        Object[] values = new Object[parameters.length];
        ByteArrayOutputStream written = null;
        for (int i = 0; i < values.length; i++) {
            Class<?> raw = Binding.Beans.raw(parameters[i]);
            if (raw.getName().equals(API + "Context")) {
                values[i] = LambdaContext.of(raw, metadata, log);
            } else if (raw == InputStream.class) {
                values[i] = new ByteArrayInputStream(event);
            } else if (raw == OutputStream.class) {
                written = new ByteArrayOutputStream();
                values[i] = written;
            } else {
                values[i] = input(event, parameters[i]);
            }
        }
        Object answer;
        try {
            answer = method.invoke(target, values);
        } catch (InvocationTargetException thrown) {
            if (thrown.getCause() instanceof Exception problem) {
                throw problem;
            }
            throw thrown;
        }
        if (written != null) {
            return written.toByteArray();
        }
        if (method.getReturnType() == void.class) {
            return "null".getBytes(StandardCharsets.UTF_8);
        }
        try {
            return binding.write(answer);
        } catch (Exception problem) {
            throw new Failure.Reported(
                "An error occurred during JSON serialization of response", cause(problem).getClass().getName(),
                cause(problem));
        }
    }

    private Object input(byte[] event, Type type) throws Failure.Reported {
        try {
            return binding.read(event, type);
        } catch (Exception problem) {
            throw new Failure.Reported(
                "An error occurred during JSON parsing", cause(problem).getClass().getName(), cause(problem));
        }
    }

    private static Throwable cause(Throwable problem) {
        return problem instanceof InvocationTargetException && problem.getCause() != null ? problem.getCause() : problem;
    }

    /** A handler of one of the interfaces; null where the class implements none. */
    private static Handler ofInterface(Class<?> type, Log log) throws Exception {
        Map<TypeVariable<?>, Type> bindings = new HashMap<>();
        collect(type, bindings);
        Class<?> request = implemented(type, "RequestHandler");
        if (request != null) {
            Class<?> context = Class.forName(API + "Context", false, request.getClassLoader());
            Type input = resolved(request.getTypeParameters()[0], bindings);
            Method method = request.getMethod("handleRequest", Object.class, context);
            return new Handler(type, method, new Type[] {input, context}, log);
        }
        Class<?> stream = implemented(type, "RequestStreamHandler");
        if (stream != null) {
            Class<?> context = Class.forName(API + "Context", false, stream.getClassLoader());
            Type[] parameters = {InputStream.class, OutputStream.class, context};
            Method method = stream.getMethod("handleRequest", InputStream.class, OutputStream.class, context);
            return new Handler(type, method, parameters, log);
        }
        return null;
    }

    /** The method of that name that takes the most; one with a context before one without. */
    private static Handler ofMethod(Class<?> type, String name, Log log) throws Exception {
        List<Method> found = new ArrayList<>();
        for (Method method : type.getMethods()) {
            if (method.getName().equals(name) && !method.isBridge() && method.getParameterCount() <= 3) {
                found.add(method);
            }
        }
        Method method = found.stream()
            .max(Comparator.comparing(Handler::takesContext).thenComparing(Method::getParameterCount))
            .orElseThrow(() -> new Failure.Reported(
                "No public method named " + name + " with appropriate method signature found on class " + type.getName(),
                "java.lang.NoSuchMethodException", null));
        Map<TypeVariable<?>, Type> bindings = new HashMap<>();
        collect(type, bindings);
        Type[] parameters = Arrays.stream(method.getGenericParameterTypes())
            .map(parameter -> resolved(parameter, bindings))
            .toArray(Type[]::new);
        return new Handler(type, method, parameters, log);
    }

    private static boolean takesContext(Method method) {
        Class<?>[] types = method.getParameterTypes();
        return types.length > 0 && types[types.length - 1].getName().equals(API + "Context");
    }

    private static Class<?> implemented(Class<?> type, String name) {
        for (Class<?> current = type; current != null; current = current.getSuperclass()) {
            for (Class<?> parent : current.getInterfaces()) {
                Class<?> found = parent.getName().equals(API + name) ? parent : implemented(parent, name);
                if (found != null) {
                    return found;
                }
            }
        }
        return null;
    }

    /** What the type variables of all parents of a class stand for. */
    private static void collect(Type type, Map<TypeVariable<?>, Type> bindings) {
        Class<?> raw = Binding.Beans.raw(type);
        if (type instanceof ParameterizedType generic) {
            TypeVariable<?>[] variables = raw.getTypeParameters();
            for (int i = 0; i < variables.length; i++) {
                bindings.put(variables[i], generic.getActualTypeArguments()[i]);
            }
        }
        for (Type parent : raw.getGenericInterfaces()) {
            collect(parent, bindings);
        }
        if (raw.getGenericSuperclass() != null) {
            collect(raw.getGenericSuperclass(), bindings);
        }
    }

    private static Type resolved(Type type, Map<TypeVariable<?>, Type> bindings) {
        while (type instanceof TypeVariable<?> && bindings.containsKey(type)) {
            type = bindings.get(type);
        }
        if (type instanceof ParameterizedType generic) {
            Type[] arguments = Arrays.stream(generic.getActualTypeArguments())
                .map(argument -> resolved(argument, bindings))
                .toArray(Type[]::new);
            return new Resolved(generic.getRawType(), generic.getOwnerType(), arguments);
        }
        return type;
    }

    /** A generic type with its variables replaced. */
    private record Resolved(Type raw, Type owner, Type[] arguments) implements ParameterizedType {
        @Override
        public Type[] getActualTypeArguments() {
            return arguments.clone();
        }

        @Override
        public Type getRawType() {
            return raw;
        }

        @Override
        public Type getOwnerType() {
            return owner;
        }
    }

    private static Object created(Class<?> type) throws Exception {
        try {
            var constructor = type.getDeclaredConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        } catch (NoSuchMethodException absent) {
            throw new Failure.Reported(
                "Class " + type.getName() + " has no public zero-argument constructor", absent.getClass().getName(), absent);
        }
    }
}

package ebb.boot;

import java.io.ByteArrayOutputStream;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.temporal.TemporalAccessor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;

/**
 * JSON values to objects of a function's types, and back.
 *
 * <p>Where the function has Jackson, that does it, so that its annotations count. Else the usual conventions of beans
 * hold: setters and getters, public fields, records, enums by name; what is unknown is left out.
 */
interface Binding {
    Object read(byte[] event, Type type) throws Exception;

    byte[] write(Object answer) throws Exception;

    static Binding forLoader(ClassLoader loader) throws Exception {
        try {
            return new Jackson(loader);
        } catch (ClassNotFoundException absent) {
            return new Beans();
        }
    }

    /** The Jackson of the function, by reflection: the boot is compiled without it. */
    final class Jackson implements Binding {
        private final Object mapper;
        private final Method constructType;
        private final Method readValue;
        private final Method writeValue;

        Jackson(ClassLoader loader) throws Exception {
            Class<?> type = Class.forName("com.fasterxml.jackson.databind.ObjectMapper", true, loader);
            Class<?> javaType = Class.forName("com.fasterxml.jackson.databind.JavaType", true, loader);
            Class<?> feature = Class.forName("com.fasterxml.jackson.databind.DeserializationFeature", true, loader);
            mapper = type.getConstructor().newInstance();
            Object unknown = feature.getField("FAIL_ON_UNKNOWN_PROPERTIES").get(null);
            type.getMethod("configure", feature, boolean.class).invoke(mapper, unknown, false);
            constructType = type.getMethod("constructType", Type.class);
            readValue = type.getMethod("readValue", byte[].class, javaType);
            writeValue = type.getMethod("writeValueAsBytes", Object.class);
        }

        @Override
        public Object read(byte[] event, Type type) throws Exception {
            return readValue.invoke(mapper, event, constructType.invoke(mapper, type));
        }

        @Override
        public byte[] write(Object answer) throws Exception {
            return (byte[]) writeValue.invoke(mapper, answer);
        }
    }

    /** The conventions of beans, without a library. */
    final class Beans implements Binding {
        private static final int MAX_DEPTH = 500;

        @Override
        public Object read(byte[] event, Type type) throws Exception {
            return convert(Json.parse(event), type);
        }

        @Override
        public byte[] write(Object answer) throws Exception {
            return Json.print(plain(answer, 0));
        }

        private Object convert(Object value, Type type) throws Exception {
            if (type instanceof GenericArrayType array) {
                return convertArray(value, array.getGenericComponentType(), raw(array.getGenericComponentType()));
            }
            Class<?> raw = raw(type);
            if (value == null) {
                return raw.isPrimitive() ? Array.get(Array.newInstance(raw, 1), 0)
                    : raw == Optional.class ? Optional.empty() : null;
            }
            if (raw == Object.class) {
                return value;
            }
            if (raw == Optional.class) {
                return Optional.of(convert(value, argument(type, 0)));
            }
            if (raw == byte[].class && value instanceof String text) {
                return Base64.getDecoder().decode(text);
            }
            if (raw.isArray()) {
                return convertArray(value, raw.getComponentType(), raw.getComponentType());
            }
            if (Collection.class.isAssignableFrom(raw) || raw == Iterable.class) {
                return convertCollection(value, type, raw);
            }
            if (Map.class.isAssignableFrom(raw)) {
                return convertMap(value, type, raw);
            }
            Object scalar = convertScalar(value, raw);
            if (scalar != null) {
                return scalar;
            }
            if (value instanceof Map<?, ?> fields && !raw.isInterface()) {
                return raw.isRecord() ? convertRecord(fields, raw) : convertBean(fields, raw, type);
            }
            throw mismatch(value, raw);
        }

        private Object convertArray(Object value, Type component, Class<?> raw) throws Exception {
            List<?> items = list(value, raw);
            Object array = Array.newInstance(raw, items.size());
            for (int i = 0; i < items.size(); i++) {
                Array.set(array, i, convert(items.get(i), component));
            }
            return array;
        }

        private Object convertCollection(Object value, Type type, Class<?> raw) throws Exception {
            Collection<Object> collection = raw.isInterface() || Modifier.isAbstract(raw.getModifiers())
                ? Set.class.isAssignableFrom(raw) ? new LinkedHashSet<>()
                    : Queue.class.isAssignableFrom(raw) ? new ArrayDeque<>() : new ArrayList<>()
                : created(raw);
            for (Object item : list(value, raw)) {
                collection.add(convert(item, argument(type, 0)));
            }
            return collection;
        }

        private Object convertMap(Object value, Type type, Class<?> raw) throws Exception {
            if (!(value instanceof Map<?, ?> entries)) {
                throw mismatch(value, raw);
            }
            Map<Object, Object> map = !raw.isInterface() && !Modifier.isAbstract(raw.getModifiers()) ? created(raw)
                : raw.isAssignableFrom(LinkedHashMap.class) ? new LinkedHashMap<>() : cast(new TreeMap<>());
            for (Map.Entry<?, ?> entry : entries.entrySet()) {
                map.put(convert(entry.getKey(), argument(type, 0)), convert(entry.getValue(), argument(type, 1)));
            }
            return map;
        }

        /** Null where the class is none of those that one JSON value stands for. */
        private Object convertScalar(Object value, Class<?> raw) {
            if (raw.isInstance(value)) {
                return value;
            }
            String text = String.valueOf(value);
            boolean nested = value instanceof Map || value instanceof List;
            if (nested) {
                return null;
            }
            if (raw == String.class || raw == CharSequence.class) {
                return text;
            }
            if (raw == boolean.class || raw == Boolean.class) {
                return Boolean.valueOf(text);
            }
            if (raw == char.class || raw == Character.class) {
                return text.isEmpty() ? '\0' : text.charAt(0);
            }
            if (raw.isEnum()) {
                for (Object constant : raw.getEnumConstants()) {
                    if (((Enum<?>) constant).name().equals(text)) {
                        return constant;
                    }
                }
                throw mismatch(value, raw);
            }
            if (raw == UUID.class) {
                return UUID.fromString(text);
            }
            if (raw == Instant.class || raw == Date.class) {
                Instant instant = value instanceof Number number ? Instant.ofEpochMilli(number.longValue())
                    : Instant.parse(text);
                return raw == Date.class ? Date.from(instant) : instant;
            }
            return convertNumber(text, raw, value);
        }

        private Object convertNumber(String text, Class<?> raw, Object value) {
            if (!raw.isPrimitive() && !Number.class.isAssignableFrom(raw)) {
                return null;
            }
            BigDecimal number;
            try {
                number = new BigDecimal(text);
            } catch (NumberFormatException notANumber) {
                throw mismatch(value, raw);
            }
            return switch (raw.getSimpleName()) {
                case "int", "Integer" -> number.intValue();
                case "long", "Long" -> number.longValue();
                case "double", "Double" -> number.doubleValue();
                case "float", "Float" -> number.floatValue();
                case "short", "Short" -> number.shortValue();
                case "byte", "Byte" -> number.byteValue();
                case "BigInteger" -> number.toBigInteger();
                case "BigDecimal" -> number;
                default -> throw mismatch(value, raw);
            };
        }

        private Object convertRecord(Map<?, ?> fields, Class<?> raw) throws Exception {
            RecordComponent[] components = raw.getRecordComponents();
            Class<?>[] types = Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
            Object[] values = new Object[components.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = convert(fields.get(components[i].getName()), components[i].getGenericType());
            }
            var constructor = raw.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(values);
        }

        private Object convertBean(Map<?, ?> fields, Class<?> raw, Type type) throws Exception {
            Object bean = created(raw);
            for (Method method : raw.getMethods()) {
                String name = property(method.getName(), "set");
                if (name != null && method.getParameterCount() == 1 && fields.containsKey(name)) {
                    method.setAccessible(true);
                    method.invoke(bean, convert(fields.get(name), bound(method.getGenericParameterTypes()[0], type)));
                }
            }
            for (Field field : raw.getFields()) {
                int modifiers = field.getModifiers();
                if (!Modifier.isStatic(modifiers) && !Modifier.isFinal(modifiers) && fields.containsKey(field.getName())) {
                    field.setAccessible(true);
                    field.set(bean, convert(fields.get(field.getName()), bound(field.getGenericType(), type)));
                }
            }
            return bean;
        }

        /** Maps, lists, strings and numbers that stand for the value. */
        private Object plain(Object value, int depth) throws Exception {
            if (depth > MAX_DEPTH) {
                throw new IllegalArgumentException("the answer is nested deeper than " + MAX_DEPTH + ", or contains itself");
            }
            if (value == null || value instanceof String || value instanceof Boolean || value instanceof Number) {
                return value;
            }
            if (value instanceof Optional<?> optional) {
                return plain(optional.orElse(null), depth);
            }
            if (value instanceof byte[] bytes) {
                return Base64.getEncoder().encodeToString(bytes);
            }
            if (value instanceof Enum<?> constant) {
                return constant.name();
            }
            if (value instanceof Date date) {
                return date.getTime();
            }
            if (value instanceof Character || value instanceof CharSequence || value instanceof UUID
                || value instanceof TemporalAccessor) {
                return value.toString();
            }
            if (value instanceof ByteArrayOutputStream stream) {
                return Base64.getEncoder().encodeToString(stream.toByteArray());
            }
            if (value instanceof Map<?, ?> map) {
                Map<String, Object> plain = new LinkedHashMap<>();
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    plain.put(String.valueOf(plain(entry.getKey(), depth + 1)), plain(entry.getValue(), depth + 1));
                }
                return plain;
            }
            if (value instanceof Iterable<?> items) {
                List<Object> plain = new ArrayList<>();
                for (Object item : items) {
                    plain.add(plain(item, depth + 1));
                }
                return plain;
            }
            if (value.getClass().isArray()) {
                List<Object> plain = new ArrayList<>();
                for (int i = 0; i < Array.getLength(value); i++) {
                    plain.add(plain(Array.get(value, i), depth + 1));
                }
                return plain;
            }
            return plainBean(value, depth);
        }

        private Map<String, Object> plainBean(Object bean, int depth) throws Exception {
            Map<String, Object> plain = new TreeMap<>();
            Class<?> type = bean.getClass();
            if (type.isRecord()) {
                Map<String, Object> ordered = new LinkedHashMap<>();
                for (RecordComponent component : type.getRecordComponents()) {
                    component.getAccessor().setAccessible(true);
                    ordered.put(component.getName(), plain(called(component.getAccessor(), bean), depth + 1));
                }
                return ordered;
            }
            for (Method method : type.getMethods()) {
                String name = property(method.getName(), "get");
                if (name == null && (method.getReturnType() == boolean.class)) {
                    name = property(method.getName(), "is");
                }
                boolean getter = name != null && method.getParameterCount() == 0 && method.getReturnType() != void.class
                    && method.getDeclaringClass() != Object.class && !Modifier.isStatic(method.getModifiers());
                if (getter) {
                    method.setAccessible(true);
                    plain.put(name, plain(called(method, bean), depth + 1));
                }
            }
            for (Field field : type.getFields()) {
                if (!Modifier.isStatic(field.getModifiers())) {
                    field.setAccessible(true);
                    plain.put(field.getName(), plain(field.get(bean), depth + 1));
                }
            }
            return plain;
        }

        private static Object called(Method getter, Object bean) throws Exception {
            try {
                return getter.invoke(bean);
            } catch (InvocationTargetException thrown) {
                throw thrown.getCause() instanceof Exception cause ? cause : thrown;
            }
        }

        /** {@code getURLPath} is {@code urlpath}, as Jackson has it. */
        private static String property(String method, String prefix) {
            if (!method.startsWith(prefix) || method.length() == prefix.length()) {
                return null;
            }
            StringBuilder name = new StringBuilder(method.substring(prefix.length()));
            for (int i = 0; i < name.length() && Character.isUpperCase(name.charAt(i)); i++) {
                name.setCharAt(i, Character.toLowerCase(name.charAt(i)));
            }
            return name.toString();
        }

        @SuppressWarnings("unchecked")
        private static <T> T created(Class<?> raw) throws Exception {
            try {
                var constructor = raw.getDeclaredConstructor();
                constructor.setAccessible(true);
                return (T) constructor.newInstance();
            } catch (NoSuchMethodException absent) {
                throw new IllegalArgumentException(raw.getName() + " has no constructor without parameters", absent);
            }
        }

        @SuppressWarnings("unchecked")
        private static <T> T cast(Object value) {
            return (T) value;
        }

        private static List<?> list(Object value, Class<?> raw) {
            if (value instanceof List<?> list) {
                return list;
            }
            throw mismatch(value, raw);
        }

        private static IllegalArgumentException mismatch(Object value, Class<?> raw) {
            String kind = value instanceof Map ? "an object" : value instanceof List ? "an array" : "'" + value + "'";
            return new IllegalArgumentException("cannot make a " + raw.getName() + " of " + kind);
        }

        private static Type argument(Type type, int index) {
            Type[] all = type instanceof ParameterizedType generic ? generic.getActualTypeArguments() : new Type[0];
            return index < all.length ? all[index] : Object.class;
        }

        /** What a type variable of a generic bean stands for. */
        private static Type bound(Type type, Type owner) {
            if (type instanceof TypeVariable<?> variable && owner instanceof ParameterizedType generic) {
                int index = Arrays.asList(raw(owner).getTypeParameters()).indexOf(variable);
                return index < 0 ? Object.class : argument(generic, index);
            }
            return type;
        }

        static Class<?> raw(Type type) {
            if (type instanceof Class<?> raw) {
                return raw;
            }
            if (type instanceof ParameterizedType generic) {
                return raw(generic.getRawType());
            }
            if (type instanceof GenericArrayType array) {
                return Array.newInstance(raw(array.getGenericComponentType()), 0).getClass();
            }
            if (type instanceof WildcardType wildcard) {
                return raw(wildcard.getUpperBounds()[0]);
            }
            if (type instanceof TypeVariable<?> variable) {
                return raw(variable.getBounds()[0]);
            }
            return Object.class;
        }
    }
}

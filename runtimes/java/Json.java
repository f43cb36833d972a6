package ebb.boot;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON text to maps, lists, strings, numbers, booleans and null, and back. */
final class Json {
    private static final int MAX_DEPTH = 1000;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    static final class SyntaxException extends RuntimeException {
        private static final long serialVersionUID = 1;

        SyntaxException(String message) {
            super(message);
        }
    }

    static Object parse(byte[] bytes) {
        Json parser = new Json(new String(bytes, StandardCharsets.UTF_8));
        Object value = parser.value();
        parser.skipSpace();
        if (parser.at < parser.text.length()) {
            throw parser.unexpected();
        }
        return value;
    }

    static byte[] print(Object value) {
        StringBuilder out = new StringBuilder();
        print(value, out, 0);
        return out.toString().getBytes(StandardCharsets.UTF_8);
    }

    private Object value() {
        skipSpace();
        if (at >= text.length()) {
            throw new SyntaxException("Unexpected end of JSON at position " + at);
        }
        if (++depth > MAX_DEPTH) {
            throw new SyntaxException("JSON is nested deeper than " + MAX_DEPTH);
        }
        Object value = switch (text.charAt(at)) {
            case '{' -> object();
            case '[' -> array();
            case '"' -> string();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case 'n' -> word("null", null);
            default -> number();
        };
        depth--;
        return value;
    }

    private Map<String, Object> object() {
        Map<String, Object> map = new LinkedHashMap<>();
        at++;
        if (taken('}')) {
            return map;
        }
        do {
            skipSpace();
            if (at >= text.length() || text.charAt(at) != '"') {
                throw unexpected();
            }
            String key = string();
            if (!taken(':')) {
                throw unexpected();
            }
            map.put(key, value());
        } while (taken(','));
        if (!taken('}')) {
            throw unexpected();
        }
        return map;
    }

    private List<Object> array() {
        List<Object> list = new ArrayList<>();
        at++;
        if (taken(']')) {
            return list;
        }
        do {
            list.add(value());
        } while (taken(','));
        if (!taken(']')) {
            throw unexpected();
        }
        return list;
    }

    private String string() {
        int start = ++at;
        while (at < text.length() && text.charAt(at) != '"' && text.charAt(at) != '\\') {
            at++;
        }
        StringBuilder escaped = null;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '"') {
                String plain = text.substring(start, at++);
                return escaped == null ? plain : escaped.append(plain).toString();
            }
            if (c == '\\') {
                escaped = escaped == null ? new StringBuilder() : escaped;
                escaped.append(text, start, at);
                at++;
                escaped.append(escape());
                start = at;
            } else {
                at++;
            }
        }
        throw new SyntaxException("Unterminated string in JSON at position " + at);
    }

    private char escape() {
        if (at >= text.length()) {
            throw unexpected();
        }
        char c = text.charAt(at++);
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                try {
                    at += 4;
                    yield (char) Integer.parseInt(text, at - 4, at, 16);
                } catch (NumberFormatException | IndexOutOfBoundsException notHex) {
                    throw unexpected();
                }
            }
            default -> throw unexpected();
        };
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw unexpected();
        }
        at += word.length();
        return value;
    }

    private Object number() {
        int start = at;
        while (at < text.length() && "+-0123456789.eE".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String digits = text.substring(start, at);
        try {
            if (digits.chars().anyMatch(c -> c == '.' || c == 'e' || c == 'E')) {
                return Double.valueOf(digits);
            }
            BigInteger whole = new BigInteger(digits);
            return whole.bitLength() < 32 ? (Object) whole.intValue() : whole.bitLength() < 64 ? whole.longValue() : whole;
        } catch (NumberFormatException notANumber) {
            at = start;
            throw unexpected();
        }
    }

    private boolean taken(char expected) {
        skipSpace();
        boolean found = at < text.length() && text.charAt(at) == expected;
        at += found ? 1 : 0;
        return found;
    }

    private void skipSpace() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private SyntaxException unexpected() {
        return new SyntaxException(
            at < text.length()
                ? "Unexpected '" + text.charAt(at) + "' in JSON at position " + at
                : "Unexpected end of JSON at position " + at);
    }

    private static void print(Object value, StringBuilder out, int depth) {
        if (depth > MAX_DEPTH) {
            throw new IllegalArgumentException("the value is nested deeper than " + MAX_DEPTH + ", or contains itself");
        }
        if (value == null || value instanceof Boolean) {
            out.append(value);
        } else if (value instanceof Number number) {
            printNumber(number, out);
        } else if (value instanceof Map<?, ?> map) {
            char before = '{';
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                out.append(before);
                printString(String.valueOf(entry.getKey()), out);
                out.append(':');
                print(entry.getValue(), out, depth + 1);
                before = ',';
            }
            out.append(before == '{' ? "{}" : "}");
        } else if (value instanceof Iterable<?> items) {
            char before = '[';
            for (Object item : items) {
                out.append(before);
                print(item, out, depth + 1);
                before = ',';
            }
            out.append(before == '[' ? "[]" : "]");
        } else {
            printString(value.toString(), out);
        }
    }

    private static void printNumber(Number number, StringBuilder out) {
        if (number instanceof Double || number instanceof Float) {
            double value = number.doubleValue();
            out.append(Double.isFinite(value) ? number.toString() : "\"" + number + "\"");
        } else {
            out.append(number instanceof BigDecimal decimal ? decimal.toString() : number.toString());
        }
    }

    private static void printString(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < ' ') {
                        out.append(String.format("\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }
}

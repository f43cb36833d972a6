package ebb.boot;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What went wrong, as the caller's error object and as text for the log. */
record Failure(Throwable problem, String message, String type) {
    private static final int MAX_CAUSES = 32;

    /** A problem that the boot found itself, with a message for people and the type of the exception behind it. */
    static final class Reported extends Exception {
        private static final long serialVersionUID = 1;
        private final String type;

        Reported(String message, String type, Throwable cause) {
            super(message, cause);
            this.type = type;
        }
    }

    static Failure of(Throwable problem) {
        while (problem instanceof InvocationTargetException && problem.getCause() != null) {
            problem = problem.getCause();
        }
        if (problem instanceof Reported reported) {
            return new Failure(reported.getCause(), reported.getMessage(), reported.type);
        }
        return new Failure(problem, problem.getMessage(), problem.getClass().getName());
    }

    /** Whether the virtual machine can no longer be relied on. */
    boolean isFatal() {
        return problem instanceof VirtualMachineError && !(problem instanceof StackOverflowError);
    }

    Map<String, Object> object() {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("errorMessage", message);
        object.put("errorType", type);
        if (problem != null) {
            object.put("stackTrace", trace(problem));
            addCause(object, problem.getCause(), MAX_CAUSES);
        }
        return object;
    }

    String text() {
        StringWriter text = new StringWriter();
        text.write(message + ": " + type + "\n");
        if (problem != null) {
            problem.setStackTrace(frames(problem).toArray(new StackTraceElement[0]));
            problem.printStackTrace(new PrintWriter(text, true));
        }
        return text.toString();
    }

    private static void addCause(Map<String, Object> object, Throwable cause, int left) {
        if (cause == null || left == 0) {
            return;
        }
        Map<String, Object> inner = new LinkedHashMap<>();
        inner.put("errorMessage", cause.getMessage());
        inner.put("errorType", cause.getClass().getName());
        inner.put("stackTrace", trace(cause));
        addCause(inner, cause.getCause(), left - 1);
        object.put("cause", inner);
    }

    private static List<String> trace(Throwable problem) {
        return frames(problem).stream().map(StackTraceElement::toString).toList();
    }

    /** The frames above the boot's own, without the reflection between. */
    private static List<StackTraceElement> frames(Throwable problem) {
        List<StackTraceElement> frames = new ArrayList<>();
        for (StackTraceElement frame : problem.getStackTrace()) {
            if (frame.getClassName().startsWith("ebb.boot.")) {
                break;
            }
            frames.add(frame);
        }
        while (!frames.isEmpty() && isReflection(frames.get(frames.size() - 1).getClassName())) {
            frames.remove(frames.size() - 1);
        }
        return frames;
    }

    private static boolean isReflection(String name) {
        return name.startsWith("jdk.internal.reflect.") || name.startsWith("java.lang.reflect.");
    }
}

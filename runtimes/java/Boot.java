package ebb.boot;

import java.io.File;
import java.io.PrintStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.lang.reflect.Field;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The Java boot: takes on one function over the boot protocol (crates/boot) and feeds it events, one at a time.
 *
 * <p>Compiled once by the server ({@code javac -d CLASSES runtimes/java/*.java}) and run as
 * {@code java --add-opens java.base/java.io=ALL-UNNAMED --add-opens java.base/java.lang=ALL-UNNAMED
 * --add-opens java.base/java.util=ALL-UNNAMED -cp CLASSES ebb.boot.Boot}: the first lets it adopt the inherited
 * socket, the others let it add the function's variables to the environment of a virtual machine that already runs.
 * Functions get a class loader of their own and never see these classes.
 */
public final class Boot {
    private static final String LAYER_JARS = "/opt/java/lib";

    private final Wire wire;
    private final Log log;
    private Handler handler;

    private Boot(Wire wire, Log log) {
        this.wire = wire;
        this.log = log;
    }

    public static void main(String[] arguments) throws Exception {
        int descriptor = Integer.parseInt(System.getenv("EBB_BOOT_FD"));
        environment().remove("EBB_BOOT_FD");
        Wire wire = new Wire(descriptor);
        System.setOut(unbuffered(FileDescriptor.out));
        System.setErr(unbuffered(FileDescriptor.err));
        Map<String, Object> hello = new LinkedHashMap<>();
        hello.put("protocol", 1);
        hello.put("runtime", "java" + Runtime.version());
        wire.send(Wire.HELLO, 0, Json.print(hello));
        Wire.Frame start = wire.receive();
        if (start.kind() == Wire.SHUTDOWN) {
            return;
        }
        Map<?, ?> function = (Map<?, ?>) Json.parse(start.body());
        Map<String, String> environment = environment();
        ((Map<?, ?>) function.get("env")).forEach((name, value) -> environment.put((String) name, (String) value));
        Boot boot = new Boot(wire, new Log(wire));
        boot.initialise((String) function.get("handler"), (String) function.get("root"));
        boot.serve();
    }

    private void initialise(String name, String root) {
        try {
            ClassLoader loader = new URLClassLoader(classPath(root), ClassLoader.getPlatformClassLoader());
            Thread.currentThread().setContextClassLoader(loader);
            handler = Handler.load(name, loader, log);
        } catch (Throwable problem) {
            Failure failure = Failure.of(problem);
            log.failure(failure);
            wire.send(Wire.INIT_FAILED, 0, Json.print(failure.object()));
            System.exit(1);
        }
        wire.send(Wire.READY, 0, new byte[0]);
    }

    private void serve() {
        while (true) {
            Wire.Frame frame = wire.receive();
            if (frame.kind() == Wire.SHUTDOWN) {
                System.exit(0);
            }
            if (frame.kind() == Wire.INVOKE) {
                handle(frame);
            }
        }
    }

    private void handle(Wire.Frame frame) {
        byte[] body = frame.body();
        int end = 4 + ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN).getInt();
        Map<?, ?> metadata = (Map<?, ?>) Json.parse(Arrays.copyOfRange(body, 4, end));
        log.enter(frame.id(), (String) metadata.get("requestId"));
        // Where the X-Ray SDK for Java looks, from Java 17 on.
        System.setProperty("com.amazonaws.xray.traceHeader", String.valueOf(metadata.get("traceId")));
        try {
            byte[] answer = handler.call(Arrays.copyOfRange(body, end, body.length), metadata);
            flush();
            wire.send(Wire.RESPONSE, frame.id(), answer);
        } catch (Throwable problem) {
            Failure failure = Failure.of(problem);
            log.failure(failure);
            flush();
            wire.send(Wire.FAILURE, frame.id(), Json.print(failure.object()));
            if (failure.isFatal()) {
                System.exit(1);
            }
        }
    }

    private static void flush() {
        System.out.flush();
        System.err.flush();
    }

    private static PrintStream unbuffered(FileDescriptor descriptor) {
        return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
    }

    /** The package's classes, its jars, then those of layers; jars by name. */
    private static URL[] classPath(String root) throws MalformedURLException {
        List<URL> path = new ArrayList<>();
        path.add(new File(root + "/").toURI().toURL());
        for (String folder : List.of(root + "/lib", LAYER_JARS)) {
            File[] jars = new File(folder).listFiles((where, name) -> name.endsWith(".jar"));
            if (jars != null) {
                Arrays.sort(jars);
                for (File jar : jars) {
                    path.add(jar.toURI().toURL());
                }
            }
        }
        return path.toArray(new URL[0]);
    }

    /** The environment that {@link System#getenv} shows and children get, as a map that can be changed. */
    @SuppressWarnings("unchecked")
    private static Map<String, String> environment() throws ReflectiveOperationException {
        Field field = Class.forName("java.lang.ProcessEnvironment").getDeclaredField("theUnmodifiableEnvironment");
        field.setAccessible(true);
        Object readOnly = field.get(null);
        Field inner = readOnly.getClass().getDeclaredField("m");
        inner.setAccessible(true);
        return (Map<String, String>) inner.get(readOnly);
    }
}

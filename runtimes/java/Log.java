package ebb.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Sends log events, as text or as JSON. Source of the keys: the Lambda developer guide, "Log and monitor Java". */
final class Log {
    private static final List<String> LEVELS = List.of("UNDEFINED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL");

    private final Wire wire;
    private final boolean json = "JSON".equalsIgnoreCase(System.getenv("AWS_LAMBDA_LOG_FORMAT"));
    private final int least = level(System.getenv("AWS_LAMBDA_LOG_LEVEL"));
    private volatile int event;
    private volatile String requestId;

    Log(Wire wire) {
        this.wire = wire;
    }

    /** From now on, what is logged belongs to this event. */
    void enter(int event, String requestId) {
        this.event = event;
        this.requestId = requestId;
    }

    /** One event; the level is a name, or null where the function named none. */
    void write(String message, String levelName) {
        int level = level(levelName);
        if (!json) {
            send(message, level);
        } else if (level == 0 || level >= least) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("timestamp", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
            line.put("message", message);
            line.put("level", LEVELS.get(level));
            line.put("AWSRequestId", requestId);
            send(new String(Json.print(line), StandardCharsets.UTF_8), level);
        }
    }

    void failure(Failure failure) {
        write(failure.text(), "ERROR");
    }

    private void send(String message, int level) {
        ByteBuffer prefix = ByteBuffer.allocate(9).order(ByteOrder.LITTLE_ENDIAN);
        prefix.put((byte) level).putLong(System.currentTimeMillis());
        wire.send(Wire.LOG, event, prefix.array(), message.getBytes(StandardCharsets.UTF_8));
    }

    private static int level(String name) {
        return name == null ? 0 : Math.max(0, LEVELS.indexOf(name.toUpperCase()));
    }
}

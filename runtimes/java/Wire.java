package ebb.boot;

import java.io.BufferedInputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Frames over the inherited socket. Any thread may send; one receives. Ends the process when the server is gone. */
final class Wire {
    static final int START = 0x01;
    static final int INVOKE = 0x02;
    static final int SHUTDOWN = 0x04;
    static final int HELLO = 0x41;
    static final int READY = 0x42;
    static final int INIT_FAILED = 0x43;
    static final int RESPONSE = 0x44;
    static final int FAILURE = 0x45;
    static final int LOG = 0x49;

    private static final int HEADER_BYTES = 9;
    private static final int BUFFER_BYTES = 64 * 1024;

    record Frame(int kind, int id, byte[] body) {}

    private final InputStream in;
    private final OutputStream out;

    /** Adopts a descriptor. Children that Java starts inherit none above 2, so nothing else is to be done for those. */
    Wire(int number) throws ReflectiveOperationException {
        Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
        constructor.setAccessible(true);
        FileDescriptor descriptor = constructor.newInstance(number);
        in = new BufferedInputStream(new FileInputStream(descriptor), BUFFER_BYTES);
        out = new FileOutputStream(descriptor);
    }

    void send(int kind, int id, byte[]... parts) {
        int total = 0;
        for (byte[] part : parts) {
            total += part.length;
        }
        boolean small = total <= BUFFER_BYTES;
        ByteBuffer head = ByteBuffer.allocate(HEADER_BYTES + (small ? total : 0)).order(ByteOrder.LITTLE_ENDIAN);
        head.putInt(HEADER_BYTES - 4 + total).put((byte) kind).putInt(id);
        try {
            synchronized (out) {
                if (small) {
                    for (byte[] part : parts) {
                        head.put(part);
                    }
                    out.write(head.array());
                } else {
                    out.write(head.array());
                    for (byte[] part : parts) {
                        out.write(part);
                    }
                }
            }
        } catch (IOException gone) {
            Runtime.getRuntime().halt(1);
        }
    }

    Frame receive() {
        try {
            ByteBuffer head = ByteBuffer.wrap(exactly(HEADER_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
            int length = head.getInt();
            int kind = head.get();
            int id = head.getInt();
            return new Frame(kind, id, exactly(length - (HEADER_BYTES - 4)));
        } catch (IOException gone) {
            Runtime.getRuntime().halt(1);
            throw new AssertionError(gone);
        }
    }

    private byte[] exactly(int count) throws IOException {
        byte[] bytes = in.readNBytes(count);
        if (bytes.length < count) {
            throw new IOException("the server is gone");
        }
        return bytes;
    }
}

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Apache Kafka's tools one after the other in one process, over stdin and stdout.
 *
 * <p>Everything is a blob: four bytes of length, then the bytes. A question is the name of a main
 * class, the number of arguments (four bytes) and the arguments; the answer is the exit code (four
 * bytes), stdout and stderr.
 */
public final class Tools {
    private static final class Ended extends RuntimeException {
        private final int code;

        private Ended(int code) {
            super(null, null, false, false);
            this.code = code;
        }
    }

    public static void main(String[] args) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
        Exit.Procedure end =
                (code, message) -> {
                    throw new Ended(code);
                };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        while (true) {
            String name;
            try {
                name = text(in);
            } catch (EOFException over) {
                return;
            }
            String[] words = new String[in.readInt()];
            for (int i = 0; i < words.length; i++) {
                words[i] = text(in);
            }
            run(name, words, out);
        }
    }

    private static void run(String name, String[] words, DataOutputStream out) throws Exception {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        PrintStream complaints = new PrintStream(complained, true, StandardCharsets.UTF_8);
        System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
        System.setErr(complaints);
        int code = 0;
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) words);
        } catch (InvocationTargetException wrapped) {
            Throwable cause = wrapped.getCause();
            if (cause instanceof Ended) {
                code = ((Ended) cause).code;
            } else {
                code = 1;
                complaints.print("Exception in thread \"main\" ");
                cause.printStackTrace(complaints);
            }
        }
        System.out.flush();
        out.writeInt(code);
        write(out, said.toByteArray());
        write(out, complained.toByteArray());
        out.flush();
    }

    private static String text(DataInputStream in) throws IOException {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static void write(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Apache Kafka's tools one after the other in one process, over stdin and stdout.
 *
 * <p>Everything is a blob: four bytes of length, then the bytes. A question is the name of a main
 * class, what is on stdin, the number of arguments (four bytes) and the arguments; the answer is the
 * exit code (four bytes), stdout and stderr. What a tool would do when its process ends is done when
 * it ends.
 */
public final class Tools {
    /** Some tools catch whatever is thrown, this too, and end again: the first time counts. */
    private static final class Ended extends RuntimeException {
        private Ended() {
            super(null, null, false, false);
        }
    }

    private static final List<Runnable> HOOKS = new ArrayList<>();
    private static Integer exitCode;

    public static void main(String[] args) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
        Exit.Procedure end =
                (code, message) -> {
                    if (exitCode == null) {
                        exitCode = code;
                        System.out.flush();
                        System.setOut(new PrintStream(PrintStream.nullOutputStream()));
                    }
                    throw new Ended();
                };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        while (true) {
            String name;
            try {
                name = text(in);
            } catch (EOFException over) {
                return;
            }
            System.setIn(new ByteArrayInputStream(bytes(in)));
            String[] words = new String[in.readInt()];
            for (int i = 0; i < words.length; i++) {
                words[i] = text(in);
            }
            run(name, words, out);
        }
    }

    private static void run(String name, String[] arguments, DataOutputStream out) throws Exception {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        PrintStream complaints = new PrintStream(complained, true, StandardCharsets.UTF_8);
        PrintStream words = new PrintStream(said, true, StandardCharsets.UTF_8);
        System.setOut(words);
        System.setErr(complaints);
        exitCode = null;
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException wrapped) {
            Throwable cause = wrapped.getCause();
            if (exitCode == null) {
                exitCode = 1;
                complaints.print("Exception in thread \"main\" ");
                cause.printStackTrace(complaints);
            }
        }
        System.setOut(words);
        HOOKS.forEach(Runnable::run);
        HOOKS.clear();
        words.flush();
        out.writeInt(exitCode == null ? 0 : exitCode);
        write(out, said.toByteArray());
        write(out, complained.toByteArray());
        out.flush();
    }

    private static String text(DataInputStream in) throws IOException {
        return new String(bytes(in), StandardCharsets.UTF_8);
    }

    private static byte[] bytes(DataInputStream in) throws IOException {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return bytes;
    }

    private static void write(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}

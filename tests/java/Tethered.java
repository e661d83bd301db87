import java.io.FileInputStream;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;

/**
 * Runs another class's main and ends with its parent: file descriptor args[0] is the reading end
 * of a pipe whose other end only the parent holds, so it is closed however the parent dies.
 */
public final class Tethered {
    public static void main(String[] args) throws Throwable {
        Thread watcher = new Thread(() -> waitForParent(args[0]), "tether");
        watcher.setDaemon(true);
        watcher.start();
        String[] rest = Arrays.copyOfRange(args, 2, args.length);
        try {
            Class.forName(args[1]).getMethod("main", String[].class).invoke(null, (Object) rest);
        } catch (InvocationTargetException wrapped) {
            throw wrapped.getCause();
        }
    }

    private static void waitForParent(String descriptor) {
        try (InputStream pipe = new FileInputStream("/dev/fd/" + descriptor)) {
            pipe.read();
        } catch (java.io.IOException broken) {
            // The same as closed: nobody holds us any more.
        }
        Runtime.getRuntime().halt(143);
    }
}

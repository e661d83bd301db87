import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * Lets Apache Kafka's generated message classes judge ours, over stdin and stdout.
 *
 * <p>Everything is a blob: four bytes of length, then the bytes. A question is a name, two versions
 * (four bytes each), a body and a JSON text. With an empty JSON text the answer is the schema of
 * the first version; otherwise body and JSON text are of the first version, and the answer is what
 * the body says as JSON of the second version, the body written anew, and the JSON text as bytes.
 * Before each answer stands a blob with what went wrong, empty when nothing did.
 */
public final class Oracle {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> NAMES =
            List.of(
                    "org.apache.kafka.common.message.%sData",
                    "org.apache.kafka.common.message.%s",
                    "org.apache.kafka.common.metadata.%s",
                    "org.apache.kafka.coordinator.group.generated.%s",
                    "org.apache.kafka.coordinator.transaction.generated.%s",
                    "org.apache.kafka.coordinator.share.generated.%s",
                    "org.apache.kafka.server.log.remote.metadata.storage.generated.%s");

    public static void main(String[] args) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
        while (true) {
            String name;
            try {
                name = new String(blob(in));
            } catch (EOFException end) {
                return;
            }
            short version = (short) in.readInt();
            short saidIn = (short) in.readInt();
            byte[] body = blob(in);
            byte[] json = blob(in);
            try {
                byte[][] answer =
                        json.length == 0
                                ? schema(name, version)
                                : judge(name, version, saidIn, body, json);
                write(out, new byte[0]);
                for (byte[] part : answer) {
                    write(out, part);
                }
            } catch (InvocationTargetException wrapped) {
                write(out, wrapped.getCause().toString().getBytes());
            } catch (Exception error) {
                write(out, error.toString().getBytes());
            }
            out.flush();
        }
    }

    private static byte[][] schema(String name, short version) throws Exception {
        Class<?> found = find(name);
        short lowest = found.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
        short highest = found.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
        Schema[] schemas = (Schema[]) found.getField("SCHEMAS").get(null);
        ObjectNode answer = JSON.createObjectNode();
        answer.put("lowest", lowest).put("highest", highest);
        answer.set("fields", fields(schemas[version]));
        return new byte[][] {JSON.writeValueAsBytes(answer)};
    }

    private static byte[][] judge(
            String name, short version, short saidIn, byte[] body, byte[] json) throws Exception {
        Class<?> found = find(name);
        Class<?> converter = Class.forName(found.getName() + "JsonConverter");
        ApiMessage decoded = (ApiMessage) found.getConstructor().newInstance();
        ByteBuffer buffer = ByteBuffer.wrap(body);
        decoded.read(new ByteBufferAccessor(buffer), version);
        if (buffer.hasRemaining()) {
            throw new IOException(buffer.remaining() + " bytes are left over");
        }
        // false: of records only their size, because true says nothing of them at all.
        Object said =
                converter
                        .getMethod("write", found, short.class, boolean.class)
                        .invoke(null, decoded, saidIn, false);
        JsonNode text = JSON.readTree(json);
        Object built =
                converter
                        .getMethod("read", JsonNode.class, short.class)
                        .invoke(null, text, version);
        return new byte[][] {
            JSON.writeValueAsBytes(said),
            encode(decoded, version),
            encode((ApiMessage) built, version)
        };
    }

    private static byte[] encode(ApiMessage message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return buffer.array();
    }

    private static Class<?> find(String name) throws ClassNotFoundException {
        for (String pattern : NAMES) {
            try {
                return Class.forName(String.format(pattern, name));
            } catch (ClassNotFoundException next) {
                // It may be in another package.
            }
        }
        throw new ClassNotFoundException("Apache Kafka has no message " + name);
    }

    /** A list of [name, type], or [name, type, fields] for structs, and tags as [tag, …]. */
    private static ArrayNode fields(Schema schema) {
        ArrayNode all = JSON.createArrayNode();
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                for (Map.Entry<Integer, Field> tagged :
                        ((TaggedFields) bound.def.type).fields().entrySet()) {
                    all.add(describe(tagged.getValue()).insert(0, tagged.getKey()));
                }
            } else {
                all.add(describe(bound.def));
            }
        }
        return all;
    }

    private static ArrayNode describe(Field field) {
        ArrayNode description = JSON.createArrayNode().add(field.name);
        Type type = field.type;
        String wrap = "%s";
        if (type.isArray()) {
            wrap = (type.isNullable() ? "nullable " : "") + "array of %s";
            type = type.arrayElementType().orElseThrow();
        }
        if (type instanceof Schema) {
            String struct = type.isNullable() ? "nullable struct" : "struct";
            return description.add(String.format(wrap, struct)).add(fields((Schema) type));
        }
        return description.add(String.format(wrap, type.toString().toLowerCase()));
    }

    private static byte[] blob(DataInputStream in) throws IOException {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return bytes;
    }

    private static void write(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;

/** The bench's programs in Kafka Streams: one argument, the job as JSON. */
public final class StreamsBench {
    record Sale(String category, BigDecimal amount, Instant timestamp) {}

    record Factor(String category, long factor) {}

    record Cents(String category, long cents) {}

    record Revenue(String category, long window_start, BigDecimal revenue, long orders) {}

    record Total(BigDecimal revenue, long orders) {}

    private static final ObjectMapper JSON =
            new ObjectMapper()
                    .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
                    .registerModule(
                            new SimpleModule()
                                    .addDeserializer(Instant.class, new ReadInstant())
                                    .addSerializer(Instant.class, new WriteInstant()));

    private StreamsBench() {}

    public static void main(String[] args) throws IOException {
        JsonNode job = JSON.readTree(args[0]);
        KafkaStreams streams = new KafkaStreams(topology(job).build(), properties(job));
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }

    private static Properties properties(JsonNode job) {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, job.get("group").asText());
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("address").asText());
        p.put(StreamsConfig.STATE_DIR_CONFIG, job.get("folder").asText());
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, job.get("checkpoint_ms").asLong());
        boolean once = job.get("guarantee").asText().equals("exactly_once");
        p.put(
                StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
                once ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
        p.put("auto.offset.reset", "earliest");
        return p;
    }

    private static StreamsBuilder topology(JsonNode job) {
        StreamsBuilder builder = new StreamsBuilder();
        Serde<Sale> sale = json(Sale.class);
        KStream<String, Sale> sales =
                builder.stream(
                        job.get("input").asText(),
                        Consumed.with(Serdes.String(), sale)
                                .withTimestampExtractor(
                                        (record, before) ->
                                                ((Sale) record.value())
                                                        .timestamp()
                                                        .toEpochMilli()));
        String output = job.get("output").asText();
        switch (job.get("work").asText()) {
            case "sum" -> sum(grouped(sales, sale, job.get("keyed").asBoolean()), output);
            case "map" ->
                    sales.mapValues(one -> cents(one, 1))
                            .to(output, Produced.with(Serdes.String(), json(Cents.class)));
            case "join" -> {
                Serde<Factor> factor = json(Factor.class);
                var factors =
                        builder.table(
                                job.get("table").asText(), Consumed.with(Serdes.String(), factor));
                sales.join(
                                factors,
                                (one, row) -> cents(one, row.factor()),
                                Joined.with(Serdes.String(), sale, factor))
                        .to(output, Produced.with(Serdes.String(), json(Cents.class)));
            }
            default -> throw new IllegalArgumentException(job.get("work").asText());
        }
        return builder;
    }

    private static KGroupedStream<String, Sale> grouped(
            KStream<String, Sale> sales, Serde<Sale> sale, boolean keyed) {
        Grouped<String, Sale> how = Grouped.with(Serdes.String(), sale);
        return keyed ? sales.groupByKey(how) : sales.groupBy((key, one) -> one.category(), how);
    }

    private static void sum(KGroupedStream<String, Sale> sales, String output) {
        sales.windowedBy(
                        TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofSeconds(10)))
                .emitStrategy(EmitStrategy.onWindowClose())
                .aggregate(
                        () -> new Total(BigDecimal.ZERO, 0),
                        (key, one, total) ->
                                new Total(total.revenue().add(one.amount()), total.orders() + 1),
                        Materialized.with(Serdes.String(), totals()))
                .toStream()
                .map(
                        (window, total) ->
                                KeyValue.pair(
                                        window.key(),
                                        new Revenue(
                                                window.key(),
                                                window.window().start(),
                                                total.revenue(),
                                                total.orders())))
                .to(output, Produced.with(Serdes.String(), json(Revenue.class)));
    }

    private static Cents cents(Sale sale, long factor) {
        return new Cents(
                sale.category(), sale.amount().movePointRight(2).longValueExact() * factor);
    }

    private static <T> Serde<T> json(Class<T> type) {
        ObjectReader reader = JSON.readerFor(type);
        ObjectWriter writer = JSON.writerFor(type);
        return Serdes.serdeFrom(
                (topic, value) -> {
                    try {
                        return value == null ? null : writer.writeValueAsBytes(value);
                    } catch (IOException error) {
                        throw new UncheckedIOException(error);
                    }
                },
                (topic, data) -> {
                    try {
                        return data == null ? null : reader.readValue(data);
                    } catch (IOException error) {
                        throw new UncheckedIOException(error);
                    }
                });
    }

    /** In a few bytes: JSON here would cost more than all else. */
    private static Serde<Total> totals() {
        return Serdes.serdeFrom(
                (topic, total) -> {
                    if (total == null) {
                        return null;
                    }
                    byte[] digits = total.revenue().unscaledValue().toByteArray();
                    return ByteBuffer.allocate(12 + digits.length)
                            .putLong(total.orders())
                            .putInt(total.revenue().scale())
                            .put(digits)
                            .array();
                },
                (topic, data) -> {
                    if (data == null) {
                        return null;
                    }
                    ByteBuffer buffer = ByteBuffer.wrap(data);
                    long orders = buffer.getLong();
                    int scale = buffer.getInt();
                    byte[] digits = new byte[buffer.remaining()];
                    buffer.get(digits);
                    return new Total(new BigDecimal(new BigInteger(digits), scale), orders);
                });
    }

    private static final class ReadInstant extends JsonDeserializer<Instant> {
        @Override
        public Instant deserialize(JsonParser parser, DeserializationContext context)
                throws IOException {
            return Instant.parse(parser.getText());
        }
    }

    private static final class WriteInstant extends JsonSerializer<Instant> {
        @Override
        public void serialize(Instant value, JsonGenerator out, SerializerProvider provider)
                throws IOException {
            out.writeString(value.toString());
        }
    }
}

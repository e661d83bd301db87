import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.StringSerializer;

/** Begins to be a transactional producer at args[0], and prints how that ended and after how many ms. */
public final class Transactional {
    public static void main(String[] args) {
        Map<String, Object> settings =
                Map.of("bootstrap.servers", args[0], "transactional.id", "java", "max.block.ms", 60_000);
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            producer.partitionsFor("t"); // connected, so that the time is the broker's
            String ended = "initialised";
            long begun = System.nanoTime();
            try {
                producer.initTransactions();
            } catch (KafkaException refused) {
                ended = refused.getClass().getSimpleName();
            }
            System.out.println(ended + " " + (System.nanoTime() - begun) / 1_000_000);
        }
    }
}

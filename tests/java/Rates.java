import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.Quota;
import org.apache.kafka.common.metrics.stats.Rate;
import org.apache.kafka.common.metrics.stats.TokenBucket;

/**
 * Measures with Apache Kafka's own rates and token buckets, line by line.
 *
 * <p>"new SAMPLES SECONDS LIMIT" begins anew; "TIME VALUE" records the value at that time, and is
 * answered with the rate, the length of its window and the tokens that are left.
 */
public final class Rates {
    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        MetricConfig config = null;
        Rate rate = null;
        TokenBucket bucket = null;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            if (words[0].equals("new")) {
                config =
                        new MetricConfig()
                                .samples(Integer.parseInt(words[1]))
                                .timeWindow(Integer.parseInt(words[2]), TimeUnit.SECONDS)
                                .quota(new Quota(Double.parseDouble(words[3]), true));
                rate = new Rate();
                bucket = new TokenBucket();
                continue;
            }
            long now = Long.parseLong(words[0]);
            double value = Double.parseDouble(words[1]);
            rate.record(config, value, now);
            bucket.record(config, value, now);
            System.out.println(
                    rate.measure(config, now)
                            + " "
                            + rate.windowSize(config, now)
                            + " "
                            + bucket.measure(config, now));
            System.out.flush();
        }
    }
}

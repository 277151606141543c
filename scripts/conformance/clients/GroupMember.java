// A member of a group with Apache Kafka's own consumer: answers join, look and leave of group_client.ts, one JSON line each.
// usage: java GroupMember.java BOOTSTRAP

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

public class GroupMember {
    private static final Map<String, String> ASSIGNORS = Map.of(
        "range", "org.apache.kafka.clients.consumer.RangeAssignor",
        "roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor",
        "cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

    private static Polling polling;

    /** Polls in a thread of its own until it is told to leave. */
    static class Polling extends Thread implements ConsumerRebalanceListener {
        private final KafkaConsumer<String, String> consumer;
        private final String topic;
        private final TreeSet<Integer> assigned = new TreeSet<>();
        private List<List<Object>> records = new ArrayList<>();
        private List<List<Object>> assignments = new ArrayList<>();
        private Throwable error;
        private volatile boolean isLeaving;

        Polling(String bootstrap, JsonNode options) {
            Properties config = new Properties();
            config.put("bootstrap.servers", bootstrap);
            config.put("group.id", options.get("group").asText());
            config.put("enable.auto.commit", options.get("autoCommit").asText());
            config.put("auto.commit.interval.ms", "1000");
            config.put("auto.offset.reset", "earliest");
            config.put("fetch.max.wait.ms", "50");
            config.put("session.timeout.ms", "10000");
            config.put("heartbeat.interval.ms", "200");
            config.put("partition.assignment.strategy", ASSIGNORS.get(options.get("assignor").asText()));
            topic = options.get("topic").asText();
            consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
        }

        @Override
        public void run() {
            try {
                consumer.subscribe(List.of(topic), this);
                while (!isLeaving) {
                    var polled = consumer.poll(Duration.ofMillis(50));
                    synchronized (this) {
                        polled.forEach(record -> records.add(List.of(record.partition(), record.offset(), record.value())));
                    }
                }
                consumer.close(Duration.ofSeconds(20));
            } catch (Throwable thrown) {
                synchronized (this) {
                    error = thrown;
                }
            }
        }

        @Override
        public synchronized void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            partitions.forEach(place -> assigned.remove(place.partition()));
        }

        @Override
        public synchronized void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            consumer.assignment().forEach(place -> assigned.add(place.partition()));
            assignments.add(List.of(consumer.groupMetadata().generationId(), List.copyOf(assigned)));
        }

        synchronized Object look() throws Throwable {
            if (error != null) throw error;
            Object view = Map.of("assigned", List.copyOf(assigned), "records", records, "assignments", assignments);
            records = new ArrayList<>();
            assignments = new ArrayList<>();
            return view;
        }
    }

    private static Object answer(String bootstrap, String operation, JsonNode argument) throws Throwable {
        switch (operation) {
            case "join":
                polling = new Polling(bootstrap, argument);
                polling.start();
                return false;
            case "look":
                return polling.look();
            case "leave":
                polling.isLeaving = true;
                polling.join();
                return polling.look();
            default:
                throw new IllegalArgumentException("has no operation " + operation);
        }
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            JsonNode request = json.readTree(line);
            Object answer;
            try {
                answer = Map.of("result", answer(args[0], request.get("operation").asText(), request.get("argument")));
            } catch (Throwable thrown) {
                answer = Map.of("error", thrown.toString());
            }
            answers.println(json.writeValueAsString(answer));
        }
        Runtime.getRuntime().halt(0);
    }
}

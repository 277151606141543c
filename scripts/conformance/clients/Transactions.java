// Transactions with Apache Kafka's own clients: answers the operations of transaction_client.ts, one JSON line each.
// usage: java Transactions.java BOOTSTRAP

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Transactions {
    private static final long TIMEOUT_MS = 45_000;
    private static final int COPIED_AT_ONCE = 10;

    private final String bootstrap;
    private final Map<String, KafkaProducer<String, String>> producers = new HashMap<>();

    private Transactions(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    private KafkaProducer<String, String> newProducer(String transactionalId, int timeoutMs) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("transactional.id", transactionalId);
        config.put("transaction.timeout.ms", Integer.toString(timeoutMs));
        config.put("max.block.ms", "30000");
        KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        return producer;
    }

    private KafkaConsumer<String, String> newConsumer(String group) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        if (group != null) config.put("group.id", group);
        config.put("enable.auto.commit", "false");
        config.put("auto.offset.reset", "earliest");
        config.put("isolation.level", "read_committed");
        config.put("fetch.max.wait.ms", "100");
        if (group != null) config.put("max.poll.records", Integer.toString(COPIED_AT_ONCE));
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    private void send(KafkaProducer<String, String> producer, String topic, Iterable<JsonNode> values) throws Exception {
        List<Future<?>> sent = new ArrayList<>();
        for (JsonNode value : values) sent.add(producer.send(new ProducerRecord<>(topic, 0, null, value.asText())));
        producer.flush();
        for (Future<?> each : sent) {
            try {
                each.get();
            } catch (ExecutionException thrown) {
                throw (Exception) thrown.getCause();
            }
        }
    }

    private List<List<Object>> readCommitted(String topic, String until) {
        List<List<Object>> read = new ArrayList<>();
        long deadline = System.currentTimeMillis() + TIMEOUT_MS;
        try (KafkaConsumer<String, String> consumer = newConsumer(null)) {
            TopicPartition place = new TopicPartition(topic, 0);
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            while (System.currentTimeMillis() < deadline) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    read.add(List.of(record.offset(), record.value()));
                    if (record.value().equals(until)) return read;
                }
            }
        }
        throw new IllegalStateException("'" + until + "' did not come; " + read.size() + " records did");
    }

    /** All committed records that there are now: partition, offset, key, value. */
    private List<List<Object>> readAllCommitted(String topic) {
        List<List<Object>> read = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = newConsumer(null)) {
            List<TopicPartition> places = consumer.partitionsFor(topic).stream()
                .map(info -> new TopicPartition(topic, info.partition())).toList();
            consumer.assign(places);
            consumer.seekToBeginning(places);
            Map<TopicPartition, Long> ends = consumer.endOffsets(places);
            while (places.stream().anyMatch(place -> consumer.position(place) < ends.get(place))) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    read.add(List.of(record.partition(), record.offset(), Objects.toString(record.key(), ""),
                        Objects.toString(record.value(), "")));
                }
            }
        }
        return read;
    }

    /** Reads in a group, writes what it reads; every third transaction is aborted, and done again. */
    private int copy(String transactionalId, String group, String from, String to, int count) {
        int aborted = 0;
        long deadline = System.currentTimeMillis() + TIMEOUT_MS;
        try (KafkaProducer<String, String> producer = newProducer(transactionalId, 20_000);
                KafkaConsumer<String, String> consumer = newConsumer(group)) {
            TopicPartition place = new TopicPartition(from, 0);
            consumer.subscribe(List.of(from));
            int copied = 0;
            for (int turn = 1; copied < count; ) {
                if (System.currentTimeMillis() > deadline) throw new IllegalStateException(copied + " records copied");
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) continue;
                producer.beginTransaction();
                records.forEach(record -> producer.send(new ProducerRecord<>(to, 0, null, record.value())));
                Map<TopicPartition, OffsetAndMetadata> next = Map.of(place, new OffsetAndMetadata(consumer.position(place)));
                producer.sendOffsetsToTransaction(next, consumer.groupMetadata());
                if (turn++ % 3 == 0) {
                    producer.abortTransaction();
                    aborted++;
                    OffsetAndMetadata committed = consumer.committed(java.util.Set.of(place)).get(place);
                    consumer.seek(place, committed == null ? 0 : committed.offset());
                } else {
                    producer.commitTransaction();
                    copied += records.count();
                }
            }
        }
        return aborted;
    }

    /** Who says that it is an older generation of a group, or a member that is not there, is refused. */
    private String sendStaleOffsets(String transactionalId, String group, String topic) {
        TopicPartition place = new TopicPartition(topic, 0);
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(place, new OffsetAndMetadata(1));
        try (KafkaConsumer<String, String> consumer = newConsumer(group)) {
            consumer.subscribe(List.of(topic));
            while (consumer.assignment().isEmpty()) consumer.poll(Duration.ofMillis(100));
            ConsumerGroupMetadata now = consumer.groupMetadata();
            List<ConsumerGroupMetadata> stale = List.of(
                new ConsumerGroupMetadata(group, now.generationId() - 1, now.memberId(), now.groupInstanceId()),
                new ConsumerGroupMetadata(group, now.generationId(), "nobody", now.groupInstanceId()));
            for (ConsumerGroupMetadata each : stale) {
                try (KafkaProducer<String, String> producer = newProducer(transactionalId, 20_000)) {
                    producer.beginTransaction();
                    try {
                        producer.sendOffsetsToTransaction(offsets, each);
                        return "taken from generation " + each.generationId() + " of " + each.memberId();
                    } catch (CommitFailedException expected) {
                        producer.abortTransaction();
                    }
                }
            }
            try (KafkaProducer<String, String> producer = newProducer(transactionalId, 20_000)) {
                producer.beginTransaction();
                producer.sendOffsetsToTransaction(offsets, now);
                producer.commitTransaction();
            }
        }
        return "refused";
    }

    private Object answer(String operation, JsonNode argument) throws Exception {
        String name = argument.path("producer").asText();
        KafkaProducer<String, String> producer = producers.get(name);
        switch (operation) {
            case "initTransactions":
                producers.put(name, newProducer(argument.get("transactionalId").asText(), argument.get("timeoutMs").asInt()));
                return true;
            case "beginTransaction":
                producer.beginTransaction();
                return true;
            case "sendInTransaction":
                send(producer, argument.get("topic").asText(), argument.get("values"));
                return true;
            case "sendOffsets":
                producer.sendOffsetsToTransaction(
                    Map.of(new TopicPartition(argument.get("topic").asText(), 0),
                        new OffsetAndMetadata(argument.get("offset").asLong())),
                    new ConsumerGroupMetadata(argument.get("group").asText()));
                return true;
            case "commitTransaction":
                producer.commitTransaction();
                return true;
            case "abortTransaction":
                producer.abortTransaction();
                return true;
            case "closeProducer":
                producers.remove(name).close(Duration.ofSeconds(2));
                return true;
            case "readCommitted":
                return readCommitted(argument.get("topic").asText(), argument.get("until").asText());
            case "readAllCommitted":
                return readAllCommitted(argument.get("topic").asText());
            case "copyInTransactions":
                return copy(argument.get("transactionalId").asText(), argument.get("group").asText(),
                    argument.get("from").asText(), argument.get("to").asText(), argument.get("count").asInt());
            case "sendStaleOffsets":
                return sendStaleOffsets(argument.get("transactionalId").asText(), argument.get("group").asText(),
                    argument.get("topic").asText());
            default:
                throw new IllegalArgumentException("has no operation " + operation);
        }
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Transactions transactions = new Transactions(args[0]);
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            JsonNode request = json.readTree(line);
            Object answer;
            try {
                answer = Map.of("result", transactions.answer(request.get("operation").asText(), request.get("argument")));
            } catch (Throwable thrown) {
                answer = Map.of("error", thrown.toString());
            }
            answers.println(json.writeValueAsString(answer));
        }
        Runtime.getRuntime().halt(0);
    }
}

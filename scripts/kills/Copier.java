// The copier of copier.ts by Apache Kafka's own clients, told the same, as
// `name=value`, and with the same history.

import java.io.FileOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnsupportedVersionException;

public class Copier {
    static final double ABORT_CHANCE = 0.1;
    static final double PAUSE_CHANCE = 0.4;
    static final int PAUSE_MAX_MS = 300;
    static final int BEYOND_USE = 3;

    final Map<String, String> orders;
    final String name;
    final Random random;
    final OutputStream history;
    final KafkaConsumer<String, String> consumer;
    final KafkaProducer<String, String> producer;
    int entryCount = 0;
    int transactionCount = 0;
    int session = 0;

    Copier(Map<String, String> orders) throws Exception {
        this.orders = orders;
        name = orders.get("name");
        random = new Random(Long.parseLong(orders.get("seed")));
        history = new FileOutputStream(orders.get("directory") + "/" + name + ".history", true);
        Properties common = new Properties();
        common.put("bootstrap.servers", orders.get("bootstrap"));
        common.put("reconnect.backoff.max.ms", "200");
        Properties reading = with(common, "consumer.");
        reading.put("group.id", orders.get("group"));
        reading.put("enable.auto.commit", "false");
        reading.put("auto.offset.reset", "earliest");
        reading.put("isolation.level", "read_committed");
        for (String side : List.of("key", "value")) {
            reading.put(side + ".deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        }
        consumer = new KafkaConsumer<>(reading);
        Properties writing = with(common, "producer.");
        writing.put("linger.ms", "5");
        for (String side : List.of("key", "value")) {
            writing.put(side + ".serializer", "org.apache.kafka.common.serialization.StringSerializer");
        }
        producer = new KafkaProducer<>(writing);
    }

    Properties with(Properties common, String prefix) {
        Properties all = new Properties();
        all.putAll(common);
        orders.forEach((key, value) -> {
            if (key.startsWith(prefix)) all.put(key.substring(prefix.length()), value);
        });
        return all;
    }

    void run() throws Exception {
        producer.initTransactions();
        consumer.subscribe(List.of(orders.get("input")), new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                session++;
            }

            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                session++;
            }
        });
        while (true) {
            ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(500));
            if (records.isEmpty()) continue;
            for (TopicPartition place : records.partitions()) {
                List<ConsumerRecord<String, String>> chunk = records.records(place);
                begin("ok", "\"kind\":\"poll\"," + json(place)
                    + ",\"isolation\":\"read_committed\",\"session\":\"" + session
                    + "\",\"group\":" + quoted(orders.get("group"))
                    + ",\"offsets\":" + chunk.stream().map(ConsumerRecord::offset).toList()
                    + ",\"values\":" + chunk.stream().map(each -> quoted(each.value())).toList());
            }
            copy(records);
        }
    }

    void copy(ConsumerRecords<String, String> records) throws Exception {
        String transaction = name + "/" + transactionCount++;
        boolean isCommit = random.nextDouble() >= ABORT_CHANCE;
        ConsumerGroupMetadata group = consumer.groupMetadata();
        String endId = null;
        try {
            producer.beginTransaction();
            send(records, transaction, isCommit);
            linger();
            sendOffsets(records, transaction, group);
            if (!isCommit && random.nextDouble() < 0.8) producer.flush();
            linger();
            endId = begin("info", "\"kind\":\"end\",\"transaction\":" + quoted(transaction)
                + ",\"isCommit\":" + isCommit);
            retried(isCommit ? producer::commitTransaction : producer::abortTransaction);
            end(endId, "ok", "");
        } catch (ProducerFencedException | InvalidProducerEpochException | OutOfOrderSequenceException
            | AuthorizationException | UnsupportedVersionException failure) {
            throw failure;
        } catch (KafkaException failure) {
            System.err.println(transaction + ": " + failure);
            retried(producer::abortTransaction);
            if (endId != null) end(endId, "fail", "");
            isCommit = false;
        }
        if (isCommit) return;
        session++;
        for (TopicPartition place : records.partitions()) {
            consumer.seek(place, records.records(place).get(0).offset());
        }
    }

    void send(ConsumerRecords<String, String> records, String transaction, boolean isCommit) throws Exception {
        int count = Integer.parseInt(orders.get("outputPartitionCount"));
        List<List<String>> valuesOf = new ArrayList<>();
        for (int i = 0; i < count; i++) valuesOf.add(new ArrayList<>());
        for (ConsumerRecord<String, String> record : records) {
            long number = Long.parseLong(record.value());
            valuesOf.get((int) (number % count))
                .add((isCommit ? "" : "!") + number + ":" + number * 7919 % 1000003 + " " + transaction);
        }
        for (int partition = 0; partition < count; partition++) {
            if (!valuesOf.get(partition).isEmpty()) sendAll(partition, valuesOf.get(partition), transaction);
        }
    }

    void sendAll(int partition, List<String> values, String transaction) throws Exception {
        String topic = orders.get("output");
        String id = begin("info", "\"kind\":\"send\"," + json(new TopicPartition(topic, partition))
            + ",\"transaction\":" + quoted(transaction)
            + ",\"values\":" + values.stream().map(Copier::quoted).toList() + ",\"offsets\":[]");
        List<Long> offsets = new ArrayList<>();
        for (String value : values) {
            producer.send(new ProducerRecord<>(topic, partition, null, value), (place, failure) -> {
                if (failure != null) return;
                offsets.add(place.offset());
                if (offsets.size() == values.size()) end(id, "ok", ",\"offsets\":" + offsets);
            });
        }
    }

    void sendOffsets(ConsumerRecords<String, String> records, String transaction, ConsumerGroupMetadata group) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new LinkedHashMap<>();
        List<String> ids = new ArrayList<>();
        for (TopicPartition place : records.partitions()) {
            List<ConsumerRecord<String, String>> chunk = records.records(place);
            long offset = chunk.get(chunk.size() - 1).offset() + 1;
            offsets.put(place, new OffsetAndMetadata(offset));
            ids.add(begin("info", "\"kind\":\"commit\"," + json(place) + ",\"offset\":" + offset
                + ",\"group\":" + quoted(orders.get("group")) + ",\"transaction\":" + quoted(transaction)));
        }
        producer.sendOffsetsToTransaction(offsets, group);
        for (String id : ids) end(id, "ok", "");
    }

    /** A step that took too long has to be taken again. */
    void retried(Runnable step) {
        while (true) {
            try {
                step.run();
                return;
            } catch (TimeoutException late) {
                System.err.println(late);
            }
        }
    }

    void linger() throws InterruptedException {
        if (random.nextDouble() < PAUSE_CHANCE) Thread.sleep(random.nextInt(PAUSE_MAX_MS));
    }

    synchronized String begin(String outcome, String operation) {
        String id = name + ":" + entryCount++;
        long nowMs = System.currentTimeMillis();
        write("{\"id\":" + quoted(id) + ",\"process\":" + quoted(name) + ",\"outcome\":" + quoted(outcome)
            + ",\"atMs\":" + nowMs + (outcome.equals("ok") ? ",\"endMs\":" + nowMs : "") + "," + operation + "}");
        return id;
    }

    synchronized void end(String id, String outcome, String more) {
        write("{\"id\":" + quoted(id) + ",\"outcome\":" + quoted(outcome)
            + ",\"endMs\":" + System.currentTimeMillis() + more + "}");
    }

    void write(String line) {
        try {
            history.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (java.io.IOException failure) {
            throw new java.io.UncheckedIOException(failure);
        }
    }

    static String json(TopicPartition place) {
        return "\"topic\":" + quoted(place.topic()) + ",\"partition\":" + place.partition();
    }

    /** Names and values here have nothing to escape. */
    static String quoted(String text) {
        return "\"" + text + "\"";
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> orders = new HashMap<>();
        for (String argument : arguments) {
            int at = argument.indexOf('=');
            orders.put(argument.substring(0, at), argument.substring(at + 1));
        }
        try {
            new Copier(orders).run();
        } catch (KafkaException failure) {
            failure.printStackTrace();
            Runtime.getRuntime().halt(BEYOND_USE);
        }
    }
}

// Fills a topic as several of Apache Kafka's producers do at once: plain, idempotent and transactional ones, with every
// codec, tombstones and headers; transactions end either way, and some stay open over many others' batches.
//
// usage: CompactedTopic BOOTSTRAP TOPIC SEED ROUNDS

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.StringSerializer;

public class CompactedTopic {
    private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
    private static final int KEYS = 25;

    static class Sender {
        final KafkaProducer<String, String> producer;
        final boolean isTransactional;
        boolean isOpen;

        Sender(String bootstrap, String topic, int number) {
            isTransactional = number >= 4;
            Map<String, Object> config = new HashMap<>();
            config.put("bootstrap.servers", bootstrap);
            config.put("compression.type", CODECS[number % CODECS.length]);
            config.put("enable.idempotence", number >= 2);
            config.put("linger.ms", 1000);
            if (isTransactional) config.put("transactional.id", topic + "-" + number);
            producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
            if (isTransactional) producer.initTransactions();
        }
    }

    public static void main(String[] args) {
        String topic = args[1];
        Random random = new Random(Long.parseLong(args[2]));
        List<Sender> senders = new ArrayList<>();
        for (int i = 0; i < 8; i++) senders.add(new Sender(args[0], topic, i));
        for (int round = Integer.parseInt(args[3]); round > 0; round--) {
            Sender sender = senders.get(random.nextInt(senders.size()));
            if (sender.isOpen && random.nextInt(3) == 0) {
                end(sender, random.nextInt(5) < 2);
                continue;
            }
            if (sender.isTransactional && !sender.isOpen) {
                sender.producer.beginTransaction();
                sender.isOpen = true;
            }
            for (int i = 1 + random.nextInt(7); i > 0; i--) sender.producer.send(record(topic, random));
            sender.producer.flush();
        }
        for (Sender sender : senders) {
            if (sender.isOpen) end(sender, true);
            sender.producer.close();
        }
    }

    private static void end(Sender sender, boolean isAborted) {
        sender.isOpen = false;
        if (isAborted) sender.producer.abortTransaction();
        else sender.producer.commitTransaction();
    }

    private static ProducerRecord<String, String> record(String topic, Random random) {
        String value = random.nextInt(5) == 0 ? null : (random.nextInt(1000) + " ").repeat(random.nextInt(12));
        RecordHeaders headers = new RecordHeaders();
        if (random.nextInt(4) == 0) {
            headers.add("h", null);
            headers.add("h", String.valueOf(random.nextInt()).getBytes(StandardCharsets.UTF_8));
        }
        return new ProducerRecord<>(topic, 0, "key-" + random.nextInt(KEYS), value, headers);
    }
}

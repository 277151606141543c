// Counts words with Kafka Streams, exactly once: each line of the input topic's values is taken apart, the words go through
// a repartition topic, and every new count of a word goes to the output topic.
//
// usage: java WordCount.java BOOTSTRAP APPLICATION_ID INPUT OUTPUT STATE_DIRECTORY
//
// Writes one line for each thing that happens (`state RUNNING`, `restored 120`), and ends cleanly when its input does.

import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.StateRestoreListener;

public class WordCount {
    static class Restored implements StateRestoreListener {
        @Override
        public void onRestoreStart(TopicPartition place, String store, long first, long end) {
        }

        @Override
        public void onBatchRestored(TopicPartition place, String store, long end, long count) {
        }

        @Override
        public void onRestoreEnd(TopicPartition place, String store, long count) {
            System.out.println("restored " + count);
        }
    }

    private static Properties config(String[] args) {
        Properties config = new Properties();
        config.put("bootstrap.servers", args[0]);
        config.put("application.id", args[1]);
        config.put("state.dir", args[4]);
        config.put("processing.guarantee", StreamsConfig.EXACTLY_ONCE_V2);
        config.put("default.key.serde", Serdes.StringSerde.class.getName());
        config.put("default.value.serde", Serdes.StringSerde.class.getName());
        config.put("commit.interval.ms", "100");
        // Each new count is written, so that the output says how often each word was counted.
        config.put("statestore.cache.max.bytes", "0");
        config.put("repartition.purge.interval.ms", "300");
        config.put("producer.transaction.timeout.ms", "5000");
        config.put("producer.batch.size", "4096");
        config.put("consumer.auto.offset.reset", "earliest");
        config.put("consumer.session.timeout.ms", "6000");
        config.put("consumer.heartbeat.interval.ms", "500");
        config.put("consumer.max.poll.records", "50");
        config.put("topic.segment.bytes", "8192");
        config.put("topic.min.cleanable.dirty.ratio", "0.01");
        return config;
    }

    public static void main(String[] args) throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(args[2], Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.as("words"))
            .count(Materialized.as("counts"))
            .toStream()
            .mapValues(count -> Long.toString(count))
            .to(args[3], Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), config(args));
        streams.setStateListener((now, before) -> System.out.println("state " + now));
        streams.setGlobalStateRestoreListener(new Restored());
        streams.setUncaughtExceptionHandler(thrown -> {
            System.out.println("error " + thrown.toString().replaceAll("\\s+", " "));
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        while (System.in.read() >= 0) {
            // Only the end of the input counts.
        }
        boolean isClosed = streams.close(Duration.ofSeconds(20));
        System.out.println("closed " + isClosed);
        Runtime.getRuntime().halt(0);
    }
}
